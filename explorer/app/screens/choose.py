"""Short lists to choose from, over the screen: one of several, or some of several."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from explorer.app.look import style
from explorer.app.widgets.box import Box
from explorer.results.lines import sized


class ChooseOne(ModalScreen[tuple[Any] | None]):
    """One of several, each with what it means; the value in a tuple, or None where it stays as it is."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("j", "step(1)", show=False),
        Binding("k", "step(-1)", show=False),
    ]

    def __init__(self, title: str, entries: Sequence[tuple[str, str, Any]], now: Any, key: str) -> None:
        """`entries`: label, words and value of each; `key` opened the list, and moves on in it."""
        super().__init__()
        self._title, self._entries, self._now, self._key = title, entries, now, key

    def compose(self) -> ComposeResult:
        """The entries; the present one is marked, and under the cursor first."""
        width = max((cell_len(label) for label, _, _ in self._entries), default=0)
        dim, options = style(self.app.theme, "dim"), []
        for label, words, value in self._entries:
            head = f"{'●' if value == self._now else ' '} {sized(label, width)}"
            options.append(Option(Text.assemble((head, "bold"), (f"  {words}", dim))))
        self._list = OptionList(*options, compact=True)
        values = [value for _, _, value in self._entries]
        self._list.highlighted = values.index(self._now) if self._now in values else 0
        yield Box(self._title, f"{self._key} ↑↓ move  enter choose  esc leave it", self._list)

    def action_step(self, step: int) -> None:
        """So many entries on."""
        self._list.highlighted = ((self._list.highlighted or 0) + step) % len(self._entries)

    def on_key(self, event: events.Key) -> None:
        """The key that opened the list moves on."""
        if event.character == self._key:
            event.stop()
            self.action_step(1)

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Say which."""
        self.dismiss((self._entries[event.option_index][2],))


class ChooseSome(ModalScreen[list[str] | None]):
    """Some of several in their order; None where they stay as they are, an empty list for those that serve most."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("enter", "keep", show=False, priority=True),
        Binding("space", "tick", show=False),
        Binding("0", "dismiss([])", show=False),
        Binding("j", "move('down')", show=False),
        Binding("k", "move('up')", show=False),
    ]

    def __init__(self, title: str, offered: Mapping[str, str], chosen: Sequence[str]) -> None:
        """`offered`: name -> what it is."""
        super().__init__()
        self._title, self._offered, self._chosen = title, offered, set(chosen)
        self._list = OptionList(*map(self._prompt, offered), compact=True)

    def compose(self) -> ComposeResult:
        """A box to tick for each."""
        yield Box(self._title, "space tick  enter keep  0 what serves most  esc leave it", self._list)

    def _prompt(self, name: str) -> Text:
        head = f"{'☑' if name in self._chosen else '☐'} {sized(name, max(map(cell_len, self._offered)))}"
        return Text.assemble((head, "bold"), f"  {self._offered[name]}")

    def action_move(self, way: str) -> None:
        """To the next one or the one before."""
        getattr(self._list, f"action_cursor_{way}")()

    def action_tick(self) -> None:
        """The one under the cursor, or not."""
        if (index := self._list.highlighted) is not None:
            name = list(self._offered)[index]
            self._chosen ^= {name}
            self._list.replace_option_prompt_at_index(index, self._prompt(name))

    @on(OptionList.OptionSelected)
    def clicked(self) -> None:
        """A click ticks: enter, which selects too, keeps and is taken before."""
        self.action_tick()

    def action_keep(self) -> None:
        """Say which."""
        self.dismiss([name for name in self._offered if name in self._chosen])
