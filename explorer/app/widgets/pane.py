"""A pane: a bordered page of lines, of which only those that changed are painted again."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment as RichSegment
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from explorer.app import actions, look
from explorer.project.choices import View
from explorer.project.live import Live
from explorer.results.lines import Line, fitted, line_text

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen


ACTION = re.compile("{(" + "|".join(map(re.escape, actions.BY_ID)) + ")}")
CORNERS = 6
"""Cells of a border that its title cannot have: corners, lines and blanks."""


@dataclass(frozen=True)
class Page:
    """What a pane shows."""

    lines: Sequence[Line]
    head: Sequence[Line] = ()
    """Lines that stay above the others, such as a table's header."""
    cursor: int | None = None
    """The line under the cursor; None where a page is only scrolled."""
    title: str = ""
    """In the upper border, behind the pane's number and name."""
    note: str = ""
    """In the lower border."""
    foot: Sequence[Line] = ()
    """Lines at the bottom of a window that has room for them besides all others."""


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


class Pane(ScrollView, can_focus=True):
    """Draws `page()`; subclasses say what is on it and carry out the actions of their scope."""

    NUMBER: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    SCOPE: ClassVar[str] = ""
    """Scope of the pane's own actions."""
    HELP: ClassVar[str] = ""
    """One or two sentences for the help screen."""
    BINDINGS = actions.bindings("list")
    DEFAULT_CSS = """
    Pane {
        overflow: hidden scroll;
        scrollbar-size: 0 0;
    }
    """

    def __init__(self, number: str = "") -> None:
        """`number` tells a second pane of one kind from the first."""
        super().__init__(id=self.SCOPE + number.removeprefix(self.NUMBER))
        self.NUMBER = number or self.NUMBER
        self.shown = Page(())
        self.search = ""
        """Text typed after `/` into a pane that is searched rather than filtered."""
        self._bordered = ("", "")
        self._window = 0

    # What subclasses say

    def page(self, width: int, height: int) -> Page:
        """The page as it should be now, for a window of so many cells."""
        raise NotImplementedError

    def cursor_moved(self, index: int) -> None:
        """The person moved the cursor to that line."""

    # What they build on

    @property
    def main(self) -> "MainScreen":
        """The main screen, which holds the project and the choices."""
        return self.screen

    @property
    def live(self) -> Live:
        """The project, held still where the view is paused."""
        return getattr(self.screen, "held", None) or self.app.live

    @property
    def view(self) -> View:
        """The person's choices."""
        return self.app.view

    def draw(self) -> None:
        """Bring the screen up to date with what is known; costs nothing to the terminal where nothing changed."""
        if not self.display or not self.size.width:
            return
        old, self.shown = self.shown, self.page(self.size.width, self.size.height)
        self._set_titles()
        self._scroll_into_page(old)
        self._refresh_changed(old)

    def keyed(self, words: str) -> str:
        """The words with the keys of the actions named in braces: `{runs.open} open`."""
        return ACTION.sub(lambda found: self.app.key_of(actions.BY_ID[found[1]]), words)

    @property
    def border_room(self) -> int:
        """Cells for words in the upper border, and in the lower one."""
        return self.outer_size.width - CORNERS

    def fitting_title(self, titles: Sequence[str]) -> str:
        """The first title that the upper border has room for, else the last one."""
        return next((title for title in titles if cell_len(self._titled(title)) <= self.border_room), titles[-1])

    def _titled(self, title: str) -> str:
        return f"{self.NUMBER} {self.NAME}{'  ' if self.NAME else ''}{title}".strip()

    def _set_titles(self) -> None:
        titles = fitted(self._titled(self.shown.title), self.border_room), fitted(self.shown.note, self.border_room)
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
        self.set_reactive(Pane.virtual_size, Size(self.size.width, len(self.shown.head) + len(self.shown.lines)))
        if cursor is not None and (cursor != old.cursor or window != self._window):
            self.keep_in_sight(cursor)
        elif self.scroll_y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        self._window = window

    def _refresh_changed(self, old: Page) -> None:
        width, top = self.size.width, round(self.scroll_y)
        for y in range(height := self.size.height):
            if _row(old, y, top, height) != _row(self.shown, y, top, height):
                self.refresh(Region(0, y, width, 1))

    def keep_in_sight(self, index: int) -> None:
        """Scroll as little as shows the line."""
        window = max(1, self.size.height - len(self.shown.head))
        top = min(round(self.scroll_y), self.max_scroll_y)
        wanted = min(max(top, index - window + 1), index)
        if wanted != self.scroll_y:
            self.scroll_to(y=wanted, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        """One row of the window (Textual's line API)."""
        row = _row(self.shown, y, round(self.scroll_y), self.size.height)
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
        """A pane that was put away was not kept up to date."""
        self.draw()

    # Moving

    def move_to(self, index: int) -> None:
        """Move the cursor, or the window where there is no cursor."""
        if self.shown.cursor is None:
            self.scroll_to(y=max(0, index), animate=False, immediate=True)
        elif self.shown.lines:
            self.cursor_moved(min(max(0, index), len(self.shown.lines) - 1))

    @property
    def position(self) -> int:
        """Line of the cursor, or the first one shown."""
        return round(self.scroll_y) if self.shown.cursor is None else self.shown.cursor

    def action_down(self) -> None:
        """One line down."""
        self.move_to(self.position + 1)

    def action_up(self) -> None:
        """One line up."""
        self.move_to(self.position - 1)

    def action_top(self) -> None:
        """To the first line."""
        self.move_to(0)

    def action_end(self) -> None:
        """To the last line."""
        self.move_to(len(self.shown.lines))

    def action_page_down(self) -> None:
        """A window down."""
        self.move_to(self.position + max(1, self.size.height - 2))

    def action_page_up(self) -> None:
        """A window up."""
        self.move_to(self.position - max(1, self.size.height - 2))

    def action_sort_next(self) -> None:
        """Panes that cannot be sorted stay as they are."""

    def action_sort_reverse(self) -> None:
        """Panes that cannot be sorted stay as they are."""

    def on_click(self, event: events.Click) -> None:
        """The line clicked on comes under the cursor."""
        offset = event.get_content_offset(self)
        if offset is not None and self.shown.cursor is not None and offset.y >= len(self.shown.head):
            index = offset.y - len(self.shown.head) + round(self.scroll_y)
            if index < len(self.shown.lines):
                self.cursor_moved(index)

    # Text for copying

    def line_to_copy(self) -> str:
        """What `y` copies: the line under the cursor or the one at the top."""
        if not self.shown.lines:
            return ""
        return line_text(self.shown.lines[min(self.position, len(self.shown.lines) - 1)]).strip()

    def text(self) -> str:
        """What `Y` copies: the whole page."""
        return "\n".join(line_text(line).rstrip() for line in (*self.shown.head, *self.shown.lines))


def _row(page: Page, y: int, top: int, height: int) -> tuple[Line, bool] | None:
    """What is in row `y` of the window, and whether it is under the cursor."""
    if y < len(page.head):
        return page.head[y], False
    index = y - len(page.head) + top
    if index < len(page.lines):
        return page.lines[index], index == page.cursor
    below = y - height + len(page.foot)
    return (page.foot[below], False) if below >= 0 else None
