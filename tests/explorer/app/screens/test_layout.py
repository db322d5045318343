from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from explorer.app.screens.layout import arrange

NUMBERS = ("1", "2", "2b", "3", "4", "5", "6")
sizes = {"width": st.integers(60, 260), "height": st.integers(9, 90)}


@given(**sizes, shown=st.sets(st.sampled_from(NUMBERS)), side=st.sampled_from("13456"))
def test_panes_fill_the_area_and_never_overlap(width, height, shown, side):
    regions = arrange(width, height, shown | {"1", "2"}, side)
    assert sum(region.area for region in regions.values()) == width * height
    found = list(regions.values())
    for index, region in enumerate(found):
        assert Region(0, 0, width, height).contains_region(region)
        assert not any(region.overlaps(other) for other in found[index + 1 :])


@given(**sizes, shown=st.sets(st.sampled_from(NUMBERS)), side=st.sampled_from("13456"))
def test_every_pane_has_room_for_a_line_inside_its_border(width, height, shown, side):
    for region in arrange(width, height, shown | {"1", "2"}, side).values():
        assert region.height >= 3
        assert region.width >= 18


@given(**sizes, number=st.sampled_from(NUMBERS))
def test_a_zoomed_pane_has_it_all(width, height, number):
    (region,) = arrange(width, height, {"1", "2"}, "1", zoomed=number).values()
    assert (region.x, region.y, region.width, region.height) == (0, 0, width, height)


def test_a_small_terminal_shows_the_chart_and_the_pane_asked_for():
    assert set(arrange(80, 21, set(NUMBERS), "1")) == {"1", "2"}
    assert set(arrange(80, 21, set(NUMBERS), "4")) == {"2", "4"}


def test_panes_put_away_leave_their_room_to_others():
    assert set(arrange(120, 37, {"1", "2", "4"}, "1")) == {"1", "2", "4"}
    assert set(arrange(200, 57, {"1", "2"}, "1")) == {"1", "2"}
    assert set(arrange(200, 57, set(NUMBERS), "1")) == set(NUMBERS)
