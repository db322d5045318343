import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App
from textual.geometry import Region

from explorer.app.widgets.page import LazyLines, Page
from explorer.app.widgets.pane import Pane
from explorer.results.lines import line_text, plain


class Listing(Pane):
    """A list of words with a cursor."""

    NUMBER, NAME, SCOPE = "9", "List", "listing"
    head, title, note, at = (plain("HEAD"),), "", "", 0

    def __init__(self):
        super().__init__()
        self.words = [f"row {index}" for index in range(50)]

    def page(self, width, height):
        at = None if self.at is None or not self.words else min(self.at, len(self.words) - 1)
        return Page([plain(word) for word in self.words], self.head, at, self.title, self.note)

    def cursor_moved(self, index):
        self.at = index
        self.draw()


class Alone(App):
    """Nothing but the list."""

    CSS = "Listing { border: round white; width: 30; height: 12; }"

    def compose(self):
        yield Listing()


@pytest.fixture
async def pane():
    app = Alone()
    async with app.run_test(size=(60, 20)) as pilot:
        found = app.query_one(Listing)
        found.pilot = pilot
        await pilot.pause()
        yield found


@pytest.fixture
def painted(pane, monkeypatch):
    """Regions painted again since the last look; None is all of the pane."""
    regions, refresh = [], pane.refresh

    def count(*given, **options):
        regions.extend(given or [None])
        return refresh(*given, **options)

    monkeypatch.setattr(pane, "refresh", count)
    return regions


def on_screen(pane):
    return [strip.text[1:29].rstrip() for strip in pane.app.screen._compositor.render_strips()[1:11]]


def rows(regions):
    return sorted(region.y for region in regions)


async def test_a_page_is_a_head_above_lines(pane):
    assert on_screen(pane) == ["HEAD", *(f"row {index}" for index in range(9))]


async def test_nothing_is_painted_where_nothing_changed(pane, painted):
    pane.draw()
    assert painted == []


async def test_only_lines_that_changed_are_painted(pane, painted):
    pane.words[3] = "other"
    pane.draw()
    assert painted == [Region(0, 4, pane.size.width, 1)]
    await pane.pilot.pause()
    assert on_screen(pane)[4] == "other"


async def test_a_cursor_that_moves_paints_two_lines(pane, painted):
    pane.action_down()
    assert rows(painted) == [1, 2]


async def test_lines_out_of_sight_are_not_painted(pane, painted):
    pane.words[30] = "other"
    pane.draw()
    assert painted == []


async def test_a_note_that_changes_paints_the_borders_only(pane, painted):
    pane.note = "3/50"
    pane.draw()
    assert painted == [Region(-1, -1, 30, 1), Region(-1, 10, 30, 1)]
    await pane.pilot.pause()
    assert pane.app.screen._compositor.render_strips()[11].text[:30].endswith(" 3/50 ─╯")


