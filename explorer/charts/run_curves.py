"""Curves of single runs: training histories over steps, and ROC curves of a view's answers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.registry import ATTACKS
from explorer.charts.chart import MARKS, Chart, Series, is_number
from explorer.charts.drawing import Drawing, asking
from explorer.charts.series import TONES
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
    for index, (run, name) in enumerate(zip(runs, _names(runs), strict=True)):
        age = HISTORY_AGE if run.state == "running" else None
        rows = project.rows("history", max_age=age, run_id=[run.run_id], metric=choices.history)
        waits |= rows is None
        points = [(row.step, row.value) for row in rows or () if row.run_id == run.run_id]
        if points:
            label = ("▸" if run.run_id == choices.current else "") + name
            steps, values = zip(*points, strict=True)
            curves.append(dense(label, index, steps, smoothed(values, choices.smooth)))
    empty = "No history yet: it begins with training."
    shares = choices.history.endswith("accuracy")
    return _drawn(drawing, Chart(tuple(curves), y_percent=shares, x_label="step"), project, choices, waits, empty)


def roc(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """True over false positive rate at every threshold: of the confidence in each view of the run.

    Where attacks with references were made, each attack's in the chosen view.
    """
    runs = [run for run in shown_runs(choices, on_chart) if run.state == "done"]
    runs = [run for run in runs if run.run_id in {choices.current, *choices.marked}] or runs[:1]
    names, ids = _names(runs), [run.run_id for run in runs]
    drawing = Drawing("ROC  confidence", x_name="FPR", table="roc", filters={"run_id": ids})
    if not runs:
        return replace(drawing, empty=("No finished run under the cursor.", "A ROC curve needs a run's scores."))
    rows = [project.rows("roc", run_id=[run_id]) for run_id in ids]
    points = [row for found in rows for row in found or () if row.run_id in ids]
    compared = len({row.attack for row in points}) > 1
    if compared:
        points = [row for row in points if row.view == choices.leak_view]
    curves = []
    for run, name in zip(runs, names, strict=True):
        own = [row for row in points if row.run_id == run.run_id]
        found = dict.fromkeys((row.attack, row.view) for row in own)
        for about in sorted(found, key=lambda about: text.place(about[0], tuple(ATTACKS))):
            label = about[0] if compared else about[1]
            xs, ys = zip(*((row.fpr, row.tpr) for row in own if (row.attack, row.view) == about), strict=True)
            curves.append(dense(f"{name} {label}" if len(runs) > 1 else label, len(curves), xs, ys))
    drawing = replace(drawing, title=f"ROC  {choices.leak_view if compared else 'confidence'} · {', '.join(names)}")
    chart = Chart(tuple(curves), x_percent=True, diagonal=True, x_label="false positive rate %")
    return _drawn(drawing, chart, project, choices, None in rows, "No scores of this run are stored.")


def dense(label: str, index: int, xs: Sequence[float], ys: Sequence[float | None]) -> Series:
    """A curve of many points in the look with that number."""
    return Series(label, index % len(MARKS), str(1 + index % TONES), tuple(xs), tuple(ys), kind="line")


def _drawn(drawing: Drawing, chart: Chart, project: OpenProject, choices: Choices, waits: bool, empty: str) -> Drawing:
    if not chart.series:
        drawing = replace(drawing, empty=(empty,))
        return asking(drawing, project) if waits else drawing
    chart = replace(chart, x_log="x" in choices.scale, y_log="y" in choices.scale)
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


def _names(runs: Sequence[Run]) -> list[str]:
    """Names of runs without their data set and hash where that tells them apart."""
    short = [run.name.removeprefix(f"{run.dataset}-") for run in runs]
    return text.told_apart(short, [(run.dataset, "#" + run.run_id.rpartition("-")[2][:4]) for run in runs])
