"""The sections of a run's page about single images: those that it exposes most, and its population. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from explorer.app.panes.leakage_section import ASKING
from explorer.results import betrayed_table, exposed_table, picture, population_risk
from explorer.results.lines import Line, beside, cut, heading, indented, line_text, plain, wrapped
from explorer.results.rendering import screen
from explorer.results.run_folder import RunFolder
from explorer.results.table import Block, Cell, Column
from store.rows import ExposedExample, ImageRisk
from store.summaries import ClassRisk

TITLE = "Most exposed training images"
BETRAYED = "Images that the population betrays"
NO_RISK = "No attack with references has told of it."
COUNT = 12
"""Images that are listed: those of which a run keeps pictures."""
GAP = 3
ROWS = 8, 20
"""The fewest and the most lines that a picture is given."""


@dataclass(frozen=True)
class PictureStyle:
    """What the terminal can show of a picture."""

    plain: bool = False
    """Characters rather than colours."""
    bright_paper: bool = False
    """Dark on bright."""


def section(
    rows: Sequence[ExposedExample] | None,
    state: str,
    folder: RunFolder | None,
    chosen: int,
    size: tuple[int, int],
    look: PictureStyle,
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
    return [*lines, *_list(rows, chosen, width), *wrapped(exposed_table.MEANING, width - 1, "dim", hang=1)]


def betrayed(rows: Sequence[ImageRisk] | None, by: ClassRisk | None, width: int, why_none: str = "") -> list[Line]:
    """The images of a population that an attack with references finds in more of its models than luck would.

    rows: of the query `image_risks`, of that attack in its view; None before the answer. by: what the attack finds of
    all classes; None where none has told. why_none: its failure.
    """
    lines = [heading(BETRAYED, width, population_risk.said(by) if by else "")]
    found = population_risk.singled_out(rows, by)[:COUNT] if rows and by else []
    if not found:
        words = population_risk.nothing_found(by) if rows and by else why_none or NO_RISK
        return [*lines, *wrapped(ASKING if rows is None else words, width - 1, "dim", first=" ", hang=1)]
    head, listed = screen(betrayed_table.table(found), width, indent=1)
    return [*lines, *head, *listed, *wrapped(betrayed_table.MEANING, width - 1, "dim", hang=1)]


def picture_rows(height: int) -> int:
    """Lines that a picture has in a window of so many."""
    fewest, most = ROWS
    return max(fewest, min(most, height * 2 // 5))


def _pictures(folder: RunFolder | None, shown: ExposedExample, width: int, rows: int, look: PictureStyle) -> list[Line]:
    if folder is None:
        return [plain(" reading …", "dim")]
    example = shown.example
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
            blocks.append(([words, *drawn], max(len(line_text(line)) for line in (words, *drawn))))
    return [cut(line, width) for line in indented(beside(blocks, GAP))]


def _list(rows: Sequence[ExposedExample], chosen: int, width: int) -> list[Line]:
    table = exposed_table.table(rows, exposed_table.views(rows)).without("#")
    chooser = [Cell("▸" if index == chosen else "", tone="accent") for index in range(len(rows))]
    block = Block([(mark, *row) for mark, row in zip(chooser, table.rows, strict=True)])
    head, lines = screen(replace(table, columns=[Column("", 1), *table.columns], blocks=[block]), width, indent=1)
    return [*head, *lines]