async def test_more_lines_lay_nothing_out_anew(pane, painted, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the screen was laid out")

    monkeypatch.setattr(pane.screen, "_refresh_layout", never)
    pane.words.append("one more")
    pane.draw()
    await pane.pilot.pause()
    assert painted == []


async def test_brackets_in_titles_are_no_markup(pane):
    pane.title, pane.note = "[red]a[/]", "\\[x]"
    pane.draw()
    await pane.pilot.pause()
    strips = pane.app.screen._compositor.render_strips()
    assert " 9 List  [red]a[/] " in strips[0].text
    assert "\\[x]" in strips[11].text


async def test_titles_and_notes_too_long_lose_whole_words(pane):
    pane.title, pane.note = "24 · filter pgd · sort capacity", "1/24 · / filter · space on chart"
    pane.draw()
    assert pane.border_title == "9 List  24 · filter pgd"
    assert pane.border_subtitle == "1/24 · / filter"


async def test_the_window_follows_the_cursor_and_the_head_stays(pane):
    pane.action_end()
    await pane.pilot.pause()
    assert on_screen(pane) == ["HEAD", *(f"row {index}" for index in range(41, 50))]
    pane.action_up()
    await pane.pilot.pause()
    assert on_screen(pane)[1] == "row 41"
    pane.action_top()
    await pane.pilot.pause()
    assert on_screen(pane)[:2] == ["HEAD", "row 0"]


async def test_keys_move_the_cursor_by_lines_and_windows_and_not_beyond_the_ends(pane):
    for action, place in [
        *((pane.action_up, 0), (pane.action_down, 1), (pane.action_page_down, 9), (pane.action_page_up, 1)),
        *((pane.action_page_up, 0), (pane.action_end, 49), (pane.action_down, 49), (pane.action_page_down, 49)),
    ]:
        action()
        assert pane.position == pane.at == place


def sees_cursor(pane):
    top = round(pane.scroll_y)
    window = pane.size.height - len(pane.shown.head)
    return top <= pane.shown.cursor < top + window and 0 <= top <= max(0, len(pane.words) - window)


@pytest.mark.parametrize(("at", "left"), [(45, 3), (45, 46), (49, 0), (20, 12), (0, 1)])
async def test_after_filtering_the_cursor_is_in_sight_and_the_window_full(pane, at, left):
    pane.cursor_moved(at)
    pane.words = pane.words[:left]
    pane.draw()
    await pane.pilot.pause()
    if left:
        assert sees_cursor(pane)
        shown = [line for line in on_screen(pane)[1:] if line]
        assert len(shown) == min(left, 9)
    else:
        assert on_screen(pane) == ["HEAD"] + [""] * 9


async def test_a_page_without_cursor_is_scrolled_and_stays_full_when_it_shrinks(pane):
    pane.at = None
    pane.draw()
    pane.action_page_down()
    assert pane.position == 8
    pane.action_end()
    assert pane.position == 41
    pane.words = pane.words[:12]
    pane.draw()
    await pane.pilot.pause()
    assert pane.position == 3
    assert on_screen(pane)[-1] == "row 11"


async def test_a_smaller_window_keeps_the_cursor_in_sight(pane):
    pane.cursor_moved(8)
    pane.styles.height = 6
    await pane.pilot.pause()
    await pane.pilot.pause()
    assert pane.size.height == 4
    assert sees_cursor(pane)


async def test_the_wheel_may_look_away_from_the_cursor(pane):
    pane.draw()
    pane.scroll_to(y=20, animate=False)
    pane.draw()
    assert pane.scroll_y == 20
    pane.action_down()
    assert sees_cursor(pane)


async def test_a_click_moves_the_cursor(pane):
    await pane.pilot.click(Listing, offset=(3, 5))  # the border, the head, rows 0 to 3
    assert pane.at == 3
    await pane.pilot.click(Listing, offset=(3, 1))
    assert pane.at == 3
    pane.words = pane.words[:2]
    pane.draw()
    await pane.pilot.click(Listing, offset=(3, 8))
    assert pane.shown.cursor == 1


async def test_an_empty_page_takes_every_key(pane):
    pane.words = []
    pane.draw()
    for action in (pane.action_down, pane.action_up, pane.action_end, pane.action_page_down, pane.action_top):
        action()
    assert pane.line_to_copy() == ""
    assert pane.text() == "HEAD"


async def test_what_is_copied_is_the_line_or_the_page(pane):
    pane.cursor_moved(2)
    assert pane.line_to_copy() == "row 2"
    assert pane.text().splitlines()[:2] == ["HEAD", "row 0"]


async def test_a_hidden_pane_is_not_drawn_and_is_up_to_date_when_it_is_shown(pane, until):
    pane.display = False
    await pane.pilot.pause()
    pane.words[0] = "new"
    pane.draw()
    assert line_text(pane.shown.lines[0]) == "row 0"
    pane.display = True
    await until(pane.pilot, lambda: line_text(pane.shown.lines[0]) == "new")


@given(st.integers(0, 200), st.lists(st.integers(0, 199), max_size=20))
def test_lazy_lines_are_made_once_and_only_where_wanted(count, wanted):
    made = []

    def make(index):
        made.append(index)
        return plain(str(index))

    lines = LazyLines(count, make)
    assert len(lines) == count
    wanted = [index for index in wanted if index < count]
    assert [line_text(lines[index]) for index in wanted] == [str(index) for index in wanted]
    assert sorted(made) == sorted(set(wanted))
    assert [line_text(line) for line in lines] == [str(index) for index in range(count)]
    assert len(made) == count
    with pytest.raises(IndexError):
        lines[count]
