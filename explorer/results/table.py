"""The model of a table: columns with ranks, rows of cells, and the words below them. `rendering` shows it.

Where a width does not hold everything, what has the highest rank gives way first: a whole column, or a part of its
cells, as the spread behind a number goes before the number does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, repeat, zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from rich.cells import cell_len

from explorer.results.lines import Line, Segment, sized

MISSING = "—"
"""On a screen in the place of what there is not."""


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    """The heading on a screen; with its group it tells the column from the table's others."""
    width: int = 0
    """Cells of the first part, at least; a stretching column takes what is left."""
    right: bool = False
    stretch: bool = False
    rank: int = 0
    """Columns of higher rank give way first, among equals the last one, and with it those of its group."""
    long: str = ""
    """The heading in plain text and Markdown; empty: the name."""
    group: str = ""
    """What it stands under together with others."""
    short_group: str = ""
    """The same where those have little room."""
    behind: tuple[int, ...] = ()
    """Ranks of its cells' other parts; those of one rank give way in all columns together, those of 0 never."""
    narrowest: int | None = None
    """To so many cells it may be cut."""
    cut: int = 0
    """The rank of that cut, which comes before a column of the same rank goes."""
    parts: tuple[int, ...] = ()
    """Cells of the other parts; 0 for one that gave way."""
    least: int = 0
    """Cells of the whole, at least."""

    @property
    def room(self) -> int:
        """Cells of the whole."""
        return max(self.least, self.width + sum(self.parts))

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return (self.group, self.name)

    @property
    def heading(self) -> str:
        """In plain text and Markdown."""
        return self.long or self.name

    @property
    def yielding(self) -> set[int]:
        """Ranks of the parts that may give way and have not."""
        return {rank for rank, cells in zip(self.behind, self.parts, strict=False) if rank and cells}

    def without(self, rank: int) -> "Column":
        """The column without the parts of a rank."""
        shown = zip_longest(self.behind[: len(self.parts)], self.parts, fillvalue=0)
        return replace(self, parts=tuple(0 if own == rank else room for own, room in shown))


class Cell(NamedTuple):
    """What stands in one column of one row."""

    text: str = ""
    behind: tuple[str, ...] = ()
    """Its other parts, such as a spread and a mark; each stands below those of other rows."""
    tone: str = ""
    share: float | None = None
    """From -1 to 1: on a screen a bar of so much of the room that the text leaves."""

    @property
    def whole(self) -> str:
        """Everything that it says."""
        return self.text + "".join(self.behind)


@dataclass(frozen=True)
class Block:
    """Rows that belong together, each with a cell for every column: None where there is nothing."""

    rows: Sequence[Sequence[Cell | None]]
    title: str = ""
    note: str = ""
    """A word about it behind the title."""


@dataclass(frozen=True)
class Table:
    """Columns, rows in blocks, and what to know of them."""

    columns: Sequence[Column]
    blocks: Sequence[Block]
    legend: Sequence[str] = ()
    """What words and marks mean: paragraphs."""
    messages: Sequence[str] = ()
    """Warnings of the runs that the numbers are of."""
    missing: str = "-"
    """In plain text in the place of what there is not."""
    titles: str = ""
    """Heading of the titles of blocks, which plain text has in a column; empty: there each block is a table."""

    @property
    def rows(self) -> list[Sequence[Cell | None]]:
        """Those of all blocks."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.columns]

    def merged(self) -> "Table":
        """With all rows in one block, the blocks' titles in a first column if they have a heading."""
        if not self.titles:
            return self
        rows = [(Cell(block.title), *row) for block in self.blocks for row in block.rows]
        return replace(self, columns=(Column(self.titles), *self.columns), blocks=(Block(rows),), titles="")

    def filled(self) -> "Table":
        """Without the columns that have nothing in any row."""
        rows = self.rows
        return self.only([index for index in range(len(self.columns)) if any(row[index] is not None for row in rows)])

    def without(self, name: str) -> "Table":
        """Without the column of a name."""
        return self.only([index for index, column in enumerate(self.columns) if column.name != name])

    def only(self, indices: Sequence[int]) -> "Table":
        """With these columns."""

        def chosen(values: Sequence[Any]) -> list[Any]:
            return [values[index] for index in indices]

        blocks = [replace(block, rows=list(map(chosen, block.rows))) for block in self.blocks]
        return replace(self, columns=chosen(self.columns), blocks=blocks)

    def fitted(self, width: int | None = None, gap: int = 1, long: bool = False) -> list[Column]:
        """The columns as wide as their headings and cells, as many as so many cells hold.

        gap: blanks between columns. long: whether headings are the long ones.
        """
        found = []
        for index, column in enumerate(self.columns):
            cells = [row[index] for row in self.rows if row[index] is not None]
            room = max([column.width, *(cell_len(cell.text) for cell in cells)])
            parts = [max(map(cell_len, own)) for own in zip_longest(*(cell.behind for cell in cells), fillvalue="")]
            least = max(column.least, cell_len(column.heading if long else column.name))
            found.append(replace(column, width=room, parts=tuple(parts), least=least))
        return found if width is None else fit(found, width, gap)


