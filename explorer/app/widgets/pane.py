"""A pane: a page of lines with a scope of actions, a cursor that keys move, and texts to copy."""

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.message import Message

from explorer.app import actions
from explorer.app.host import Host
from explorer.app.widgets.page import Lines
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.project.selection import Selection
from explorer.results.lines import line_text

ACTION = re.compile("{(" + "|".join(map(re.escape, actions.BY_ID)) + ")}")

SORTING = ("list.sort-next", "list.sort-reverse")


class Pane(Lines):
    """Subclasses say what is on the page and carry out the actions of their scope."""

    NUMBER: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    SCOPE: ClassVar[str] = ""
    """Scope of the pane's own actions."""
    HELP: ClassVar[str] = ""
    """One or two sentences for the help screen."""
    BINDINGS = actions.bindings("list")

    class CursorMoved(Message):
        """A click moved the cursor; keys do so within actions, after which everything is drawn anyway."""

    def __init__(self, number: str = "") -> None:
        """`number` tells a second pane of one kind from the first."""
        super().__init__(id=self.SCOPE + number.removeprefix(self.NUMBER))
        self.NUMBER = number or self.NUMBER
        self.search = ""
        """Text typed after `/` into a pane that is searched rather than filtered."""
        self.held: OpenProject | None = None
        """The project as it was when the view was paused; None while it is not."""

    def cursor_moved(self, index: int) -> None:
        """The person moved the cursor to that line."""

    def head_clicked(self, x: int) -> None:
        """The person clicked on the first line of the head, in that cell."""

    # What subclasses build on

    @property
    def host(self) -> Host:
        """The app."""
        return self.app

    @property
    def project(self) -> OpenProject:
        """The project, held still where the view is paused."""
        return self.held or self.host.project

    @property
    def choices(self) -> Choices:
        """The person's choices."""
        return self.host.choices

    @property
    def selection(self) -> Selection:
        """The runs that are seen by these choices."""
        return Selection(self.project, self.choices)

    def keyed(self, words: str) -> str:
        """The words with the keys of the actions named in braces: `{runs.open} open`."""
        return ACTION.sub(lambda found: self.host.key_of(actions.BY_ID[found[1]]), words)

    def fitting_title(self, titles: Sequence[str]) -> str:
        """The first title that the upper border has room for, else the last one."""
        return next((title for title in titles if cell_len(self.titled(title)) <= self.border_room), titles[-1])

    def titled(self, title: str) -> str:
        """The title behind number and name."""
        return f"{self.NUMBER} {self.NAME}{'  ' if self.NAME else ''}{title}".strip()

    def refusal(self, action_id: str) -> str:
        """Why an action would do nothing here now, in a few words; empty where it does something."""
        sorts = type(self).action_sort_next is not Pane.action_sort_next
        return "nothing to sort here" if action_id in SORTING and not sorts else ""

    # Moving

    def move_to(self, index: int) -> None:
        """Move the cursor, or the window where there is no cursor."""
        if self.shown.cursor is None:
            self.show_from(max(0, index))
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
        """The line clicked on comes under the cursor; a header does what the pane makes of it."""
        offset = event.get_content_offset(self)
        if offset is not None and self.shown.head and offset.y == 0:
            self.head_clicked(offset.x)
            self.post_message(self.CursorMoved())
        if offset is not None and self.shown.cursor is not None and offset.y >= len(self.shown.head):
            index = offset.y - len(self.shown.head) + round(self.scroll_y)
            if index < len(self.shown.lines):
                self.cursor_moved(index)
                self.post_message(self.CursorMoved())

    # Text for copying

    def line_to_copy(self) -> str:
        """What `y` copies: the line under the cursor or the one at the top."""
        if not self.shown.lines:
            return ""
        return line_text(self.shown.lines[min(self.position, len(self.shown.lines) - 1)]).strip()

    def text(self) -> str:
        """What `Y` copies: the whole page."""
        return "\n".join(line_text(line).rstrip() for line in (*self.shown.head, *self.shown.lines))
