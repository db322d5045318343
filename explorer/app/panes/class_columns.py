"""The two tables of the pane of classes: their columns, what they can be sorted by, and what stands in their cells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from explorer.results import class_cells, text
from explorer.results.class_cells import FORMS
from explorer.results.classes_table import ClassRow, Strategy
from explorer.results.lines import Segment, bar
from explorer.results.table import MISSING, Column

Sorts = dict[str, Callable[[ClassRow], float | None]]
"""What a table can be sorted by, its main number first."""

CLASS, N, BEST, BY, PAPER, NATURAL, DIFFERENCE = "CLASS", "N", "BEST", "BY", "PAPER", "NATURAL", "Δ vs natural"
BELOW = "▒"
"""What bars below natural training are made of."""
LONGEST = 30
"""Cells of a difference's bar at most."""
SHORTEST_NAME, LONGEST_NAME = 6, 16
"""Cells of a class's number and name at least and at most."""


@dataclass(frozen=True)
class Table:
    """Columns and what fills them."""

    columns: list[Column]
    sorts: Sorts
    cells: Callable[[ClassRow, dict[str, int]], dict[str, Segment]]
    """A row's cells; the widths of the columns that fit are given."""


_N = Column(N, 11, right=True, rank=3)
_DIFFERENCE = Column(DIFFERENCE, 14, stretch=True, rank=5)


def class_column(names: Iterable[str]) -> Column:
    """As wide as what classes are called, within reason."""
    return Column(CLASS, max(SHORTEST_NAME, min(LONGEST_NAME, max(map(cell_len, names), default=0))))


def strategy_table(rows: Sequence[ClassRow], shown: Sequence[Strategy], papers: bool, width: int) -> Table:
    """Every strategy side by side, the paper's numbers where it has some, and the difference to natural training.

    A strategy's cell says as much as leaves room for all of them: its interval and the paper's number, the interval,
    or neither; only then are the names of classes cut. Without the paper's numbers there is a column with the one for
    the best strategy.
    """
    classes = class_column(_name(entry) for entry in rows)
    for form in FORMS:
        numbers = class_cells.texts(rows, shown, form)
        strategies = [_column(own.label, [of_row[own] for of_row in numbers]) for own in shown]
        room = width - sum(column.width + 1 for column in strategies)
        if classes.width <= room:
            break
    classes = replace(classes, width=min(classes.width, max(SHORTEST_NAME, room)))
    papers = papers and not form.papers
    compared = any(row.difference is not None for row in rows)
    columns = [classes, _N, *strategies]
    sorts: Sorts = {BEST: lambda row: row.value, CLASS: lambda row: row.label, N: _fewest}
    for strategy in shown:
        sorts[strategy.label] = lambda row, own=strategy: row.cells[own].value if own in row.cells else None
    if papers:
        columns.append(Column(PAPER, 6, right=True, rank=2))
        sorts[PAPER] = lambda row: row.published
    if compared:
        columns.append(_DIFFERENCE)
        sorts[DIFFERENCE] = lambda row: row.difference
    differences = _differences_of(rows)
    by_label = {entry.label: of_row for entry, of_row in zip(rows, numbers, strict=True)}

    def cells(entry: ClassRow, widths: dict[str, int]) -> dict[str, Segment]:
        values = {own.label: (words, _tone(entry, own)) for own, words in by_label[entry.label].items()}
        paper = (text.percent(entry.published) or MISSING, "dim")
        return _first_cells(entry) | values | {PAPER: paper, DIFFERENCE: differences(entry, widths)}

    return Table(columns, sorts, cells)


def difference_table(rows: Sequence[ClassRow]) -> Table:
    """The best strategy beside the best one on natural training."""
    shown = list({row.best: None for row in rows})
    numbers = class_cells.texts(rows, shown, FORMS[1])
    best = {row.label: of_row[row.best].lstrip(class_cells.BEST) for row, of_row in zip(rows, numbers, strict=True)}
    columns = [
        *(class_column(_name(entry) for entry in rows), Column(N, 11, right=True, rank=4)),
        _column(BEST, best.values(), rank=2),
        Column(BY, max(len(strategy.label) for strategy in shown), rank=3),
        Column(NATURAL, 8, right=True, rank=1),
        _DIFFERENCE,
    ]
    sorts: Sorts = {
        DIFFERENCE: lambda row: row.difference,
        CLASS: lambda row: row.label,
        N: _fewest,
        BEST: lambda row: row.value,
        NATURAL: lambda row: row.natural,
    }
    differences = _differences_of(rows)

    def cells(entry: ClassRow, widths: dict[str, int]) -> dict[str, Segment]:
        return _first_cells(entry) | {
            BEST: (best[entry.label], "bold"),
            BY: (entry.best.label, "dim"),
            NATURAL: (text.percent(entry.natural) or MISSING, ""),
            DIFFERENCE: differences(entry, widths),
        }

    return Table(columns, sorts, cells)


def _column(name: str, cells: Iterable[str], rank: int = 1) -> Column:
    """A column of numbers, as wide as they are; its name may carry an arrow."""
    return Column(name, max(len(name) + 1, *map(len, cells)), right=True, rank=rank)


def _first_cells(entry: ClassRow) -> dict[str, Segment]:
    return {
        CLASS: (_name(entry), "bold" if entry.label is None else ""),
        N: (f"{entry.n_member}/{entry.n_nonmember}", "dim"),
    }


def _name(entry: ClassRow) -> str:
    """With a mark where a side is small."""
    return entry.name + ("*" if entry.few else "")


def _tone(entry: ClassRow, strategy: Strategy) -> str:
    """The best strategy's is bold; what is under another threshold rule than the table steps back."""
    cell = entry.cells.get(strategy)
    if cell is None or not cell.chosen:
        return "dim"
    return "bold" if strategy == entry.best else ""


def _differences_of(rows: Sequence[ClassRow]) -> Callable[[ClassRow, dict[str, int]], Segment]:
    """A function writing a row's difference to natural, `+18.9 ██████▌`; the bars of one table have one scale."""
    largest = max((abs(row.difference) for row in rows if row.difference is not None), default=0.0)

    def written(entry: ClassRow, widths: dict[str, int]) -> Segment:
        if entry.difference is None or DIFFERENCE not in widths:
            return (MISSING, "dim")
        share = abs(entry.difference) / largest if largest else 0.0
        blocks = bar(share, max(1, min(widths[DIFFERENCE] - 7, LONGEST))).rstrip("░")
        if entry.difference < 0:
            return (f"{100 * entry.difference:+5.1f} {BELOW * len(blocks)}", "dim")
        return (f"{100 * entry.difference:+5.1f} {blocks}", "accent")

    return written


def _fewest(entry: ClassRow) -> int:
    return min(entry.n_member, entry.n_nonmember)
