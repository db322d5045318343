"""Fields of a dialog: a label, and beside it a line to type into or one of a few values."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Select

from explorer.app.widgets.box import Toned
from explorer.results.lines import sized

LABEL = 14
"""Cells of pointer and label."""


class InOrder:
    """Mixin: the keys that a widget binds are obeyed before what is typed behind them is inserted.

    Textual obeys them once they have come up to the app, by when letters of the same burst have overtaken them.
    """

    async def on_key(self, event: events.Key) -> None:
        """Obey it here."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return


class TypedLine(InOrder, Input):
    """A line to type into."""


class Field(Horizontal):
    """A label in front of a widget; a pointer stands at the focused field, a cross at one that is wrong."""

    def __init__(self, label: str, widget: Widget) -> None:
        super().__init__()
        self.label, self.widget = label, widget
        self.wrong = False

    def compose(self) -> ComposeResult:
        """The label, then the widget."""
        yield Toned(classes="label")
        yield self.widget

    @on(events.Mount)
    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def draw(self) -> None:
        """Pointer or cross, and the label."""
        focused = self.has_focus_within
        sign = ("▸ ", "accent") if focused else ("✗ ", "bad") if self.wrong else ("  ", "")
        line = (sign, (sized(self.label, LABEL - 2), "bold" if focused else ""))
        self.query_one(Toned).show([line])


class Choice(Select[str], inherit_bindings=False):
    """A value among a few: left and right choose, space lists them all."""

    BINDINGS: ClassVar = [
        Binding("right,l", "step(1)", show=False),
        Binding("left,h", "step(-1)", show=False),
        Binding("space", "show_overlay", show=False),
    ]

    def __init__(self, values: Sequence[str] | Mapping[str, str], value: str = "", id: str | None = None) -> None:
        """`values`: what may be chosen, each perhaps with words that stand beside it."""
        self.values = list(values)
        value = value if value in self.values else self.values[0]
        width = max(map(cell_len, values))
        told = [f"{sized(own, width)}  {values[own]}" if isinstance(values, Mapping) else own for own in values]
        super().__init__(zip(told, self.values, strict=True), value=value, allow_blank=False, compact=True, id=id)

    def offer(self, values: Sequence[str]) -> None:
        """Offer other values; the one chosen stays where it is among them."""
        chosen, self.values = self.value, list(values)
        with self.prevent(Select.Changed):
            self.set_options((own, own) for own in values)
            if chosen in self.values:
                self.value = chosen

    def action_step(self, step: int) -> None:
        """The next value, or the one before."""
        self.value = self.values[(self.values.index(self.value) + step) % len(self.values)]
