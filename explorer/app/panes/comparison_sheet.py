"""Runs in columns: the first one stays, the others move past it."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.charts.chart import MARKS
from explorer.charts.series import key, looks
from explorer.results import comparison_table, run_words
from explorer.results.comparison_table import Known
from explorer.results.lines import Line, heading, plain, sized, wrapped
from explorer.results.rendering import words_below
from explorer.results.table import Cell, Table
from store.rows import Run

LABEL = 17
"""Cells of the labels."""
NARROWEST, WIDEST = 23, 38
"""Cells of a run's column; the narrowest holds a number with interval and difference."""
TOLD_APART = "bold: a difference that both 95 % intervals leave no doubt of"


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
    def runs(self) -> list[Run]:
        """Those runs that the project has."""
        return [self.project.runs[run_id] for run_id in self.run_ids if run_id in self.project.runs]

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
            self.project.rows("run", run_id=ids),
            self.project.rows("accuracies", run_id=ids),
            self.project.rows("leakage", run_id=ids, metric=list(comparison_table.METRICS)),
        )

    def table(self) -> Table:
        """The whole comparison."""
        return comparison_table.table(self.runs, self.known(), self.names(), self.all_settings)

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """As many runs as fit."""
        count = len(self.runs)
        room = width - LABEL - 2
        self.columns = min(count, max(2, room // (NARROWEST + 1)))
        self.first = min(self.first, self.last_first)
        each = min(WIDEST, room // self.columns - 1)
        shown = [0, *range(self.first, min(count, self.first + self.columns - 1))]
        lines: list[Line] = []
        table = self.table()
        for block in table.blocks:
            lines += [heading(block.title, width)]
            for row in block.rows:
                lines += _row_lines(row, shown, each)
        lines += [(), *words_below(table, width), *wrapped(TOLD_APART, width, "dim")]
        if not self.known().complete:
            lines += [(), plain(" asking …", "dim")]
        head = _row_lines([Cell(), *self._heads()], shown, each)
        return Page(lines, head=head, title=self._title(shown, count), note=self.keys(width))

    def _heads(self) -> list[Cell]:
        """Marks and names of the columns in the colours of Runs and charts."""
        styles = looks(self.project.runs.values())
        return [
            Cell(f"{MARKS[mark][run.state != 'done']} {name}", tone=f"bold {tone}")
            for run, name in zip(self.runs, self.names(), strict=True)
            for mark, tone in (styles[key(run)],)
        ]

    def _title(self, shown: Sequence[int], count: int) -> str:
        words = f"differences to {self.names()[0] if count else 'none'}, in percentage points"
        if len(shown) == count:
            return f"{count} runs · {words}"
        numbers = ", ".join(str(index + 1) for index in shown)
        return f"runs {numbers} of {count} · {words}"


def _row_lines(row: Sequence[Cell], shown: Sequence[int], each: int) -> list[Line]:
    """One row of the comparison; long values take more than one line."""
    columns = [_cell_lines(row[index + 1], each) for index in shown]
    labels = textwrap.wrap(row[0].text, LABEL) or [""]
    lines = []
    for label, *cells in zip_longest(labels, *columns):
        line: Line = ((f" {sized(label or '', LABEL)}", "dim"),)
        for cell in cells:
            line += ((" ", ""), *(cell or ((" " * each, ""),)))
        lines.append(line)
    return lines


def _cell_lines(cell: Cell, each: int) -> list[Line]:
    """The cell's words, and on their first line the difference."""
    behind = "".join(cell.behind).replace("  ", " ")
    first, *others = textwrap.wrap(cell.text, each - len(behind)) or [""]
    start = ((first, cell.tone), (sized(behind, each - len(first)), "bold" if "bold" in cell.tone else "dim"))
    return [start, *(((sized(other, each), cell.tone),) for other in others)]
