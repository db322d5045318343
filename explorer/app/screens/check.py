"""The dialog that says what works on this machine, what does not, and what to do about it."""

from textual.screen import ModalScreen

from explorer.app import actions
from explorer.app.panes.findings import Findings
from explorer.app.screens.sheet_screen import SheetScreen


class CheckScreen(SheetScreen, ModalScreen[None]):
    """Looks anew when it is opened; findings fill in as they come."""

    SCOPE = "check"
    BINDINGS = actions.bindings("check")

    def __init__(self) -> None:
        super().__init__()
        self.page = Findings()

    def on_mount(self) -> None:
        """Begin to look."""
        self.app.checkup.start()

    def action_copy(self) -> None:
        """All findings as text."""
        self.copy(f"{self.page.text().strip()}\n", "the findings")
