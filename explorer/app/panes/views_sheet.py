"""The table of views on a screen of its own: as much of it side by side as fits, the paper's lines below ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.cells import cell_len

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.project.metrics import SHORT
from explorer.results import marks, text, views_table
from explorer.results.lines import Line, heading, plain, wrapped
from explorer.results.table import MISSING, Column, fit, row
from explorer.results.views_table import ACCURACIES, INFERENCE, Block, Number

Row = dict[str, Any]

LABEL = "DEFENSE"
LONGEST_LABEL = 20
"""Cells of a line's name where the table is at its narrowest."""
NARROWEST = len("100.0")


@dataclass(frozen=True)
class Form:
    """How much stands side by side."""

    spread: bool = False
    both_rules: bool = False
    settings: tuple[str, ...] = ()
    """Settings in columns of their own."""


FORMS = (
    Form(spread=True, both_rules=True, settings=("EPS", "ATTACK", "CERTIFIED BY", "SEEDS")),
    Form(both_rules=True, settings=("EPS", "ATTACK", "CERTIFIED BY", "SEEDS")),
    Form(both_rules=True, settings=("EPS", "CERTIFIED BY", "SEEDS")),
    Form(both_rules=True, settings=("EPS", "CERTIFIED BY")),
    Form(settings=("EPS", "CERTIFIED BY", "SEEDS")),
    Form(settings=("SEEDS",)),
    Form(),
)
"""From most to least."""
TOLD = {"EPS": "epsilon", "ATTACK": "attacked", "CERTIFIED BY": "certified"}
"""What the names of lines need not say where it has a column."""


class ViewsSheet(Sheet):
    """A block for each network and its data, as the paper would print them one after the other."""

    SCOPE = "views"

    def __init__(self, run_ids: Sequence[str] | None) -> None:
        """Of these runs only; None: of all."""
        super().__init__()
        self.run_ids = run_ids
        self.rule = "oracle"
        """Threshold rule of the inference accuracies where there is room for one."""
        self.one_rule = False
        """Whether that is so."""

    def rows(self) -> list[Row] | None:
        """Rows of the query `views`; None before the answer."""
        return self.live.rows("views", **({} if self.run_ids is None else {"run_id": list(self.run_ids)}))

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The table, or why there is none."""
        rows = self.rows()
        if not rows:
            words = "asking …" if rows is None else "No finished run yet: every number here is measured after training."
            return Page([plain(f" {words}", "dim")], title="Views", note=self.keys(width))
        blocks = views_table.blocks(rows)
        form, columns, cells = _laid_out(blocks, self.rule, width - 1)
        self.one_rule = not form.both_rules
        lines: list[Line] = []
        rest = iter(cells)
        for block in blocks:
            lines += _headings(block, width)
            lines += [_line(next(rest), columns, "dim" if entry.papers else "") for entry in block.entries]
            lines.append(())
        lines += wrapped(_legend(blocks, form), width - 1, "dim", hang=1)
        for message in marks.messages(rows):
            lines += wrapped(message, width - 1, "warn", first=f" {marks.WARNED}", hang=3)
        return Page(lines, head=_head(columns), title=self._title(rows), note=self.keys(width))

    def _title(self, rows: Sequence[Row]) -> str:
        settings = "1 setting" if len(rows) == 1 else f"{len(rows)} settings"
        among = "" if self.run_ids is None else f" of {len(self.run_ids)} listed runs"
        return f"Views · {settings}{among}, means over seeds"


def _headings(block: Block, width: int) -> list[Line]:
    """The block's title and how the paper's model differs, below it where there is no room behind."""
    title, papers = block.title_with_epsilon, f"paper: {block.papers}" if block.papers else ""
    if cell_len(title + papers) + 8 <= width:
        return [heading(title, width, papers)]
    return [heading(title, width), plain(f" {papers}", "dim")]


def _legend(blocks: Sequence[Block], form: Form) -> str:
    methods = views_table.certified_by(entry for block in blocks for entry in block.entries)
    told = f" Certified: {methods}." if methods and "CERTIFIED BY" not in form.settings else ""
    return views_table.LEGEND + told


def _laid_out(blocks: Sequence[Block], rule: str, width: int) -> tuple[Form, list[Column], list[Mapping[str, str]]]:
    """The richest form of which every column fits, its columns, and every line's cells; the plainest loses columns."""
    for form in FORMS:
        cells = _cells(blocks, form, rule)
        columns = _columns(cells, form, rule)
        if sum(column.width + 1 for column in columns) - 1 <= width:
            break
    return form, fit(columns, width), cells


def _numbers(form: Form, rule: str) -> tuple[Number, ...]:
    return ACCURACIES + (INFERENCE["oracle"] + INFERENCE["heldout"] if form.both_rules else INFERENCE[rule])


def _cells(blocks: Sequence[Block], form: Form, rule: str) -> list[Mapping[str, str]]:
    """By column, with the digits of all blocks below each other."""
    entries = [entry for block in blocks for entry in block.entries]
    told = [TOLD[name] for name in form.settings if name in TOLD]
    columns = {LABEL: [name for block in blocks for name in views_table.labels(block, told)]}
    settings = {
        "EPS": [text.epsilon(entry.epsilon) if entry.epsilon else MISSING for entry in entries],
        "ATTACK": [text.epsilon(entry.attacked) for entry in entries],
        "CERTIFIED BY": [entry.certification or MISSING for entry in entries],
        "SEEDS": [str(entry.n_seeds) for entry in entries],
    }
    if all(block.epsilon is not None for block in blocks):  # the headings tell it
        del settings["EPS"], settings["ATTACK"]
    columns |= {name: settings[name] for name in form.settings if name in settings}
    columns |= {number.column: views_table.column(entries, number, form.spread) for number in _numbers(form, rule)}
    return [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]


def _columns(cells: Sequence[Mapping[str, str]], form: Form, rule: str) -> list[Column]:
    numbers = {number.column: number for number in _numbers(form, rule)}
    found = []
    for name in cells[0]:
        longest = max(len(line[name]) for line in cells)
        if number := numbers.get(name):
            rank = 3 if number.title == "train" else 2 if number.group != "benign" and not number.rule else 0
            found.append(Column(name, max(NARROWEST, longest), right=True, rank=rank))
        elif name == LABEL:
            room = longest if form.settings else min(LONGEST_LABEL, longest)
            found.append(Column(name, max(len(name), room)))
        else:
            found.append(Column(name, max(len(name), longest), right=name != "CERTIFIED BY", rank=1))
    return found


def _line(cells: Mapping[str, str], columns: Sequence[Column], tone: str) -> Line:
    return ((" ", ""), *row({name: (words, tone) for name, words in cells.items()}, columns))


def _head(columns: Sequence[Column]) -> list[Line]:
    """Two lines: what numbers stand under, then their own titles."""
    known = {number.column: number for number in views_table.NUMBERS}
    above = ""
    for group, members in groupby(columns, key=lambda column: known[column.name].group if column.name in known else ""):
        room = sum(column.width + 1 for column in members)
        title = group.upper() if len(group) < room else SHORT.get(group, group).upper()
        above += title.center(room - 1)[: room - 1] + " "
    titles = {name: number.title if number.rule else number.title.upper() for name, number in known.items()}
    return [plain(f" {above}", "dim"), _line({c.name: titles.get(c.name, c.name) for c in columns}, columns, "dim")]
