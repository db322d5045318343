"""A short list of answers inside a dialog: each has a letter, and the one under the cursor is given by enter."""

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from explorer.app.actions import shown
from explorer.app.look import style


class Menu(OptionList):
    """Letters of the answers come before j and k, which move the cursor as the arrows do."""

    BINDINGS: ClassVar = [
        Binding("j,right,l,tab", "cursor_down", show=False),
        Binding("k,left,h,shift+tab", "cursor_up", show=False),
    ]

    def __init__(self, answers: Mapping[str, tuple[str, str]], cursor: int = 0, careful: str = "") -> None:
        """`answers`: key -> label and detail. Of the `careful` one, key or click first move the cursor there."""
        self.answers, self.careful = answers, careful
        super().__init__(*(Option("", id=key) for key in answers), compact=True)
        self.highlighted = cursor

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Key, label and detail of each answer; the pointer tells the cursor where there are no colours."""
        super().watch_highlighted(highlighted)
        keys = max(len(shown(key)) for key in self.answers)
        labels = max(len(label) for label, _ in self.answers.values())
        dim = style(self.app.theme, "dim")
        for index, (key, (label, detail)) in enumerate(self.answers.items()):
            head = f"{'▸' if index == highlighted else ' '}{shown(key):{keys}}  "
            self.replace_option_prompt(key, Text.assemble(head, (f"{label:{labels}}", "bold"), (f"  {detail}", dim)))

    def on_key(self, event: events.Key) -> None:
        """An answer's own key."""
        if event.key in self.answers:
            event.stop()
            event.prevent_default()
            self._give(self.get_option_index(event.key))

    def on_click(self, event: events.Click) -> None:
        """The first click on the careful answer moves the cursor; Textual carries out all others."""
        event.prevent_default()
        if (index := event.style.meta.get("option")) is not None:
            self._give(index)

    def _give(self, index: int) -> None:
        first = self.options[index].id == self.careful and self.highlighted != index
        self.highlighted = index
        if not first:
            self.action_select()
