"""A bordered page of lines, of which only those that changed are painted again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.segment import Segment as RichSegment
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from explorer.app import look
from explorer.results.lines import Line, fitted, wrapped

CORNERS = 6
"""Cells of a border that its title cannot have: corners, lines and blanks."""


@dataclass(frozen=True)
class Page:
    """What is shown."""

    lines: Sequence[Line]
    head: Sequence[Line] = ()
    """Lines that stay above the others, such as a table's header."""
    cursor: int | None = None
    """The line under the cursor; None where a page is only scrolled."""
    title: str = ""
    """In the upper border, behind a pane's number and name."""
    note: str = ""
    """In the lower border."""
    foot: Sequence[Line] = ()
    """Lines at the bottom of a window that has room for them besides all others."""

    def row(self, y: int, top: int, height: int) -> tuple[Line, bool] | None:
        """What is in row `y` of a window scrolled down to line `top`, and whether it is under the cursor."""
        if y < len(self.head):
            return self.head[y], False
        index = y - len(self.head) + top
        if index < len(self.lines):
            return self.lines[index], index == self.cursor
        below = y - height + len(self.foot)
        return (self.foot[below], False) if below >= 0 else None


def saying(words: str, width: int, title: str = "") -> Page:
    """A page that says why there is nothing else on it."""
    return Page(wrapped(words, width - 1, "dim", first=" ", hang=1), title=title)


class LazyLines(Sequence[Line]):
    """The lines of a long page, each made when it is first wanted: most of them are out of sight."""

    def __init__(self, count: int, make: Callable[[int], Line]):
        """`make` is given a line's index."""
        self._make = make
        self._made: list[Line | None] = [None] * count

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[Line]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> Line:
        line = self._made[index]
        if line is None:
            line = self._made[index] = self._make(index)
        return line


class Lines(ScrollView, can_focus=True):
    """Draws `page()`, which subclasses make."""

    DEFAULT_CSS = """
    Lines {
        overflow: hidden scroll;
        scrollbar-size: 0 0;
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown = Page(())
        self._bordered = ("", "")
        self._window = 0

    def page(self, width: int, height: int) -> Page:
        """The page as it should be now, for a window of so many cells."""
        raise NotImplementedError

    def titled(self, title: str) -> str:
        """The page's title as the upper border shows it."""
        return title

    @property
    def border_room(self) -> int:
        """Cells for words in the upper border, and in the lower one."""
        return self.outer_size.width - CORNERS

    # Drawing

    def draw(self) -> None:
        """Bring the screen up to date with what is known; costs nothing to the terminal where nothing changed."""
        if not self.display or not self.size.width:
            return
        old, self.shown = self.shown, self.page(self.size.width, self.size.height)
        self._set_titles()
        self._scroll_into_page(old)
        self._refresh_changed(old)

    def _set_titles(self) -> None:
        titles = fitted(self.titled(self.shown.title), self.border_room), fitted(self.shown.note, self.border_room)
        if titles != self._bordered:
            self._bordered = titles
            # To assign `border_title` would paint the whole pane; these two lines are all that changed.
            self._border_title, self._border_subtitle = (Content(words) if words else None for words in titles)
            width, height = self.outer_size
            self.refresh(Region(-1, -1, width, 1), Region(-1, height - 2, width, 1))

    def _scroll_into_page(self, old: Page) -> None:
        """Scroll where the cursor has left the window, or the page has become too short for it."""
        window, cursor = self.size.height, self.shown.cursor
        # To assign `virtual_size` would lay out the whole screen; no other widget depends on it.
        self.set_reactive(Lines.virtual_size, Size(self.size.width, len(self.shown.head) + len(self.shown.lines)))
        moved = cursor != old.cursor or len(old.head) != len(self.shown.head) or window != self._window
        if cursor is not None and moved:
            self.keep_in_sight(cursor)
        elif self.scroll_y > self.max_scroll_y:
            self.show_from(self.max_scroll_y)
        self._window = window

    def _refresh_changed(self, old: Page) -> None:
        width, top = self.size.width, round(self.scroll_y)
        for y in range(height := self.size.height):
            if old.row(y, top, height) != self.shown.row(y, top, height):
                self.refresh(Region(0, y, width, 1))

    def keep_in_sight(self, index: int) -> None:
        """Scroll as little as shows the line."""
        window = max(1, self.size.height - len(self.shown.head))
        top = min(round(self.scroll_y), self.max_scroll_y)
        wanted = min(max(top, index - window + 1), index)
        if wanted != self.scroll_y:
            self.show_from(wanted)

    def show_from(self, top: float) -> None:
        """Scroll to a line at once."""
        self.scroll_to(y=top, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        """One row of the window (Textual's line API)."""
        row = self.shown.row(y, round(self.scroll_y), self.size.height)
        base = self.rich_style
        theme = self.app.theme
        if row is None:
            return Strip.blank(self.size.width, base)
        line, under_cursor = row
        marked = base + look.style(theme, "cursor") if under_cursor else base
        segments = [RichSegment(text, marked + look.style(theme, tone)) for text, tone in line]
        return Strip(segments).adjust_cell_length(self.size.width, marked)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolled: paint again what shows now."""
        super().watch_scroll_y(old_value, new_value)
        self.refresh()

    def on_resize(self) -> None:
        """Another size is another page."""
        self.draw()

    def on_show(self) -> None:
        """What was put away was not kept up to date."""
        self.draw()
