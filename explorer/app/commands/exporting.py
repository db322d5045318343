"""Exports: the dialog, the last one again, everything at once, and the screen itself."""

import re
import time
from typing import TYPE_CHECKING

from explorer.project import exports
from explorer.project.exports import Export, Written

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen


class ExportVerbs:
    """Actions of the scope `export`; the first line of each toast is where the file lies."""

    def __init__(self, screen: "MainScreen"):
        self.screen = screen

    def action_dialog(self) -> None:
        """Choose table, runs, format and file."""
        from explorer.app.screens.export import ExportDialog

        self.screen.app.push_screen(ExportDialog(self.screen, self._written))

    async def action_again(self) -> None:
        """The last export once more, over the same file."""
        last = self.screen.app.view.last_export
        try:
            export = Export(**last)
        except TypeError:
            self._say("nothing was exported yet; e exports", "warning")
            return
        self._written(export, await exports.write(self.screen.app.live, export))

    async def action_everything(self) -> None:
        """Every table as CSV."""
        self._say(f"writing every table to {exports.folder(self.screen.app.live.project)} …")
        self._say(await exports.write_everything(self.screen.app.live))

    def action_screen(self) -> None:
        """The picture as it is."""
        folder = exports.folder(self.screen.app.live.project)
        path = folder / time.strftime("screen-%Y%m%d-%H%M%S.svg")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(without_fonts(self.screen.app.export_screenshot()), encoding="utf-8")
        except OSError as error:
            self._say(f"Not written: {error}", "error")
            return
        self._say(str(path))

    def _written(self, export: Export, written: Written) -> None:
        self.screen.app.view.last_export = export.to_dict()
        self._say(str(written))

    def _say(self, words: str, severity: str = "information") -> None:
        self.screen.notify(words, severity=severity, timeout=8, markup=False)


def without_fonts(picture: str) -> str:
    """The SVG without fonts that a viewer would fetch from elsewhere; its own monospace one serves."""
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
