import pytest

from explorer.reproduction.numbers import Number, of_examples, with_wider


def test_the_wider_interval_is_kept_and_named():
    assert with_wider(0.6, (0.5, 0.7), (0.58, 0.62)) == Number(0.6, 0.5, 0.7, "seeds")
    assert with_wider(0.6, (0.59, 0.61), (0.58, 0.62)) == Number(0.6, 0.58, 0.62, "examples")
    assert with_wider(0.6, (0.5, 1.7), None) == Number(0.6, 0.5, 1.0, "seeds")
    assert with_wider(0.6, None, None) == with_wider(0.6, (None, None), None) == Number(0.6)


def test_several_seeds_on_the_same_examples_are_no_surer_than_one():
    assert of_examples([(0.5, 0.7), (0.6, 0.8)]) == pytest.approx((0.55, 0.75))
    assert of_examples([(0.5, 0.7), (None, None)]) is None
    assert of_examples([]) is None


def test_a_difference_has_a_sign_where_its_interval_keeps_clear_of_zero():
    more, less = Number(0.65, 0.62, 0.68), Number(0.55, 0.51, 0.59)
    found = more.minus(less)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.05, 0.15))
    assert (found.sign, less.minus(more).sign) == (1, -1)
    assert Number(0.59, 0.56, 0.62).minus(less).sign == 0
    assert more.minus(Number(0.1)).sign == 0
