"""Tables as lines: columns that fit the width, the less important ones giving way first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from explorer.app.look import Line, Segment


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


def sized(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many cells."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def fitted(words: str, width: int) -> str:
    """Words between ` · `, as many as fit, the first ones first; where not even one does it is cut between words."""
    while cell_len(words) > width and " · " in words:
        words = words.rpartition(" · ")[0]
    if cell_len(words) <= width:
        return words
    room = set_cell_size(words, width - 1) if width > 1 else ""
    whole = room if words.startswith(f"{room.rstrip()} ") else room.rpartition("  ")[0] or room.rpartition(" ")[0]
    return f"{whole.rstrip() or room}…"[: max(0, width)]


def bar(share: float, width: int) -> str:
    """A progress bar of eighth blocks."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(width, "░")
