"""The line in which a filter or a search is typed."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label

from explorer.app.widgets.pane import Pane
from explorer.project import run_filter

EXAMPLE = " defense=pgd capacity>2 state=failed leakage>60 "
WIDE = 110
"""Columns from which there is room for it."""


class FilterSuggester(Suggester):
    """Completes fields and their values while a filter is typed; the right arrow takes what it offers."""

    def __init__(self, prompt: "Prompt") -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._prompt = prompt

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word made whole."""
        if self._prompt.searches or self._prompt.app.choices.regex:
            return None
        return run_filter.completed(value, self._prompt.app.project.runs.values())


class Prompt(Horizontal):
    """Appears above the footer after `/`; what is typed takes effect at once, escape restores what was before."""

    BINDINGS: ClassVar = [
        Binding("escape", "restore", "restore", show=False),
        Binding("tab", "other_kind", "text or regex", show=False, priority=True),
    ]

    class Typed(Message):
        """The filter, or a pane's search, is another one, or will not change any more."""

        def can_replace(self, message: Message) -> bool:
            """Letters typed fast are drawn once."""
            return isinstance(message, Prompt.Typed)

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.before = ("", False)
        self.current = ""
        self.pane: Pane | None = None

    def compose(self) -> ComposeResult:
        """A word and the line, and behind it what cannot be asked or how settings are written."""
        yield Label("/")
        yield Input(compact=True, select_on_focus=False, suggester=FilterSuggester(self))
        yield Label(id="told")

    def ask(self, pane: Pane) -> None:
        """Take a filter for the runs, or a search for a pane that is searched; the focus goes back to the pane."""
        self.pane = pane
        self.before = (pane.search if self.searches else self.app.choices.filter, self.app.choices.regex)
        self.current = self.app.choices.current
        self.display = True
        line = self.query_one(Input)
        line.value = self.before[0]
        self._label()
        # `focus()` takes effect later, and letters typed until then would be commands.
        self.screen.set_focus(line)

    @property
    def searches(self) -> bool:
        """Whether the pane is searched by itself; every other pane filters the runs."""
        return self.pane.SCOPE == "log"

    def _label(self) -> None:
        kind = "regex" if self.app.choices.regex else "text"
        what = "search the log" if self.searches else "filter runs"
        self.query_one(Label).update(f" {what} ({kind}, tab changes) / ")
        self._tell()

    def _tell(self) -> None:
        """What is wrong with a setting that was typed; else an example, where there is room."""
        told = self.query_one("#told", Label)
        plain = not (self.searches or self.app.choices.regex)
        trouble = run_filter.trouble(self.app.choices.filter) if plain else ""
        told.set_class(bool(trouble), "wrong")
        room = self.app.size.width >= WIDE
        told.update(Content(f" ✗ {trouble} " if trouble else EXAMPLE if plain and room else ""))

    def _apply(self, value: str) -> None:
        if self.searches:
            self.pane.search = value
        else:
            self.app.choices.filter = value
        self._tell()
        self.post_message(self.Typed())

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Every letter takes effect."""
        if self.display:
            self._apply(event.value)

    @on(Input.Submitted)
    def keep(self) -> None:
        """Back to the pane, with what was typed."""
        self.display = False
        self.screen.set_focus(self.pane)
        self.post_message(self.Typed())

    def action_restore(self) -> None:
        """Back to the pane, with what was before."""
        self.app.choices.regex, self.app.choices.current = self.before[1], self.current
        self._apply(self.before[0])
        self.keep()

    def action_other_kind(self) -> None:
        """Words or an expression."""
        self.app.choices.regex = not self.app.choices.regex
        self._label()
        self._apply(self.query_one(Input).value)
