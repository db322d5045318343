"""A question before work is started or ended; the answer that changes nothing is the one under the cursor."""

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from explorer.app.widgets.box import Box
from explorer.app.widgets.menu import Menu
from explorer.project.submitting import TIGHTER
from store.rows import Run


class Confirm(ModalScreen[bool]):
    """Asks `question`; `words` say what follows, `yes` what the answer y does. True for yes."""

    BINDINGS = (Binding("escape", "dismiss(False)", show=False),)

    def __init__(self, question: str, words: str, yes: str) -> None:
        super().__init__()
        self._question, self._words = question, words
        self._menu = Menu({"y": (yes[:1].upper() + yes[1:], ""), "n": ("Leave it as it is", "")}, cursor=1)

    def compose(self) -> ComposeResult:
        """What follows, then the answers."""
        words = Static(self._words, markup=False)
        yield Box(self._question, "y n  ↑↓ enter choose  esc leave it", words, self._menu)

    @on(Menu.OptionSelected)
    def answered(self, event: Menu.OptionSelected) -> None:
        """Say which."""
        self.dismiss(event.option_id == "y")


def cancelling(run: Run) -> Confirm:
    """The question before a run is taken out of the queue or ended."""
    at_work = "at work" if run.state == "running" else "waiting"
    words = f"It is {at_work}. What it has saved stays, and r takes it up again."
    return Confirm(f"Cancel {run.name}?", words, "cancel it")


def certifying(run: Run) -> Confirm:
    """The question before a run is certified once more."""
    words = (
        f"{TIGHTER} bounds its answers once more, as a run of its own in the queue, from this run's weights where they "
        "are kept. It takes many times as long as ibp."
    )
    return Confirm(f"Certify {run.name} by {TIGHTER}?", words, "certify it")
