"""Tables shown: as plain text for the command line, as lines for a screen, as Markdown for a page."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from rich.cells import cell_len

from explorer.results import marks
from explorer.results.lines import Line, bar, heading, sized, wrapped
from explorer.results.table import MISSING, Block, Cell, Column, Table, header, row

TEXT_WIDTH = 100
"""Cells of a line of words below a table in plain text."""
LONGEST_BAR = 30
BELOW = "▒"
"""What a bar of less than nothing is made of."""


def screen(
    table: Table, width: int, sort: str = "", reverse: bool = False, titled: Callable[[Block], list[Line]] | None = None
) -> tuple[list[Line], list[Line]]:
    """The header and the rows, in at most so many cells; titles of blocks on a rule, unless `titled` gives them."""
    columns = table.fitted(width)
    indices = _indices(table, columns)
    lines: list[Line] = []
    for block in table.blocks:
        if block.title:
            lines += titled(block) if titled else [heading(block.title, width, block.note)]
        for cells in block.rows:
            shown = [(column, cells[index]) for column, index in zip(columns, indices, strict=True)]
            lines.append(
                row({own.name: (_placed(cell, own), cell.tone if cell else "dim") for own, cell in shown}, columns)
            )
    return [*_groups(columns), header(columns, sort, reverse)], lines


def words_below(table: Table, width: int) -> list[Line]:
    """Legend and warnings on a screen."""
    lines = [line for words in table.legend for line in wrapped(words, width - 1, "dim", hang=1)]
    for message in table.messages:
        lines += wrapped(message, width - 1, "warn", first=f" {marks.WARNED}", hang=3)
    return lines


def _indices(table: Table, columns: Iterable[Column]) -> list[int]:
    """Where the columns that fit stand in a row."""
    names = [column.name for column in table.columns]
    return [names.index(column.name) for column in columns]


def _placed(cell: Cell | None, column: Column, missing: str = MISSING) -> str:
    """What a column shows of a cell: its parts below those of other rows."""
    cell = cell or Cell(missing)
    if cell.share is not None:
        blocks = bar(abs(cell.share), max(1, min(column.room - len(cell.text) - 2, LONGEST_BAR))).rstrip("░")
        return f"{cell.text} {blocks if cell.share >= 0 else BELOW * len(blocks)}"
    parts = zip_longest(cell.behind[: len(column.parts)], column.parts, fillvalue="")
    return cell.text + "".join(text + " " * (room - cell_len(text)) for text, room in parts if room)


def _groups(columns: Sequence[Column]) -> list[Line]:
    """A line of what columns stand under, if they stand under anything."""
    if not any(column.group for column in columns):
        return []
    above = ""
    for group, members in groupby(columns, key=lambda column: column.group):
        room = sum(column.room + 1 for column in members) - 1
        above += sized(group if len(group) <= room else group[:3], room).rstrip().center(room) + " "
    return [((above, "dim"),)]


def plain(table: Table, width: int | None = None) -> str:
    """Aligned columns under a ruled header, and the words below them; with a width only columns that fit."""
    table = table.merged()
    blocks = []
    for block in table.blocks:
        title = f"{block.title}   ({block.note})" if block.note else block.title
        own = replace(table, blocks=(block,)).filled()
        blocks.append("\n\n".join(filter(None, [title, "\n".join(_plain_lines(own, width))])))
    messages = marks.lines(table.messages, TEXT_WIDTH)
    legend = [line for words in table.legend for line in textwrap.wrap(words, TEXT_WIDTH, break_on_hyphens=False)]
    return "\n\n".join(filter(None, [*blocks, "\n".join(messages), "\n".join(legend)]))


def _plain_lines(table: Table, width: int | None) -> Iterator[str]:
    columns = table.fitted(width, gap=2, long=True)
    indices = _indices(table, columns)

    def line(words: Iterable[str]) -> str:
        sides = zip(words, columns, strict=True)
        return "  ".join(sized(text, column.room, column.right) for text, column in sides).rstrip()

    yield line(column.heading for column in columns)
    yield "  ".join("─" * column.room for column in columns)
    for cells in table.rows:
        yield line(_placed(cells[index], column, "-") for column, index in zip(columns, indices, strict=True))


def markdown(table: Table) -> str:
    """The lines of a Markdown table, without the words below it."""
    table = table.merged().filled()
    cells = [[cell.text + "".join(cell.behind) if cell else "" for cell in row] for row in table.rows]
    heads = [column.heading for column in table.columns]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *cells))
