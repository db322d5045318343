"""Tables shown: as plain text for the command line, as lines for a screen, as Markdown for a page."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from rich.cells import cell_len

from explorer.results import marks
from explorer.results.lines import Line, bar, heading, sized, wrapped
from explorer.results.table import MISSING, Block, Cell, Column, Table, header, line, needed

LONGEST_BAR = 30
BELOW = "▒"
"""What a bar of less than nothing is made of."""


def screen(
    table: Table,
    width: int,
    indent: int = 0,
    sort: str = "",
    reverse: bool = False,
    titled: Callable[[Block], list[Line]] | None = None,
) -> tuple[list[Line], list[Line]]:
    """The header and the rows behind an indent, in at most so many cells; a block's title fills the width.

    titled: gives the lines of a title; by itself it stands on a rule.
    """
    columns = table.fitted(width - indent)
    indices = _indices(table, columns)
    before: Line = ((" " * indent, ""),) if indent else ()
    lines: list[Line] = []
    for block in table.blocks:
        if block.title:
            lines += titled(block) if titled else [heading(block.title, width, block.note)]
        for row in block.rows:
            cells = [row[index] for index in indices]
            shown = [_placed(cell, column, MISSING) for cell, column in zip(cells, columns, strict=True)]
            tones = [cell.tone if cell else "dim" for cell in cells]
            lines.append(before + line(list(zip(shown, tones, strict=True)), columns))
    return [before + own for own in (*_groups(columns), header(columns, sort, reverse))], lines


def stacked(table: Table, width: int) -> Iterator[Table]:
    """The table in as many as lines of a width need; each has the first and the last column."""
    last = len(table.columns) - 1
    chosen: list[int] = []
    for index in range(1, last):
        if chosen and needed(table.only([0, *chosen, index, last]).fitted()) > width:
            yield table.only([0, *chosen, last])
            chosen = []
        chosen.append(index)
    yield table.only([0, *chosen, last])


def words_below(table: Table, width: int) -> list[Line]:
    """Legend and warnings on a screen."""
    lines = [line for words in table.legend for line in wrapped(words, width - 1, "dim", hang=1)]
    for message in table.messages:
        lines += wrapped(message, width - 1, "warn", first=f" {marks.WARNED}", hang=3)
    return lines


def _indices(table: Table, columns: Iterable[Column]) -> list[int]:
    """Where the columns that fit stand in a row."""
    keys = [column.key for column in table.columns]
    return [keys.index(column.key) for column in columns]


def _placed(cell: Cell | None, column: Column, missing: str) -> str:
    """What a column shows of a cell: its parts below those of other rows."""
    cell = cell or Cell(missing)
    if cell.share is not None:
        blocks = bar(abs(cell.share), max(1, min(column.room - len(cell.text) - 2, LONGEST_BAR))).rstrip("░")
        return f"{cell.text} {blocks if cell.share >= 0 else BELOW * len(blocks)}"
    parts = list(zip_longest(cell.behind[: len(column.parts)], column.parts, fillvalue=""))
    if len(parts) > 1 and not parts[0][0]:  # a mark stands at its number where no spread is between them
        parts[:2] = [(parts[1][0], sum(column.parts[:2]))]
    return cell.text + "".join(text + " " * (room - cell_len(text)) for text, room in parts if room)


def _groups(columns: Sequence[Column]) -> list[Line]:
    """A line of what columns stand under, if they stand under anything."""
    if not any(column.group for column in columns):
        return []
    above = ""
    for (group, short), members in groupby(columns, key=lambda column: (column.group, column.short_group)):
        room = sum(column.room + 1 for column in members) - 1
        above += (group if len(group) <= room else short).center(room)[:room] + " "
    return [((above, "dim"),)]


def plain(table: Table, width: int | None = None) -> str:
    """Aligned columns under a ruled header, and the words below them; with a width only columns that fit."""
    table = table.merged()
    blocks = []
    for block in table.blocks:
        title = f"{block.title}   ({block.note})" if block.note else block.title
        own = replace(table, blocks=(block,)).filled()
        if not own.columns:  # nothing is known, as of a run that failed
            continue
        if not own.columns[0].heading:
            title, own = "", replace(own, columns=(replace(own.columns[0], long=block.title), *own.columns[1:]))
        blocks.append("\n\n".join(filter(None, [title, "\n".join(_plain_lines(own, width))])))
    messages = marks.lines(table.messages, marks.LINE)
    legend = [line for words in table.legend for line in textwrap.wrap(words, marks.LINE, break_on_hyphens=False)]
    return "\n\n".join(filter(None, [*blocks, "\n".join(messages), "\n".join(legend)]))


def _plain_lines(table: Table, width: int | None) -> Iterator[str]:
    columns = table.fitted(width, gap=2, long=True)
    indices = _indices(table, columns)

    def joined(words: Iterable[str]) -> str:
        sides = zip(words, columns, strict=True)
        return "  ".join(sized(text, column.room, column.right) for text, column in sides).rstrip()

    yield joined(column.heading for column in columns)
    yield "  ".join("─" * column.room for column in columns)
    for row in table.rows:
        pairs = zip(columns, indices, strict=True)
        yield joined(_placed(row[index], column, table.missing) for column, index in pairs)


def markdown(table: Table) -> str:
    """The lines of a Markdown table, without the words below it."""
    table = table.merged().filled()
    cells = [[cell.whole.replace("|", "\\|") if cell else "" for cell in row] for row in table.rows]
    heads = [column.heading for column in table.columns]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *cells))
