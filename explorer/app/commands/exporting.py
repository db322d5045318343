"""Exports: the dialog, the last one again, everything at once, and the screen itself."""

import re
import time
from typing import Any

from explorer.app.panes.chart import ChartPane
from explorer.app.screens.main import MainScreen
from explorer.project import exports
from explorer.project.exports import TableExport, WrittenFile
from store.queries import TABLES


class ExportCommands:
    """Actions of the scope `export`; the first line of each toast is where the file lies."""

    def __init__(self, main: MainScreen):
        self.main = main

    def action_dialog(self) -> None:
        """Choose table, runs, format and file."""
        from explorer.app.screens.export import ExportDialog

        self.main.app.push_screen(ExportDialog(self._table(), self._filters_by_choice(), self._written))

    def _table(self) -> str:
        """The table that the focused pane shows."""
        pane = self.main.pane
        if isinstance(pane, ChartPane):
            return pane.kind
        return pane.SCOPE if pane is not None and pane.SCOPE in TABLES else "runs"

    def _filters_by_choice(self) -> dict[str, dict[str, Any]]:
        """The filters of every choice of runs that there is now."""
        selection = self.main.app.selection
        current = selection.current
        if current is None:
            return {"all": {}}
        sweep = {"this sweep": {"sweep": current.sweep}} if current.sweep else {}
        visible = [run.run_id for run in selection.visible()]
        return {"all": {}, **sweep, "visible runs": {"run_id": visible}, "this run": {"run_id": [current.run_id]}}

    async def action_again(self) -> None:
        """The last export once more, over the same file."""
        last = self.main.app.choices.last_export
        try:
            export = TableExport(**last)
        except TypeError:
            self._say("nothing was exported yet; e exports", "warning")
            return
        self._written(export, await exports.write(self.main.app.project, export))

    async def action_everything(self) -> None:
        """Every table as CSV."""
        self._say(f"writing every table to {exports.folder(self.main.app.project.paths)} …")
        self._say(await exports.write_everything(self.main.app.project))

    def action_screen(self) -> None:
        """The picture as it is."""
        folder = exports.folder(self.main.app.project.paths)
        path = folder / time.strftime("screen-%Y%m%d-%H%M%S.svg")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(without_fonts(self.main.app.export_screenshot()), encoding="utf-8")
        except OSError as error:
            self._say(f"Not written: {error}", "error")
            return
        self._say(str(path))

    def _written(self, export: TableExport, written: WrittenFile) -> None:
        self.main.app.choices.last_export = export.to_dict()
        self._say(str(written))

    def _say(self, words: str, severity: str = "information") -> None:
        self.main.notify(words, severity=severity, timeout=8, markup=False)


def without_fonts(picture: str) -> str:
    """The SVG without fonts that a viewer would fetch from elsewhere; its own monospace one serves."""
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
