"""The training images that a run exposes most, in order for showing. No Textual."""

import heapq
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from explorer.results import classes_table, text
from explorer.results.text import LETTERS, VIEWS

Row = Mapping[str, Any]

MEANING = (
    "Risk: how probable it is that the image was trained on, given the model's answer, if members and others were "
    "equally likely before; at 50 % the answer tells nothing."
)
LINE = 100
"""Cells of a line of words below a table."""
PAGE = 10_000
"""Rows that are asked for at once where all are looked through."""


def views(rows: Sequence[Row]) -> list[str]:
    """The views that there are in rows of the query `exposed`."""
    return [view for view in VIEWS if any(row[f"{view}_confidence"] is not None for row in rows)]


def class_of(row: Row) -> str:
    """The class of an image as tables write it."""
    return classes_table.called(row["label"], row["class_name"])


def why_none(rows: Sequence[Row], state: str) -> str | None:
    """Why there is nothing to rank, in one line; None where there is."""
    if not rows:
        return "none yet: risks are measured after training" if state in ("queued", "running") else "no risk is stored"
    if rows[0]["risk"] is None:
        return "no risk is stored: the run was audited before risks were measured"
    return None


def most_exposed(ask: Callable[..., list[Row]], run_id: str, count: int, view: str | None = None) -> list[Row]:
    """The first rows of the query `exposed`; with a view, those of the highest risk in it.

    ask: called with the query's name and its filters.
    """
    if view is None:
        return ask("exposed", run_id=run_id, limit=count)

    def risk(row: Row) -> float:
        return -1.0 if row[f"{view}_risk"] is None else row[f"{view}_risk"]

    return heapq.nlargest(count, _pages(ask, run_id), key=risk)


def _pages(ask: Callable[..., list[Row]], run_id: str) -> Iterator[Row]:
    page, start = [], 0
    while start == 0 or len(page) == PAGE:
        page = ask("exposed", run_id=run_id, limit=PAGE, offset=start)
        yield from page
        start += PAGE


def table(rows: Sequence[Row], shown: Sequence[str]) -> str:
    """Plain text in percent: the highest risk where there are several views, then confidence and risk in each."""
    columns: dict[str, list[Any]] = {
        "rank": list(range(1, len(rows) + 1)),
        "image": [row["example"] for row in rows],
        "class": [class_of(row) for row in rows],
    }
    if len(shown) > 1:
        columns["risk"] = [text.percent(row["risk"]) for row in rows]
    for view in shown:
        columns[view] = [text.percent(row[f"{view}_confidence"]) for row in rows]
        columns[f"risk {LETTERS[view]}"] = [text.percent(row[f"{view}_risk"]) for row in rows]
    return text.table(list(columns), list(zip(*columns.values(), strict=True)))


def legend(shown: Sequence[str]) -> str:
    """What the columns are."""
    risks = ", ".join(f"risk {LETTERS[view]}" for view in shown)
    highest = "; risk: the highest of them" if len(shown) > 1 else ""
    columns = f"image: its row in the training split; {', '.join(shown)}: confidence in the true class; {risks}: "
    return "\n".join(
        textwrap.wrap(f"In percent. {columns}by that view alone{highest}.", LINE) + textwrap.wrap(MEANING, LINE)
    )
