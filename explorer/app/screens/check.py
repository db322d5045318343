"""The dialog that says what works on this machine, what does not, and what to do about it."""

from textual.app import ComposeResult
from textual.screen import ModalScreen

from explorer.app import actions
from explorer.app.panes.findings import Findings
from explorer.app.screens.sheet_screen import SheetScreen


class CheckScreen(SheetScreen, ModalScreen[None]):
    """Looks anew when it is opened; findings fill in as they come."""

    SCOPE = "check"
    BINDINGS = actions.bindings("check")

    def compose(self) -> ComposeResult:
        """The sheet."""
        yield Findings()

    def on_mount(self) -> None:
        """Begin to look."""
        self.app.checkup.start()

    def action_copy(self) -> None:
        """All findings as text."""
        self.copy(f"{self.sheet.text().strip()}\n", "the findings")

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
