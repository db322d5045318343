import pytest

from explorer.reproduction.numbers import Number


def test_a_difference_has_a_sign_where_its_interval_keeps_clear_of_zero():
    more, less = Number(0.65, 0.62, 0.68), Number(0.55, 0.51, 0.59)
    found = more.minus(less)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.05, 0.15))
    assert (found.sign, less.minus(more).sign) == (1, -1)
    assert Number(0.59, 0.56, 0.62).minus(less).sign == 0
    assert more.minus(Number(0.1)).sign == 0
