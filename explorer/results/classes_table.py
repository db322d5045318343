"""The tables of what each class of one model leaks: strategies side by side, or the best beside natural training's."""

from collections.abc import Callable, Sequence

from explorer.results import text
from explorer.results.class_rows import BEST, ClassRow, Strategy
from explorer.results.table import MISSING, Cell, Column, Table, of

CLASS, N, BEST_OF, BY, PAPER, NATURAL, DIFFERENCE = "CLASS", "N", "BEST", "BY", "PAPER", "NATURAL", "Δ vs natural"
SHORTEST_NAME = 6
"""Cells of a class's number and name on a screen at least."""
OF_SPREAD, OF_PAPER = 4, 7
"""Ranks of what stands behind a strategy's number."""
SORTS: dict[str, Callable[[ClassRow], float | None]] = {
    CLASS: lambda row: row.label,
    N: lambda row: row.fewest,
    BEST_OF: lambda row: row.value,
    PAPER: lambda row: row.published,
    NATURAL: lambda row: row.natural,
    DIFFERENCE: lambda row: row.difference,
}
"""What the rows can be sorted by besides the strategies."""


def sort_key(name: str) -> Callable[[ClassRow], float | None]:
    """By one of these, or by the strategy of that label."""

    def of_strategy(row: ClassRow) -> float | None:
        return next((own.value for strategy, own in row.reached.items() if strategy.label == name), None)

    return SORTS.get(name, of_strategy)


# Tables


def table(
    rows: Sequence[ClassRow], shown: Sequence[Strategy], papers_column: bool = False, on_screen: bool = True
) -> Table:
    """Every strategy side by side, each with the paper's number behind it or, in a column, that of the best one."""
    strategies = {
        Column(own.label, right=True, behind=(OF_SPREAD, 0, OF_PAPER), least=len(own.label) + 1): [
            row.reached[own].cell(own == row.best) if own in row.reached else None for row in rows
        ]
        for own in shown
    }
    if papers_column:
        strategies = {
            column: [cell and cell._replace(behind=cell.behind[:2]) for cell in cells]
            for column, cells in strategies.items()
        }
        strategies[Column(PAPER, 6, right=True, rank=5)] = [
            row.published and Cell(text.percent(row.published), tone="dim") for row in rows
        ]
    return _table(rows, strategies, on_screen)


def differences(rows: Sequence[ClassRow]) -> Table:
    """The best strategy beside the best one on natural training."""
    best = [row.reached[row.best].cell(best=True) for row in rows]
    columns = {
        Column(BEST_OF, right=True, rank=2, behind=(0, 0), least=5): [
            cell._replace(text=cell.text.removeprefix(BEST), behind=cell.behind[:2]) for cell in best
        ],
        Column(BY, rank=3): [Cell(row.best.label, tone="dim") for row in rows],
        Column(NATURAL, 8, right=True, rank=1): [Cell(text.percent(row.natural) or MISSING) for row in rows],
    }
    return _table(rows, columns)


def _table(rows: Sequence[ClassRow], columns: dict[Column, list[Cell | None]], on_screen: bool = True) -> Table:
    """Classes and their sizes, then columns of one's own, then the differences to natural training."""
    largest = max((abs(row.difference) for row in rows if row.difference is not None), default=0.0)
    whole = {
        Column(CLASS, SHORTEST_NAME, long="class", narrowest=SHORTEST_NAME): [
            Cell(row.short_name if on_screen else row.name, tone="bold" if row.label is None else "") for row in rows
        ],
        Column(N, 11, right=True, rank=6, long="members/others"): [
            Cell(f"{row.n_member}/{row.n_nonmember}", tone="dim") for row in rows
        ],
        **columns,
    }
    if largest or any(row.difference is not None for row in rows):
        whole[Column(DIFFERENCE, 14, stretch=True, rank=8)] = [_difference(row, largest) for row in rows]
    return of(whole, missing=MISSING)


def _difference(row: ClassRow, largest: float) -> Cell | None:
    """`+18.9 ██████▌`; the bars of one table have one scale."""
    if row.difference is None:
        return None
    share = row.difference / largest if largest else 0.0
    return Cell(f"{100 * row.difference:+5.1f}", tone="dim" if share < 0 else "accent", share=share)
