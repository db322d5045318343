"""Every key in one list, made from the table of actions: those that matter now come first; then the field's words."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input

from explorer.app import actions
from explorer.app.actions import Action
from explorer.app.settings import config_file
from explorer.app.widgets.box import Box, Toned
from explorer.results import glossary
from explorer.results.lines import Line, sized

TITLES = {
    **{"app": "Everywhere", "panes": "Panes and view", "list": "Lists", "gpu": "GPU"},
    **{"detail": "A run in full", "failure": "A failed run", "compare": "A comparison", "confirm": "A question"},
    "views": "The table of views",
}
"""Headings of scopes that are no pane's; a pane's is its name."""
MARKS = (
    ("● ■ ▲", "filled: final"),
    ("○ □ △", "hollow: not finished, or seeds are still to come"),
    ("✱ ×", "two marks in one place · the paper's own number"),
    ("▶ ◷ ✔", "running · queued · done"),
    ("✗ – ◌", "failed or diverged · cancelled · running, but silent"),
    ("▸ •", "under the cursor · marked for a comparison"),
)
KEYS, WORDS = 14, 22
"""Cells of the columns of keys and of the glossary's words."""
GLOSSARY = "Words"
"""Heading of the glossary."""


class Guide:
    """The help as lines."""

    def __init__(self, scope: str, words: str, keymap: Mapping[str, str], read_only: bool):
        """`scope` comes first, with `words` about it."""
        self.scope, self.words, self.keymap, self.read_only = scope, words, keymap, read_only

    def lines(self, width: int, pattern: str = "") -> list[Line]:
        """Everything, or only the actions and words with every word of the pattern somewhere in their line."""
        found: list[Line] = []
        for scope in self._scopes():
            chosen = [action for action in actions.of([scope]) if self._matches(action, pattern)]
            lines = [line for action in chosen for line in self._entry(action, width)]
            if lines:
                found += [*self._heading(scope, width, bool(pattern)), *lines, ()]
        found += self._glossary(width, pattern)
        if not found:
            found = [((f"Nothing is called {pattern!r}. esc clears the filter.", "dim"),), ()]
        return found if pattern else [*found, *self._marks(width), (), *self._remapping(width)]

    @staticmethod
    def _glossary(width: int, pattern: str) -> list[Line]:
        """The field's words, those first that the pattern names."""
        wanted = pattern.lower().split()
        found = {
            term: words
            for term, words in glossary.terms().items()
            if all(word in f"{term} {words}".lower() for word in wanted)
        }
        lines: list[Line] = []
        for term in sorted(found, key=lambda term: bool(wanted) and pattern.lower() not in term.lower()):
            room = WORDS if cell_len(term) < WORDS else cell_len(term) + 2
            for index, line in enumerate(textwrap.wrap(found[term], max(10, width - room))):
                lines.append(((sized("" if index else term, room), "bold"), (line, "")))
        return [((GLOSSARY, "accent"),), *lines, ()] if lines else []

    def _scopes(self) -> list[str]:
        """The first scope, what lists have in common, then the others in the table's order."""
        known = dict.fromkeys(action.scope for action in actions.ACTIONS)
        first = [scope for scope in (self.scope, "list") if scope in known]
        return list(dict.fromkeys([*first, *known]))

    def _matches(self, action: Action, pattern: str) -> bool:
        line = f"{self._keys(action)} {action.does} {action.title} {action.id}".lower()
        return all(word in line for word in pattern.lower().split())

    def _keys(self, action: Action) -> str:
        return actions.keys_of(action, self.keymap)

    def _heading(self, scope: str, width: int, filtered: bool) -> Iterator[Line]:
        title = TITLES.get(scope, scope.capitalize())
        note = "  greyed: this app is read-only" if scope == "engine" and self.read_only else ""
        yield (title, "accent"), (f"{'  (here)' if scope == self.scope else ''}{note}", "dim")
        if scope == self.scope and self.words and not filtered:
            yield from (((line, "dim"),) for line in textwrap.wrap(self.words, width))

    def _entry(self, action: Action, width: int) -> Iterator[Line]:
        """Key and what it does; the id that a keymap takes stands at the right where there is room."""
        greyed = action.engine and self.read_only
        keys = self._keys(action)
        first, *rest = textwrap.wrap(action.does, max(10, width - KEYS)) or [""]
        room = width - KEYS - cell_len(first)
        tail = action.id.rjust(room) if not rest and room >= len(action.id) + 3 else ""
        yield (
            (sized(keys or "(commands)", KEYS - 1) + " ", "dim" if greyed or not keys else "bold"),
            (first, "dim" if greyed else ""),
            (tail, "dim"),
        )
        yield from (((" " * KEYS + line, "dim" if greyed else ""),) for line in rest)

    @staticmethod
    def _marks(width: int) -> Iterator[Line]:
        yield (("Marks", "accent"),)
        for mark, words in MARKS:
            for index, line in enumerate(textwrap.wrap(words, max(10, width - KEYS))):
                yield (sized("" if index else mark, KEYS), "bold"), (line, "")

    @staticmethod
    def _remapping(width: int) -> Iterator[Line]:
        yield (("Other keys", "accent"),)
        words = f"Each action has an id, at the right. Keys of your own go into {config_file()}, such as:"
        yield from (((line, ""),) for line in textwrap.wrap(words, width))
        yield (("  [keymap]", "bold"),)
        yield (('  "runs.overlay" = "o"', "bold"),)


