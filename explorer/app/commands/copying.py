"""What is copied: the line under the cursor, the pane, the run's settings, and what a bug report needs."""

import json
from typing import TYPE_CHECKING

from explorer.app import clipboard
from explorer.machine import diagnostics
from explorer.results.run_toml import sweep_file

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen


class CopyVerbs:
    """Actions of the scope `copy`."""

    def __init__(self, screen: "MainScreen"):
        self.screen = screen

    def copy(self, text: str, what: str) -> None:
        """Copy a text that `what` names, and say how."""
        clipboard.copy(self.screen.app, text, what)

    def action_line(self) -> None:
        """The focused pane's line."""
        pane = self.screen.pane
        self.copy("" if pane is None else pane.line_to_copy(), "the line")

    def action_pane(self) -> None:
        """All of the focused pane."""
        pane = self.screen.pane
        self.copy("" if pane is None else pane.text(), "" if pane is None else f"the pane {pane.NAME}".rstrip())

    async def action_run(self) -> None:
        """A sweep file that makes this run again."""
        current = self.screen.app.view.current
        rows = await self.screen.app.live.query("run", run_id=current) if current else []
        self.copy(sweep_file(json.loads(rows[0]["spec"])) if rows else "", f"{current} as a sweep file")

    def action_diagnostics(self) -> None:
        """For a bug report."""
        self.copy(diagnostics.report(self.screen.app), "the diagnostics")
