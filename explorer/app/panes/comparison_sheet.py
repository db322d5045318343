"""Runs in columns: the first one stays, the others move past it."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.results import comparison_table, marks, run_words
from explorer.results.comparison_table import Cell, Entry, Known
from explorer.results.lines import Line, heading, plain, sized, wrapped

Row = dict[str, Any]

LABEL = 17
"""Cells of the labels."""
NARROWEST, WIDEST = 23, 38
"""Cells of a run's column; the narrowest holds a number with interval and difference."""


class ComparisonSheet(Sheet):
    """Compares runs; the first is the one the others are held against."""

    SCOPE = "compare"

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.run_ids = list(run_ids)
        self.all_settings = False
        self.first = 1
        """Index of the run in the second column."""
        self.columns = 2
        """Runs that fit."""

    @property
    def runs(self) -> list[Row]:
        """Those runs that the project has."""
        return [self.live.runs[run_id] for run_id in self.run_ids if run_id in self.live.runs]

    @property
    def last_first(self) -> int:
        """The largest index that fills the columns."""
        return max(1, len(self.runs) - self.columns + 1)

    def names(self) -> list[str]:
        """What the columns are called."""
        return run_words.short_names(self.runs)

    def known(self) -> Known:
        """What the store says of the runs."""
        ids = self.run_ids
        return Known(
            self.live.rows("run", run_id=ids),
            self.live.rows("accuracies", run_id=ids),
            self.live.rows("leakage", run_id=ids, metric=list(comparison_table.METRICS)),
        )

    def sections(self) -> list[comparison_table.Section]:
        """The whole comparison."""
        return comparison_table.compare(self.runs, self.known(), self.all_settings)

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """As many runs as fit."""
        count = len(self.runs)
        room = width - LABEL - 2
        self.columns = min(count, max(2, room // (NARROWEST + 1)))
        self.first = min(self.first, self.last_first)
        each = min(WIDEST, room // self.columns - 1)
        shown = [0, *range(self.first, min(count, self.first + self.columns - 1))]
        lines: list[Line] = []
        for section in self.sections():
            lines += [heading(section.title, width)]
            for entry in section.entries:
                lines += _entry_lines(entry, shown, each)
        known = self.known()
        if words := comparison_table.legend(known):
            lines += [(), *wrapped(words, width - 1, "dim", hang=1)]
        for message in comparison_table.warnings(known):
            lines += wrapped(message, width - 1, "warn", first=f" {marks.WARNED}", hang=3)
        if not known.complete:
            lines += [(), plain(" asking …", "dim")]
        names = self.names()
        head = _entry_lines(Entry("", tuple(Cell(name) for name in names)), shown, each, "bold")
        return Page(lines, head=head, title=self._title(shown, count), note=self.keys(width))

    def _title(self, shown: Sequence[int], count: int) -> str:
        words = "differences to the first, in percentage points"
        if len(shown) == count:
            return f"{count} runs · {words}"
        numbers = ", ".join(str(index + 1) for index in shown)
        return f"runs {numbers} of {count} · {words}"


def _entry_lines(entry: Entry, shown: Sequence[int], each: int, tone: str = "") -> list[Line]:
    """One line of the comparison; long values take more than one."""
    columns = [_cell_lines(entry.cells[index], each, tone) for index in shown]
    labels = textwrap.wrap(entry.label, LABEL) or [""]
    lines = []
    for label, *cells in zip_longest(labels, *columns):
        line: Line = ((f" {sized(label or '', LABEL)}", "dim"),)
        for cell in cells:
            line += ((" ", ""), *(cell or ((" " * each, ""),)))
        lines.append(line)
    return lines


def _cell_lines(cell: Cell, each: int, tone: str) -> list[Line]:
    behind = f" {cell.difference}" if cell.difference else ""
    first, *others = textwrap.wrap(cell.text, each - len(behind)) or [""]
    start = ((first, tone), (sized(behind, each - len(first)), "dim"))
    return [start, *(((sized(other, each), tone),) for other in others)]
