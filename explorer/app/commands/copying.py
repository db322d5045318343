"""What is copied: the line under the cursor, the pane, the run's settings, and what a bug report needs."""

from explorer.app import clipboard
from explorer.app.screens.main import MainScreen
from explorer.app.settings import config_file
from explorer.machine import diagnostics
from explorer.results.sweep_file import sweep_file


class CopyCommands:
    """Actions of the scope `copy`."""

    def __init__(self, main: MainScreen):
        self.main = main

    def copy(self, text: str, what: str) -> None:
        """Copy a text that `what` names, and say how."""
        clipboard.copy(self.main.app, text, what)

    def action_line(self) -> None:
        """The focused pane's line."""
        pane = self.main.pane
        self.copy("" if pane is None else pane.line_to_copy(), "the line")

    def action_pane(self) -> None:
        """All of the focused pane."""
        pane = self.main.pane
        self.copy("" if pane is None else pane.text(), "" if pane is None else f"the pane {pane.NAME}".rstrip())

    async def action_run(self) -> None:
        """A sweep file that makes this run again."""
        current = self.main.app.choices.current
        rows = await self.main.app.project.query("run", run_id=current) if current else []
        self.copy(sweep_file(rows[0].spec) if rows else "", f"{current} as a sweep file")

    def action_diagnostics(self) -> None:
        """For a bug report."""
        app = self.main.app
        screen = f"{app.size.width}x{app.size.height}, theme {app.theme}{', ascii' if app.settings.ascii else ''}"
        self.copy(diagnostics.report(app.project, screen, config_file()), "the diagnostics")
