"""What stands in the cells of a table of classes: number, spread, mark and the paper's number, aligned. No Textual."""

from collections.abc import Sequence
from dataclasses import dataclass

from explorer.results import text
from explorer.results.classes_table import Cell, ClassRow, Strategy
from explorer.results.marks import NOT_TOLD_APART, mark
from explorer.results.table import MISSING

BEST = "▸"
"""Before the number of a row's best strategy."""


@dataclass(frozen=True)
class Form:
    """How much a cell says besides its number and marks."""

    spread: bool
    papers: bool


FORMS = (Form(spread=True, papers=True), Form(spread=True, papers=False), Form(spread=False, papers=False))
"""From most to least."""
NAMED = 10
"""Classes told apart from a guess that are named; more are counted."""


def texts(rows: Sequence[ClassRow], shown: Sequence[Strategy], form: Form) -> list[dict[Strategy, str]]:
    """Each row's cells, all of one table with their parts below each other: `▸62.5 ±10.9≈ (70.9)`."""
    parts = [{own: _parts(row, own, form) for own in shown} for row in rows]
    widths = [max((len(cell[i]) for of_row in parts for cell in of_row.values()), default=0) for i in range(4)]
    return [
        {
            own: number.rjust(widths[0]) + "".join(map(str.ljust, others, widths[1:]))
            for own, (number, *others) in of_row.items()
        }
        for of_row in parts
    ]


def plain(rows: Sequence[ClassRow], shown: Sequence[Strategy]) -> str:
    """The table as plain text: classes down, strategies across, with everything there is to say."""
    lines = [
        [row.name, f"{row.n_member}/{row.n_nonmember}", *(cells[own] for own in shown)]
        for row, cells in zip(rows, texts(rows, shown, FORMS[0]), strict=True)
    ]
    return text.table(["class", "members/others", *(own.label for own in shown)], lines)


def _parts(row: ClassRow, own: Strategy, form: Form) -> tuple[str, str, str, str]:
    cell = row.cells.get(own)
    if cell is None:
        return (MISSING, "", "", "")
    best = BEST if own == row.best else ""
    return (
        best + text.percent(cell.value),
        _spread(cell) if form.spread else "",
        mark(cell.leaks, cell.warned),
        _paper(cell, form),
    )


def _spread(cell: Cell) -> str:
    return "" if cell.spread is None else f" ±{100 * cell.spread:.1f}"


def _paper(cell: Cell, form: Form) -> str:
    return "" if cell.published is None or not form.papers else f" ({text.percent(cell.published)})"


def marked(rows: Sequence[ClassRow]) -> bool:
    """Whether some number is not told apart from a guess."""
    return any(mark(cell.leaks) == NOT_TOLD_APART for row in rows for cell in row.cells.values())


def warned(rows: Sequence[ClassRow]) -> bool:
    """Whether a warning speaks of some number."""
    return any(cell.warned for row in rows for cell in row.cells.values())


def told_apart(rows: Sequence[ClassRow]) -> str:
    """Which classes some strategy tells apart from a guess, since all together may not be; empty where none is."""
    classes = [row for row in rows if row.label is not None]
    found = [row.name for row in classes if any(cell.leaks for cell in row.cells.values())]
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    count = f"{len(found)} of {len(classes)} classes {'is' if len(found) == 1 else 'are'} told apart from a guess"
    return f"{count}: {', '.join(found[:NAMED])}{more}"
