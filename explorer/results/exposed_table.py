"""The training images that a run exposes most, in order for showing."""

import heapq
from collections.abc import Callable, Iterator, Sequence

from engine.run_states import WAITING
from explorer.results import class_rows, text
from explorer.results.table import MISSING, Cell, Column, Table, of
from store.rows import ExposedExample

MEANING = (
    "Risk: how probable it is that the image was trained on, given the model's answer, if members and others were "
    "equally likely before; at 50 % the answer tells nothing."
)
PAGE = 10_000
"""Rows that are asked for at once where all are looked through."""


def views(rows: Sequence[ExposedExample]) -> list[str]:
    """The views that there are."""
    return [view for view in text.VIEWS if any(view in row.confidences for row in rows)]


def class_of(row: ExposedExample) -> str:
    """The class of an image as tables write it."""
    return class_rows.called(row.label, row.class_name)


def why_none(rows: Sequence[ExposedExample], state: str) -> str | None:
    """Why there is nothing to rank, in one line; None where there is."""
    if not rows:
        return "none yet: risks are measured after training" if state in WAITING else "no risk is stored"
    if rows[0].risk is None:
        return "no risk is stored: the run was audited before risks were measured"
    return None


def most_exposed(
    ask: Callable[..., list[ExposedExample]], run_id: str, count: int, view: str | None = None
) -> list[ExposedExample]:
    """The first rows of the query `exposed`; with a view, those of the highest risk in it.

    ask: called with the query's name and its filters.
    """
    if view is None:
        return ask("exposed", run_id=run_id, limit=count)
    return heapq.nlargest(count, _pages(ask, run_id), key=lambda row: row.risks.get(view, -1.0))


def _pages(ask: Callable[..., list[ExposedExample]], run_id: str) -> Iterator[ExposedExample]:
    page, start = [], 0
    while start == 0 or len(page) == PAGE:
        page = ask("exposed", run_id=run_id, limit=PAGE, offset=start)
        yield from page
        start += PAGE


def table(rows: Sequence[ExposedExample], shown: Sequence[str]) -> Table:
    """In percent: the highest risk where there are several views, then confidence and risk in each."""
    columns = {
        Column("#", right=True, rank=3, long="rank"): range(1, len(rows) + 1),
        Column("IMAGE", 7, right=True, long="image"): [row.example for row in rows],
        Column("CLASS", 6, long="class", narrowest=6): [class_of(row) for row in rows],
    }
    if len(shown) > 1:
        columns[Column("RISK", 5, right=True, long="risk")] = [_share(row.risk) for row in rows]
    for view in shown:
        risk = f"RISK {text.LETTERS[view]}"
        columns[Column(view.upper(), 6, right=True, rank=1, long=view)] = [
            _share(row.confidences.get(view)) for row in rows
        ]
        columns[Column(risk, 6, right=True, rank=2, long=f"risk {risk[-1]}")] = [
            _share(row.risks.get(view))._replace(tone="dim") for row in rows
        ]
    return of(columns, legend=(_legend(shown), MEANING))


def _share(value: float | None) -> Cell:
    return Cell(text.percent(value) or MISSING)


def _legend(shown: Sequence[str]) -> str:
    """What the columns are."""
    risks = ", ".join(f"risk {text.LETTERS[view]}" for view in shown)
    highest = "; risk: the highest of them" if len(shown) > 1 else ""
    columns = f"image: its row in the training split; {', '.join(shown)}: confidence in the true class; {risks}: "
    return f"In percent. {columns}by that view alone{highest}."
