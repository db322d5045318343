import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from explorer.charts.axes import CLOSEST, panned, showing, zoomed

numbers = st.floats(1e-3, 1e3)
shares = st.floats(0.05, 20)


@st.composite
def parts(draw):
    """A whole and a part of it."""
    low, first, second, high = sorted(draw(st.tuples(numbers, numbers, numbers, numbers)))
    assume(high - low > 1e-2 * high and second - first > 1e-2 * (high - low))
    return (low, high), (first, second)


@given(parts(), numbers, shares, st.booleans())
def test_zooming_never_leaves_the_whole_and_keeps_some_of_it(ends, middle, share, log):
    whole, part = ends
    low, high = zoomed(part, whole, middle, share, log)
    assert whole[0] <= low < high <= whole[1]
    assert log or high - low >= CLOSEST * (whole[1] - whole[0]) * 0.999


@given(parts(), st.floats(0, 1), shares, st.booleans())
def test_what_is_zoomed_at_stays_in_sight(ends, place, share, log):
    whole, part = ends
    middle = part[0] + place * (part[1] - part[0])
    low, high = zoomed(part, whole, middle, share, log)
    assert low <= middle * (1 + 1e-9)
    assert middle <= high * (1 + 1e-9)


@given(parts(), st.floats(-3, 3), st.booleans())
def test_panning_never_leaves_the_whole_and_keeps_the_size(ends, share, log):
    whole, part = ends
    low, high = panned(part, whole, share, log)
    assert whole[0] <= low < high <= whole[1]
    if not log:
        assert high - low == pytest.approx(part[1] - part[0])


@given(parts(), st.floats(0, 1), st.booleans())
def test_a_value_of_the_whole_can_always_be_shown(ends, place, log):
    whole, part = ends
    value = whole[0] + place * (whole[1] - whole[0])
    low, high = showing(part, whole, value, log)
    assert whole[0] <= low < high <= whole[1]
    assert low <= value * (1 + 1e-9)
    assert value <= high * (1 + 1e-9)


@given(parts(), st.booleans())
def test_zooming_out_far_enough_gives_exactly_the_whole(ends, log):
    whole, part = ends
    assert zoomed(part, whole, part[0], 1e6, log) == whole


def test_a_span_beside_the_whole_has_no_size_left():
    low, high = panned((5.0, 6.0), (1.0, 2.0), 0.0)
    assert low == high
