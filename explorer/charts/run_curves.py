"""Curves of single runs: training histories over steps, and what all charts of single runs share."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from explorer.charts.chart import Chart, Series, is_number
from explorer.charts.drawing import Drawing, asking, scaled
from explorer.charts.series import USUAL, Look, key, label, looks, looks_apart
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import text
from store.rows import Run

MOST = 8
"""Runs in one chart; more could not be told apart."""
HISTORY_AGE = 3.0
"""Seconds after which a running run's history is asked for again."""
HISTORY_TITLES = {"loss": "training loss", "train_accuracy": "training accuracy %", "test_accuracy": "test accuracy %"}


def shown_runs(choices: Choices, on_chart: Sequence[Run]) -> list[Run]:
    """The runs whose own curves are drawn, as listed: that under the cursor, marked ones, running ones, then others."""
    rank = {"running": 1, "done": 2}
    begun = [run for run in on_chart if run.state != "queued"]
    first = sorted(
        begun, key=lambda run: (run.run_id != choices.current, run.run_id not in choices.marked, rank.get(run.state, 3))
    )
    chosen = {run.run_id for run in first[:MOST]}
    return [run for run in begun if run.run_id in chosen]


def history(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """One training metric over steps, a curve for each run."""
    runs = shown_runs(choices, on_chart)
    title = HISTORY_TITLES.get(choices.history, choices.history.replace("_", " "))
    more = f" · {len(runs)} of {len(on_chart)} runs" if len(runs) < len(on_chart) else ""
    smooth = f" · smoothed {choices.smooth:g}" if choices.smooth else ""
    ids = [run.run_id for run in runs]
    drawing = Drawing(f"History  {title}{smooth}{more}", x_name="step", table="history", filters={"run_id": ids})
    curves, waits = [], False
    for run, name, look in zip(runs, names(runs), looks_of(project, runs), strict=True):
        age = HISTORY_AGE if run.state == "running" else None
        rows = project.rows("history", max_age=age, run_id=[run.run_id], metric=choices.history)
        waits |= rows is None
        points = [(row.step, row.value) for row in rows or () if row.run_id == run.run_id]
        if points:
            steps, values = zip(*points, strict=True)
            curves.append(
                dense("▸" * (run.run_id == choices.current) + name, look, steps, smoothed(values, choices.smooth))
            )
    empty = "No history yet: it begins with training."
    shares = choices.history.endswith("accuracy")
    chart = scaled(Chart(tuple(curves), y_percent=shares, x_label="step"), "history", choices)
    return answered(drawing, chart, project, waits, empty)


def dense(label: str, own: Look, xs: Sequence[float], ys: Sequence[float | None], **more: Any) -> Series:
    """A curve of many points."""
    return Series(label, *own, tuple(xs), tuple(ys), kind="line", **more)


def looks_of(project: OpenProject, runs: Sequence[Run]) -> list[Look]:
    """The looks of runs whose curves stand together: those of their settings."""
    given = looks(project.runs.values())
    return looks_apart([given[key(run)] for run in runs])


def answered(drawing: Drawing, chart: Chart, project: OpenProject, waits: bool, empty: str) -> Drawing:
    """The drawing with its chart, or what is said where nothing is known, which may be on its way."""
    if not chart.series:
        drawing = replace(drawing, empty=(empty,))
        return asking(drawing, project) if waits else drawing
    return replace(drawing, chart=chart, asking=waits)


def smoothed(values: Iterable[float | None], weight: float) -> tuple[float | None, ...]:
    """The exponential moving average with the start's bias taken out; 0 leaves the values as they are."""
    if not weight:
        return tuple(values)
    mean, share, found = 0.0, 0.0, []
    for value in values:
        if not is_number(value):  # a gap stays one
            found.append(None)
            continue
        mean = weight * mean + (1 - weight) * value
        share = weight * share + (1 - weight)
        found.append(mean / share)
    return tuple(found)


def names(runs: Sequence[Run]) -> list[str]:
    """Runs in as few words as tell them apart: `pgd eps 0.1`, followed by capacity, seed and hash where need be."""
    keys = {key(run) for run in runs}
    hints = [
        (f"c{run.capacity:g}", text.image_size(run.size), run.setting or USUAL, f"s{run.seed}", f"#{_hash(run)}")
        for run in runs
    ]
    return text.told_apart([label(key(run), keys) for run in runs], hints)


def _hash(run: Run) -> str:
    return run.run_id.rpartition("-")[2][:4]
