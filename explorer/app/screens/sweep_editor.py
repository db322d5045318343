"""The editor of a sweep file: what may come at the cursor stands in a list under it."""

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.geometry import Offset
from textual.widgets import TextArea

from explorer.app.look import style
from explorer.app.screens.choose import PointedList
from explorer.app.widgets.field import InOrder
from explorer.project.planning.sweep_text import HEADER, Offer, offers
from explorer.results.lines import sized

WIDEST = 30
"""Cells of the longest word of the list."""


class SweepEditor(InOrder, TextArea):
    """Lets tab take what is offered, the arrow keys choose and esc close the list; without one, tab asks for it."""

    BINDINGS: ClassVar = [
        Binding("tab", "complete", show=False),
        Binding("escape", "close", show=False),
    ]

    def __init__(self, id: str) -> None:
        super().__init__(id=id, compact=True, show_line_numbers=True, soft_wrap=True)
        self.list = PointedList(0, self._entry)
        """Stands beside the editor, over what is there."""
        self.list.can_focus = False
        self._typed, self._offers = "", list[Offer]()

    def get_line(self, line_index: int) -> Text:
        """A line: headers bold, comments dim."""
        line = super().get_line(line_index)
        if HEADER.match(line.plain):
            line.stylize("bold")
        elif line.plain.lstrip().startswith("#"):
            line.stylize(style(self.app.theme, "dim"))
        return line

    # What may come

    def _entry(self, index: int) -> tuple[str, str]:
        offer, width = self._offers[index], max(cell_len(offer.word) for offer in self._offers)
        return sized(offer.word, min(width, WIDEST)), offer.words

    def _look_up(self) -> None:
        self._typed, self._offers = offers(self.text, *self.cursor_location)

    @on(TextArea.Changed)
    def typed(self) -> None:
        """Offer what goes on as a word is typed."""
        self._look_up()
        whole = [offer.word for offer in self._offers] == [self._typed.strip('"')]
        self._show(bool(self._typed.strip('"')) and not whole)

    @on(TextArea.SelectionChanged)
    def moved(self) -> None:
        """The list is about the place that it was opened at."""
        if self.list.display and offers(self.text, *self.cursor_location) != (self._typed, self._offers):
            self.action_close()

    def _show(self, wanted: bool) -> None:
        self.list.display = wanted and bool(self._offers) and self.has_focus
        if self.list.display:
            self.list.offer(len(self._offers), self._entry)
            self.list.absolute_offset = self.cursor_screen_offset + Offset(-len(self._typed) - 3, 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Esc is the form's where there is no list to close."""
        return action != "close" or self.list.display

    def action_close(self) -> None:
        """Put the list away."""
        self.list.display = False

    def action_complete(self) -> None:
        """Take the entry under the cursor or the only one there is; where there is no list, show it."""
        chosen = self.list.highlighted if self.list.display else None
        before = (self._typed, self._offers)
        self._look_up()
        if chosen is None or before != (self._typed, self._offers):  # keys came faster than the list
            chosen = 0 if self._typed and len(self._offers) == 1 else None
        if chosen is None:
            self._show(True)
            return
        offer, (row, column) = self._offers[chosen], self.cursor_location
        self.replace(offer.text, (row, column - len(self._typed)), (row, column))
        self.move_cursor((row, column - len(self._typed) + len(offer.text) - offer.back))
        self._look_up()
        self.call_after_refresh(self._show, offer.text.endswith("= "))

    def action_cursor_down(self, select: bool = False) -> None:
        """In the list, where there is one."""
        if self.list.display:
            self.list.action_cursor_down()
        else:
            super().action_cursor_down(select)

    def action_cursor_up(self, select: bool = False) -> None:
        """In the list, where there is one."""
        if self.list.display:
            self.list.action_cursor_up()
        else:
            super().action_cursor_up(select)