class Help(ModalScreen[None]):
    """Scrolls, and is filtered by what is typed after `/`."""

    BINDINGS: ClassVar = [
        Binding("escape", "back", show=False),
        Binding("question_mark,q,f1", "dismiss", show=False),
        Binding("slash", "filter", show=False),
        Binding("w", "words", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("pagedown,space", "scroll(15)", show=False),
        Binding("pageup", "scroll(-15)", show=False),
        Binding("home,g", "scroll(-9999)", show=False),
        Binding("end,G", "scroll(9999)", show=False),
    ]
    AUTO_FOCUS = ""

    def __init__(self, scope: str, words: str = "") -> None:
        """The scope that comes first, and what to say about it."""
        super().__init__()
        self.scope, self.words = scope, words

    def compose(self) -> ComposeResult:
        """The list, and the line for the filter."""
        self.guide = Guide(self.scope, self.words, self.app.settings.keymap, self.app.project.read_only)
        yield Box(
            "Keys and words",
            "↑↓ scroll  / search  w words  esc ? q leave",
            VerticalScroll(Toned(id="lines"), can_focus=False),
            Input(placeholder="search: words of an action, a key, or a word of the field", compact=True),
            id="help",
        )

    def on_resize(self) -> None:
        """Another width wraps otherwise."""
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _draw(self) -> None:
        width = self.query_one("#lines").size.width
        if width:
            self.query_one(Toned).show(self.guide.lines(width, self.query_one(Input).value), layout=True)
            self.action_scroll(-9999)

    @on(Input.Submitted)
    def keep(self) -> None:
        """Read what is left."""
        self.set_focus(None)

    def action_filter(self) -> None:
        """Type words."""
        self.query_one(Input).display = True
        self.set_focus(self.query_one(Input))

    def action_words(self) -> None:
        """To the glossary."""
        heading = ((GLOSSARY, "accent"),)
        lines = list(self.query_one(Toned).lines)
        self.action_scroll(-9999)
        self.action_scroll(lines.index(heading) if heading in lines else 0)

    def action_back(self) -> None:
        """Out of the filter, or out of the help."""
        line = self.query_one(Input)
        if not line.display:
            self.dismiss()
            return
        line.value, line.display = "", False
        self.set_focus(None)

    def action_scroll(self, lines: int) -> None:
        """So many lines down."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False, immediate=True)
