"""The list of runs with their headline numbers."""

from collections.abc import Sequence

from explorer.results import marks, text
from explorer.results.table import Cell, Column, Table, of
from store.rows import Run

VIEWS = {"benign": "", "adversarial": "adv-"}
"""Views whose numbers are listed, and what stands before `test`."""


def table(runs: Sequence[Run], where: Sequence[str] = ()) -> Table:
    """In percent: test accuracies, then what the confidence attack infers with an oracle's threshold.

    where: of each run where it is, if that is to be told.
    """
    columns = {
        "run": [run.run_id for run in runs],
        Column("sweep"): [run.sweep for run in runs],
        Column("setting"): [run.setting for run in runs],
        "state": [run.state for run in runs],
        "where": [own or None for own in where] or [None] * len(runs),
    }
    for view, before in VIEWS.items():
        columns[Column(f"{before}test", right=True, rank=2)] = [
            _cell(run.accuracy(view, "test"), None, view in run.warned_views) for run in runs
        ]
    for view in VIEWS:
        columns[Column(f"I_{text.LETTERS[view]}", right=True)] = [
            _cell(run.inference_accuracy(view), run.leaks.get(view), view in run.warned_views) for run in runs
        ]
    columns[Column("took", rank=3)] = [None if run.duration is None else text.duration(run.duration) for run in runs]
    return of(columns).filled()


def _cell(value: float | None, leaks: bool | None, warned: bool) -> Cell | None:
    return None if value is None else marks.share(value, None, leaks, warned)
