"""The two tables of the pane of classes: their columns, what they can be sorted by, and what stands in their cells."""

from collections.abc import Callable
from dataclasses import dataclass

from explorer import text
from explorer.look import Segment
from explorer.panes.table import Column, bar
from explorer.tables.class_table import ClassRow, Strategy

Sorts = dict[str, Callable[[ClassRow], float | None]]
"""What a table can be sorted by, its main number first."""

CLASS, N, BEST, BY, PAPER, NATURAL, DIFFERENCE = "CLASS", "N", "BEST", "BY", "PAPER", "NATURAL", "Δ vs natural"
CELL = 11
"""Cells of `▸62.5 ±10.9`."""
BELOW = "▒"
"""What bars below natural training are made of."""
LONGEST = 30
"""Cells of a difference's bar at most."""


@dataclass(frozen=True)
class Table:
    """Columns and what fills them."""

    columns: list[Column]
    sorts: Sorts
    cells: Callable[[ClassRow, dict[str, int]], dict[str, Segment]]
    """A row's cells; the widths of the columns that fit are given."""


_DIFFERENCE = Column(DIFFERENCE, 14, stretch=True, rank=5)


def strategy_table(rows: list[ClassRow], found: list[Strategy], papers: bool) -> Table:
    """Every strategy side by side, the paper's numbers where it has some, and the difference to natural training."""
    compared = any(row.difference is not None for row in rows)
    columns = [
        Column(CLASS, 6),
        Column(N, 11, right=True, rank=3),
        *(Column(strategy.label, max(CELL, len(strategy.label) + 1), right=True, rank=1) for strategy in found),
        *([Column(PAPER, 6, right=True, rank=2)] if papers else []),
        *([_DIFFERENCE] if compared else []),
    ]
    sorts: Sorts = {BEST: lambda row: row.value, CLASS: lambda row: row.label, N: _fewest}
    for strategy in found:
        sorts[strategy.label] = lambda row, own=strategy: row.cells[own].value if own in row.cells else None
    sorts |= {PAPER: lambda row: row.published} if papers else {}
    sorts |= {DIFFERENCE: lambda row: row.difference} if compared else {}
    differences = _differences_of(rows)

    def cells(entry: ClassRow, widths: dict[str, int]) -> dict[str, Segment]:
        values = {strategy.label: _number(entry, strategy) for strategy in found}
        paper = (text.percent(entry.published) or "—", "dim")
        return _first_cells(entry) | values | {PAPER: paper, DIFFERENCE: differences(entry, widths)}

    return Table(columns, sorts, cells)


def difference_table(rows: list[ClassRow]) -> Table:
    """The best strategy beside the best one on natural training."""
    columns = [
        Column(CLASS, 6),
        Column(N, 11, right=True, rank=4),
        Column(BEST, CELL, right=True, rank=2),
        Column(BY, max(len(row.best.label) for row in rows), rank=3),
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
            BEST: _number(entry, entry.best, mark=""),
            BY: (entry.best.label, "dim"),
            NATURAL: (text.percent(entry.natural) or "—", ""),
            DIFFERENCE: differences(entry, widths),
        }

    return Table(columns, sorts, cells)


def _first_cells(entry: ClassRow) -> dict[str, Segment]:
    return {
        CLASS: (entry.name + ("*" if entry.few else ""), "bold" if entry.label is None else ""),
        N: (f"{entry.n_member}/{entry.n_nonmember}", "dim"),
    }


def _number(entry: ClassRow, strategy: Strategy, mark: str = "▸") -> Segment:
    """What a strategy reaches, the row's best in bold and with its mark."""
    cell = entry.cells.get(strategy)
    if cell is None:
        return ("—", "dim")
    half = "" if cell.half is None else f" ±{100 * cell.half:.1f}"
    best = strategy == entry.best
    return (f"{mark if best else ''}{text.percent(cell.value)}{half}", "bold" if best else "")


def _differences_of(rows: list[ClassRow]) -> Callable[[ClassRow, dict[str, int]], Segment]:
    """A function writing a row's difference to natural, `+18.9 ██████▌`; the bars of one table have one scale."""
    largest = max((abs(row.difference) for row in rows if row.difference is not None), default=0.0)

    def written(entry: ClassRow, widths: dict[str, int]) -> Segment:
        if entry.difference is None or DIFFERENCE not in widths:
            return ("—", "dim")
        share = abs(entry.difference) / largest if largest else 0.0
        blocks = bar(share, max(1, min(widths[DIFFERENCE] - 7, LONGEST))).rstrip("░")
        if entry.difference < 0:
            return (f"{100 * entry.difference:+5.1f} {BELOW * len(blocks)}", "dim")
        return (f"{100 * entry.difference:+5.1f} {blocks}", "accent")

    return written


def _fewest(entry: ClassRow) -> int:
    return min(entry.n_member, entry.n_nonmember)
