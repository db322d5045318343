"""A field of a dialog with a few values, all of them shown while they fit: left and right choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from explorer.app.widgets.box import rich_text
from explorer.results.lines import Line, Segment, sized

MORE = "…"
"""There are more values that way."""
LABEL = 11
"""Cells of pointer and label, the same for every field of a dialog."""


class Choice(Widget, can_focus=True):
    """The chosen value stands in square brackets; values that need more than one line are wrapped.

    Of those that need more lines than it may have, the ones around the chosen value are shown between `…`.
    """

    BINDINGS: ClassVar = [
        Binding("right,l,space", "step(1)", show=False),
        Binding("left,h", "step(-1)", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Another value was chosen by hand."""

        choice: "Choice"

        @property
        def control(self) -> "Choice":
            """The field, for selectors."""
            return self.choice

    def __init__(
        self, label: str, values: Sequence[str], value: str = "", id: str | None = None, most: int | None = None
    ) -> None:
        """`most` is the number of lines that it may have."""
        super().__init__(id=id)
        self.label, self.values, self.most = label, list(values), most
        self.value = value if value in self.values else self.values[0]

    def offer(self, values: Sequence[str]) -> None:
        """Offer other values; the one chosen stays where it is among them."""
        self.values = list(values)
        self.value = self.value if self.value in self.values else self.values[0]
        self.refresh(layout=True)

    def action_step(self, step: int) -> None:
        """The next value, or the one before."""
        self.value = self.values[(self.values.index(self.value) + step) % len(self.values)]
        self.refresh()
        self.post_message(self.Changed(self))

    def render(self) -> Text:
        """Pointer, label and values."""
        return rich_text(self.lines(self.size.width), self.app.theme)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as the values need."""
        return len(self.lines(width))

    def lines(self, width: int) -> list[Line]:
        """The field in lines of at most so many cells."""
        rows = self._rows(width - LABEL - (len(MORE) if self.most else 0))
        most = min(self.most or len(rows), len(rows))
        chosen = next(index for index, row in enumerate(rows) if self.value in row)
        first = min(max(0, chosen - most + 1), len(rows) - most)
        pointer, (label, tone) = field_head(self.label, self.has_focus)
        found: list[Line] = [(pointer, (label[: -len(MORE)] + MORE if first else label, tone))]
        found += [((" " * LABEL, ""),)] * (most - 1)
        found = [(*head, *map(self._segment, row)) for head, row in zip(found, rows[first:], strict=False)]
        return found if first + most == len(rows) else [*found[:-1], (*found[-1], (MORE, "dim"))]

    def _rows(self, room: int) -> list[list[str]]:
        """The values in rows of at most so many cells."""
        rows: list[list[str]] = [[]]
        used = 0
        for value in self.values:
            if used + len(value) + 2 > room and rows[-1]:
                rows.append([])
                used = 0
            rows[-1].append(value)
            used += len(value) + 2
        return rows

    def _segment(self, value: str) -> Segment:
        return (f"[{value}]", "accent") if value == self.value else (f" {value} ", "" if self.has_focus else "dim")

    def on_focus(self) -> None:
        """The pointer comes."""
        self.refresh()

    def on_blur(self) -> None:
        """The pointer goes."""
        self.refresh()

    def on_click(self, event: Any) -> None:
        """A click chooses the value under it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        line = self.lines(self.size.width)[offset.y][1 if offset.y else 2 :]
        start = LABEL
        for text, _ in line:
            if start <= offset.x < start + len(text) and text[1:-1] in self.values and text[1:-1] != self.value:
                self.action_step(self.values.index(text[1:-1]) - self.values.index(self.value))
                return
            start += len(text)


def field_head(label: str, focused: bool) -> Line:
    """Pointer and label in front of a field."""
    return ("▸ " if focused else "  ", "accent"), (sized(label, LABEL - 2), "bold" if focused else "")
