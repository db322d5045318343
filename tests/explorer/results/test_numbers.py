import numpy as np
import pytest
from scipy import stats

from explorer.results.numbers import Number


def test_a_difference_has_a_sign_where_its_interval_keeps_clear_of_zero():
    more, less = Number(0.65, 0.62, 0.68), Number(0.55, 0.51, 0.59)
    found = more.minus(less)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.05, 0.15))
    assert (found.sign, less.minus(more).sign) == (1, -1)
    assert Number(0.59, 0.56, 0.62).minus(less).sign == 0
    assert more.minus(Number(0.1)).sign == 0


def test_numbers_of_the_same_targets_are_compared_target_by_target():
    """Targets differ more than the two numbers of each: only seed by seed are these told apart."""
    less = Number.over_targets({0: 0.50, 1: 0.60, 2: 0.70, 3: 0.80})
    more = Number.over_targets({3: 0.83, 1: 0.62, 0: 0.52, 2: 0.73, 7: 0.1})
    apart = [0.02, 0.02, 0.03, 0.03]
    found = more.minus(less)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(apart), scale=stats.sem(apart))
    assert (found.value, found.low, found.high) == pytest.approx((0.025, low, high))
    assert found.over == "seeds"
    assert (found.sign, Number(less.value, less.low, less.high).minus(less).sign) == (1, 0)


def test_a_mean_over_targets_has_students_interval_within_0_and_1():
    values = [0.50, 0.58, 0.60]
    found = Number.over_targets(dict(enumerate(values)))
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high))
    assert found.over == "seeds"
    assert Number.over_targets({0: 0.0, 1: 0.02, 2: 0.0}).low == 0.0


def test_two_targets_are_too_few_to_tell_anything():
    pair = Number.over_targets({0: 0.9, 1: 0.9})
    assert (pair.low, pair.minus(Number.over_targets({0: 0.5, 1: 0.5})).sign) == (None, 0)
    three = Number.over_targets({0: 0.5, 4: 0.5, 5: 0.5})
    assert three.minus(pair).value == pytest.approx(-0.4)
