"""The section of a run's page with the training images it exposes most: their pictures, and a list. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.app.panes.class_columns import class_column
from explorer.app.panes.run_sections import ASKING, indented
from explorer.results import exposed_table, picture, text
from explorer.results.exposed_table import LETTERS
from explorer.results.lines import Line, beside, heading, plain, wrapped
from explorer.results.run_folder import RunFolder
from explorer.results.table import Column, fit, header, row

Row = Mapping[str, Any]

TITLE = "Most exposed training images"
COUNT = 12
"""Images that are listed: those of which a run keeps pictures."""
GAP = 3
ROWS = 8, 20
"""The fewest and the most lines that a picture is given."""


@dataclass(frozen=True)
class Look:
    """What the terminal can show of a picture."""

    plain: bool = False
    """Characters rather than colours."""
    bright_paper: bool = False
    """Dark on bright."""


def section(
    rows: Sequence[Row] | None, state: str, folder: RunFolder | None, chosen: int, size: tuple[int, int], look: Look
) -> list[Line]:
    """The chosen image beside its adversarial example, then all of them.

    rows: of the query `exposed`; None before the answer. state: the run's. size: the window's width and height.
    """
    width, height = size
    lines = [heading(TITLE, width, "risk, and confidence in the true class, %")]
    if rows is None:
        return [*lines, plain(f" {ASKING}", "dim")]
    if nothing := exposed_table.why_none(rows, state):
        return [*lines, plain(f" {nothing[0].upper()}{nothing[1:]}.", "dim")]
    chosen %= len(rows)
    lines += _pictures(folder, rows[chosen], width, picture_rows(height), look)
    return [*lines, *_list(rows, chosen, width - 1), *wrapped(exposed_table.MEANING, width - 1, "dim", hang=1)]


def picture_rows(height: int) -> int:
    """Lines that a picture has in a window of so many."""
    fewest, most = ROWS
    return max(fewest, min(most, height * 2 // 5))


def _pictures(folder: RunFolder | None, shown: Row, width: int, rows: int, look: Look) -> list[Line]:
    if folder is None:
        return [plain(" reading …", "dim")]
    example = shown["example"]
    if f"{example}-image" not in folder.pictures:
        return [plain(f" The run's folder has no picture of image {example}.", "dim")]
    captions = {
        "image": f"image {example}, class {exposed_table.class_of(shown)}",
        "adversarial": "its adversarial example",
    }
    blocks = []
    for kind, caption in captions.items():
        name = f"{example}-{kind}"
        if name in folder.pictures:
            found = folder.pictures[name]
            drawn = picture.drawn(found, width * 3 // 10, rows, look.plain, look.bright_paper) if found else []
            words = plain(caption, "dim") if found else plain(f"{name} cannot be read", "dim")
            blocks.append(([words, *drawn], max(_width(line) for line in (words, *drawn))))
    return [indented(line, width - 1) for line in beside(blocks, GAP)]


def _list(rows: Sequence[Row], chosen: int, width: int) -> list[Line]:
    views = exposed_table.views(rows)
    columns = [Column("", 1), Column("IMAGE", 7, right=True), class_column(exposed_table.class_of(own) for own in rows)]
    columns.append(Column("RISK", 5, right=True))
    for view in views:
        columns.append(Column(view.upper(), max(6, len(view)), right=True, rank=1))
        columns.append(Column(_risk(view), 6, right=True, rank=2))
    columns = fit(columns, width)
    lines = [indented(header(columns), width)]
    for index, own in enumerate(rows):
        cells = {
            "": ("▸" if index == chosen else "", "accent"),
            "IMAGE": (str(own["example"]), ""),
            "CLASS": (exposed_table.class_of(own), ""),
            "RISK": (text.percent(own["risk"]) or "—", ""),
        }
        for view in views:
            cells[view.upper()] = (text.percent(own[f"{view}_confidence"]) or "—", "")
            cells[_risk(view)] = (text.percent(own[f"{view}_risk"]) or "—", "dim")
        lines.append(indented(row(cells, columns), width))
    return lines


def _risk(view: str) -> str:
    return f"RISK {LETTERS[view]}"


def _width(line: Line) -> int:
    return sum(len(part) for part, _ in line)
