"""Short lists to choose from, over the screen: one of several, or some of several."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from explorer.app.actions import Action
from explorer.app.look import style
from explorer.app.widgets.box import Box
from explorer.results import glossary
from explorer.results.lines import sized


class PointedList(OptionList):
    """Its pointer tells the cursor where there are no colours."""

    BINDINGS: ClassVar = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]

    def __init__(self, count: int, entry: Callable[[int], tuple[str, str]], cursor: int = 0) -> None:
        """`entry` gives the head and the words of an entry, as they are now."""
        self._entry = entry
        super().__init__(*(Option("") for _ in range(count)), compact=True)
        self.highlighted = cursor

    def offer(self, count: int, entry: Callable[[int], tuple[str, str]]) -> None:
        """Offer other entries, the first one under the cursor."""
        self._entry = entry
        self.set_options([Option("") for _ in range(count)])
        self.highlighted = 0 if count else None

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Paint the entries anew."""
        super().watch_highlighted(highlighted)
        dim = style(self.app.theme, "dim")
        for index in range(self.option_count):
            head, words = self._entry(index)
            start = f"{'▸' if index == highlighted else ' '} {head}"
            self.replace_option_prompt_at_index(index, Text.assemble((start, "bold"), (f"  {words}", dim)))


class ChooseOne(ModalScreen[tuple[Any] | None]):
    """One of several, each with what it means; the value in a tuple, or None where it stays as it is."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, title: str, entries: Sequence[tuple[str, str, Any]], now: Any, key: str) -> None:
        """`entries`: label, words and value of each; `key` opened the list, and moves on in it."""
        super().__init__()
        self._title, self._entries, self._now, self._key = title, entries, now, key
        self._width = max(cell_len(label) for label, _, _ in entries)
        values = [value for _, _, value in entries]
        self._list = PointedList(len(entries), self._entry, values.index(now) if now in values else 0)
        self._words = Static(markup=False, id="words")

    def compose(self) -> ComposeResult:
        """The entries; the present one is marked, and under the cursor first; below them its words as a whole."""
        yield Box(self._title, f"{self._key} ↑↓ move  enter choose  esc leave it", self._list, self._words)

    def _entry(self, index: int) -> tuple[str, str]:
        label, words, value = self._entries[index]
        return f"{'●' if value == self._now else ' '} {sized(label, self._width)}", words

    @on(OptionList.OptionHighlighted)
    def told(self, event: OptionList.OptionHighlighted) -> None:
        """All that the entry under the cursor means."""
        self._words.update(self._entries[event.option_index][1])

    def on_key(self, event: events.Key) -> None:
        """The key that opened the list moves on."""
        if event.character == self._key:
            event.stop()
            self._list.action_cursor_down()

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Say which."""
        self.dismiss((self._entries[event.option_index][2],))


def ask(screen: Screen, action: Action, target: Any) -> None:
    """Let the person choose from the action's list, each entry with what it means; then `screen` carries it out."""
    name = action.method.removeprefix("action_")
    offered = getattr(target, f"choices_{name}")()
    if not offered:
        screen.notify(f"{action.lists}: there is nothing to choose from yet", severity="warning")
        return

    def carry_out(chosen: tuple[Any] | None) -> None:
        if chosen is not None:
            screen.action_act(action.id, *chosen)

    entries = [(label, glossary.meaning(label, value), value) for label, value in offered]
    key = screen.app.key_of(action)
    screen.app.push_screen(ChooseOne(action.lists, entries, target.present(name), key), carry_out)


class ChooseSome(ModalScreen[list[str] | None]):
    """Some of several in their order; None where they stay as they are, an empty list for those that serve most."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("enter", "keep", show=False, priority=True),
        Binding("space", "tick", show=False),
        Binding("0", "dismiss([])", show=False),
    ]

    def __init__(self, title: str, offered: Mapping[str, str], chosen: Sequence[str]) -> None:
        """`offered`: name -> what it is."""
        super().__init__()
        self._title, self._offered, self._chosen = title, offered, set(chosen)
        self._names, self._width = list(offered), max(map(cell_len, offered))
        self._list = PointedList(len(offered), self._entry)

    def compose(self) -> ComposeResult:
        """A box to tick for each."""
        yield Box(self._title, "space tick  enter keep  0 what serves most  esc leave it", self._list)

    def _entry(self, index: int) -> tuple[str, str]:
        name = self._names[index]
        return f"{'☑' if name in self._chosen else '☐'} {sized(name, self._width)}", self._offered[name]

    def action_tick(self) -> None:
        """The one under the cursor, or not."""
        if self._list.highlighted is not None:
            self._chosen ^= {self._names[self._list.highlighted]}
            self._list.watch_highlighted(self._list.highlighted)

    @on(OptionList.OptionSelected)
    def clicked(self) -> None:
        """A click ticks; enter, which selects too, keeps and is taken before."""
        self.action_tick()

    def action_keep(self) -> None:
        """Say which."""
        self.dismiss([name for name in self._names if name in self._chosen])
