import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from explorer.app.screens.layout import SETS, arrange, panes_of
from explorer.project.choices import LAYOUTS

NUMBERS = ("1", "2", "2b", "2c", "2d", "3", "4", "5", "6", "7")
sizes = {"width": st.integers(60, 260), "height": st.integers(9, 90)}


@given(**sizes, shown=st.sets(st.sampled_from(NUMBERS)), side=st.sampled_from("1234567"))
def test_panes_fill_the_area_and_never_overlap(width, height, shown, side):
    regions = arrange(width, height, shown | {"1", "2"}, side)
    assert sum(region.area for region in regions.values()) == width * height
    found = list(regions.values())
    for index, region in enumerate(found):
        assert Region(0, 0, width, height).contains_region(region)
        assert not any(region.overlaps(other) for other in found[index + 1 :])


@given(**sizes, shown=st.sets(st.sampled_from(NUMBERS)), side=st.sampled_from("1234567"))
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
    assert set(arrange(80, 21, set(NUMBERS), "2")) == {"2"}


def test_panes_put_away_leave_their_room_to_others():
    assert set(arrange(120, 37, {"1", "2", "4"}, "1")) == {"1", "2", "4"}
    assert set(arrange(200, 57, {"1", "2"}, "1")) == {"1", "2"}
    assert set(arrange(200, 57, set(NUMBERS), "1")) == set(NUMBERS)


@pytest.mark.parametrize(
    ("layout", "size", "panes"),
    [
        ("story", (120, 36), "1 2 3 7"),
        ("story", (160, 41), "1 2 2b 3 7"),
        ("story", (200, 56), "1 2 2b 2c 2d 3 7"),
        ("work", (120, 36), "1 2 3 4 6"),
        ("work", (200, 56), "1 2 2b 3 4 6"),
        ("charts", (120, 36), "2 2b"),
        ("charts", (200, 56), "2 2b 2c 2d"),
    ],
)
def test_each_layout_shows_what_there_is_room_for(layout, size, panes):
    assert set(arrange(*size, panes_of(layout, [], ["5"], False), "2")) == set(panes.split())


def test_the_story_has_its_queue_while_there_is_work_and_others_have_not():
    for layout in LAYOUTS:
        more = panes_of(layout, [], [], True) - panes_of(layout, [], [], False)
        assert more == ({"4"} if layout == "story" else set())
    assert set(SETS) == set(LAYOUTS)


def test_panes_are_added_to_a_layout_and_put_away():
    assert panes_of("charts", ["1"], ["2b"], False) == {"1", "2", "2c", "2d"}
