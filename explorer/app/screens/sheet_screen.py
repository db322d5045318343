"""What the screens beside the main one have in common: they act by the table of actions and follow the project."""

from collections.abc import Awaitable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from explorer.app import actions, clipboard
from explorer.app.screens.choose import ask
from explorer.app.widgets.sheet import Sheet

PULSE_SECONDS = 0.5
"""A screen is drawn at most this often by itself."""


class SheetScreen:
    """Mixin for a screen around one `Sheet`: carries out the actions of its scope and draws when something changed."""

    SCOPE: ClassVar[str] = ""
    page: Sheet
    """The one pane."""
    drawn = -1
    """The project's count of changes when the sheet was last drawn."""

    def compose(self) -> ComposeResult:
        """The sheet."""
        yield self.page

    def on_mount(self) -> None:
        """Begin to follow the project."""
        self.set_interval(PULSE_SECONDS, self.pulse)

    def pulse(self) -> None:
        """Draw where something changed since the last time."""
        changes = self.app.project.changes
        if changes != self.drawn:
            self.drawn = changes
            self.draw()

    def on_screen_resume(self) -> None:
        """Nothing was drawn while another screen was in front."""
        self.draw()

    def draw(self) -> None:
        """Draw now, as a key press does."""
        if self.is_mounted and self.is_current:
            self.page.draw()

    def possible(self, action: actions.Action) -> bool:
        """Whether an action makes sense now; what changes the engine's work never does in a read-only app."""
        return not (action.engine and self.app.project.read_only)

    def action_act(self, action_id: str, *arguments: Any) -> None:
        """Carry out an action by its id, then show what it changed."""
        action = actions.BY_ID[action_id]
        if not self.possible(action):
            read_only = action.engine and self.app.project.read_only
            words = "read-only: this app changes nothing" if read_only else f"not now: {action.does}"
            self.app.notify(words, severity="warning", markup=False)
            return
        if refused := self.page.refusal(action.id):
            self.app.notify(refused, severity="warning", markup=False)
            return
        if action.lists and not arguments:
            ask(self, action, self)
            return
        target = self.page if action.scope == "list" else self
        outcome = getattr(target, action.method)(*action.place, *arguments)
        if outcome is not None:
            self.run_worker(finish(self, outcome), exit_on_error=True)
        self.draw()

    def action_back(self) -> None:
        """Where one came from."""
        self.dismiss()

    def say(self, text: str) -> None:
        """A notice; its text is no markup."""
        self.app.notify(text, markup=False)

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard of the person's terminal."""
        clipboard.copy(self.app, text, what)


async def finish(screen: Screen, work: Awaitable[None]) -> None:
    """Await an action that takes its time, then draw; why it failed becomes a notice."""
    from engine.service.client import EngineRefused, EngineUnreachable
    from engine.validation import SpecError

    try:
        await work
    except (EngineRefused, EngineUnreachable, SpecError, OSError) as error:
        screen.notify(str(error), severity="error", timeout=8, markup=False)
    screen.draw()
