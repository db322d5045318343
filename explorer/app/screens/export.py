"""The export dialog: which table, of which runs, in which format, to which file."""

import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.service.client import EngineRefused, EngineUnreachable
from engine.validation import SpecError
from explorer.app.widgets.box import Box, Toned
from explorer.app.widgets.field import Choice, Field
from explorer.project import exports
from explorer.project.exports import FORMATS, TableExport
from explorer.results import text
from explorer.results.lines import Line
from explorer.results.marks import FLOOR, OF_LEAKAGE
from store.queries import TABLES

CONTENTS = {
    "runs": "one row per run with its headline numbers",
    "capacity": "means over seeds, along capacity",
    "epsilon": "means over seeds, along epsilon",
    "classes": "means over seeds, class by class",
    "views": "means over seeds, laid out as the paper's Tables 8 to 10",
    "accuracies": "every run's accuracy by view and split",
    "leakage": "every number of every inference attack",
    "warnings": "what to know before believing a run's numbers",
    "history": "training metrics step by step",
    "scores": "every example's confidence, margin and risk (large)",
    "exposed": "every training image with its risk, most first (large)",
    "image_risks": "how often a population betrays each image (large)",
    "class_risks": "how much a population gives away of each class",
    "roc": "ROC points of every run, attack and view",
    "published": "the paper's own numbers",
}
"""What the rows of each table are."""
NAMES = 190
"""Characters of the columns' names that are shown; three lines hold them."""


class ExportDialog(ModalScreen[None]):
    """Shows what will be written before it is; a failure keeps the dialog and all that was typed."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss", show=False),
        Binding("enter", "write", show=False),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    def __init__(
        self,
        table: str,
        offers: dict[str, dict[str, Any]],
        on_written: Callable[[TableExport, exports.WrittenFile], None],
    ) -> None:
        """`table` comes first; `offers` are the filters of every choice of runs; `on_written` is told of the file."""
        super().__init__()
        self.first, self.offers = table, offers
        self.on_written = on_written
        self.typed = False
        """The path is the person's own and stays."""
        self.overwrites: Path | None = None
        """The existing file about which was asked."""
        self.writing = False

    # What is chosen

    @property
    def table(self) -> str:
        """The table."""
        return self.query_one("#table", Choice).value

    @property
    def format(self) -> str:
        """The file's format."""
        return self.query_one("#format", Choice).value

    @property
    def filters(self) -> dict[str, Any]:
        """What chooses the runs."""
        return self.offers[self.query_one("#which", Choice).value]

    # Drawing

    def compose(self) -> ComposeResult:
        """Four fields, what they amount to, and what is in the way."""
        yield Box(
            "Export",
            "↑↓ tab field  ←→ space choose  enter write  esc leave",
            Field("table", Choice(TABLES, self.first, id="table")),
            Field("format", Choice(FORMATS, id="format")),
            Field("runs", Choice(list(self.offers), id="which")),
            Field("path", Input(compact=True, select_on_focus=False, id="path")),
            Toned(id="preview"),
            Toned(id="trouble"),
            id="export",
        )

    def on_mount(self) -> None:
        """The table's own file, and what would be in it."""
        self._settle()

    @on(Choice.Changed)
    def _settle(self) -> None:
        """Another table, format or choice of runs."""
        offered = [name for name, filters in self.offers.items() if exports.takes(self.table, filters)]
        self.query_one("#which", Choice).offer(offered)
        if not self.typed:
            line = self.query_one(Input)
            with self.prevent(Input.Changed):
                line.value = str(exports.folder(self.app.project.paths) / f"{self.table}.{self.format}")
                line.action_end()
        self._say("")
        self.run_worker(self._look(), exclusive=True, group="preview")

    @on(Input.Changed, "#path")
    def edit(self) -> None:
        """From now on the path is the person's."""
        self.typed = True
        self._say("")

    def _say(self, words: str, tone: str = "") -> None:
        """Words about what is in the way; the question about an existing file is asked anew."""
        self.overwrites = None
        self.query_one("#trouble", Toned).show([((words, tone),)], layout=True)

    # What will be written

    async def _look(self) -> None:
        """Rows and columns, asked for beside everything else."""
        table, filters = self.table, self.filters
        self._preview("rows and columns …", [])
        try:
            columns = await exports.columns_of(self.app.project, table)
            self._preview(f"{len(columns)} columns", columns)
            rows = await exports.rows_of(self.app.project, table, filters)
        except (EngineRefused, EngineUnreachable) as error:
            self._preview(str(error), [])
            return
        counted = f"{rows:,} rows" if rows is not None else "rows are counted as they are written"
        self._preview(f"{counted} · {len(columns)} columns", columns)

    def _preview(self, words: str, columns: list[str]) -> None:
        head: list[Line] = [((CONTENTS[self.table], ""),), ((words, "bold"),)]
        head += [((FLOOR, "dim"),)] if self.table in OF_LEAKAGE else []
        names: list[Line] = [((textwrap.shorten(", ".join(columns), NAMES, placeholder=" …"), "dim"),)]
        self.query_one("#preview", Toned).show(head + names)

    # Writing

    @on(Input.Submitted)
    def action_write(self) -> None:
        """Write the file; ask first where there is one already."""
        if self.writing:
            return
        try:
            path = exports.resolved(self.query_one(Input).value, self.table, self.format)
        except SpecError as error:
            self._say(f"Not written: {error}", "bad")
            return
        if os.path.isfile(path) and path != self.overwrites:
            self._ask(path)
            return
        self.writing = True
        export = TableExport(self.table, self.format, str(path), self.filters)
        # The app's worker: who leaves meanwhile is told all the same.
        self.app.run_worker(self._write(export), exit_on_error=True)

    def _ask(self, path: Path) -> None:
        there = path.stat()
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(there.st_mtime))
        self._say(f"{path} exists ({text.size(there.st_size)}, {when}). Enter again overwrites it.", "warn")
        self.overwrites = path

    async def _write(self, export: TableExport) -> None:
        self._say(f"writing {export.path} …")
        try:
            written = await exports.write(self.app.project, export)
        except (EngineRefused, EngineUnreachable, OSError) as error:
            words = f"Not written: {error}"
            if self.is_attached:
                self._say(words, "bad")
            else:
                self.app.notify(words, severity="error", timeout=8, markup=False)
            return
        finally:
            self.writing = False
        self.on_written(export, written)
        if self.is_current:
            self.dismiss()
