"""Tables as lines: columns that fit the width, the less important ones giving way first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explorer.results.lines import Line, Segment, sized


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    width: int
    """Cells; a stretching column takes at least these."""
    right: bool = False
    stretch: bool = False
    rank: int = 0
    """Columns of higher rank give way first where the width does not hold all."""


def fit(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit, in order; the first stretching one takes what is left."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width + 1 for column in kept) - 1 > width:
        worst = max(column.rank for column in kept)
        kept.remove(next(column for column in reversed(kept) if column.rank == worst))
    spare = width - (sum(column.width + 1 for column in kept) - 1)
    elastic = kept[0] if spare < 0 else next((column for column in kept if column.stretch), None)
    return [replace(column, width=max(0, column.width + spare)) if column is elastic else column for column in kept]


def header(columns: Sequence[Column], sort: str = "", reverse: bool = False) -> Line:
    """The header; the column sorted by carries an arrow."""
    arrow = "▼" if reverse else "▲"
    cells = {
        column.name: column.name[: column.width - 1] + arrow if sort and column.name == sort else column.name
        for column in columns
    }
    return row({name: (text, "dim") for name, text in cells.items()}, columns)


def row(cells: dict[str, Segment], columns: Sequence[Column]) -> Line:
    """One line of the table; cells that are missing stay empty, those too long end in `…`."""
    line: list[Segment] = []
    for index, column in enumerate(columns):
        text, tone = cells.get(column.name, ("", ""))
        line.append((("" if index == 0 else " ") + sized(text, column.width, column.right), tone))
    return tuple(line)