def of(
    columns: Mapping[Column | str, Iterable[Any]], headings: Iterable[tuple[str, str]] = repeat(("", "")), **words: Any
) -> Table:
    """A table from columns of values: cells, texts, or numbers, which stand to the right.

    headings: of each row the title and the note of its block; one block without.
    """
    cells = [[_cell(value) for value in values] for values in columns.values()]
    heads = [
        name if isinstance(name, Column) else Column(name, right=all(map(_is_number, own)))
        for name, own in zip(columns, cells, strict=True)
    ]
    blocks = groupby(zip(headings, zip(*cells, strict=True), strict=False), key=itemgetter(0))
    return Table(heads, [Block([row for _, row in own], *heading) for heading, own in blocks], **words)


def of_rows(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """The same from rows of values."""
    rows = list(rows)
    return of({heading: [row[index] for row in rows] for index, heading in enumerate(headings)})


def _cell(value: Any) -> Cell | None:
    if value is None or isinstance(value, Cell):
        return value
    return Cell(f"{value:.4g}" if isinstance(value, float) else str(value))


def _is_number(cell: Cell | None) -> bool:
    return cell is None or cell.text.removesuffix("/255").replace(".", "").replace("-", "").isdigit()


def fit(columns: Sequence[Column], width: int, gap: int = 1) -> list[Column]:
    """The columns that fit, in order; the first stretching one takes what is left."""
    kept = list(columns)
    while len(kept) > 1 and (over := needed(kept, gap) - width) > 0:
        elastic = next((column for column in kept if column.room > (column.narrowest or column.room)), None)
        worst = max(max(column.rank, *column.yielding, elastic.cut if elastic else 0) for column in kept)
        if any(worst in column.yielding for column in kept):
            kept = [column.without(worst) for column in kept]
        elif elastic and elastic.cut == worst:
            narrow = max(elastic.narrowest, elastic.room - over)
            kept[kept.index(elastic)] = replace(elastic, width=narrow, parts=(), least=0)
        else:
            last = next(column for column in reversed(kept) if column.rank == worst)
            with_it = (worst, last.group) if worst and last.group else None
            kept = [column for column in kept if column is not last and (column.rank, column.group) != with_it]
    spare = width - needed(kept, gap)
    elastic = kept[0] if spare < 0 else next((column for column in kept if column.stretch), None)
    if elastic is not None:
        whole = max(0, elastic.room + spare)
        kept = [replace(column, width=whole, parts=(), least=0) if column is elastic else column for column in kept]
    return kept


def needed(columns: Sequence[Column], gap: int = 1) -> int:
    """Cells of a line of these columns."""
    return sum(column.room + gap for column in columns) - gap


def name_at(columns: Sequence[Column], x: int, gap: int = 1) -> str:
    """The name of the column that has a cell of a line; empty behind the last one."""
    ends = accumulate(column.room + gap for column in columns)
    return next((column.name for column, end in zip(columns, ends, strict=True) if x < end), "")


def header(columns: Sequence[Column], sort: str = "", reverse: bool = False) -> Line:
    """The header; the column sorted by carries an arrow."""
    arrow = "▼" if reverse else "▲"
    names = [
        column.name[: column.room - 1] + arrow if sort and column.name == sort else column.name for column in columns
    ]
    return line([(name, "dim") for name in names], columns)


def row(cells: Mapping[str, Segment], columns: Sequence[Column]) -> Line:
    """One line of a table from cells by the columns' names; those that are missing stay empty."""
    return line([cells.get(column.name, ("", "")) for column in columns], columns)


def line(cells: Sequence[Segment], columns: Sequence[Column]) -> Line:
    """One line of a table; cells too long end in `…`."""
    return tuple(
        (("" if index == 0 else " ") + sized(text, column.room, column.right), tone)
        for index, ((text, tone), column) in enumerate(zip(cells, columns, strict=True))
    )
