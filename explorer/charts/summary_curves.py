"""The chosen number over its seeds: along capacity, epsilon or what a sweep varies besides, and against accuracy."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from explorer.charts import setting_axis
from explorer.charts.drawing import Drawing, filters, framed, nothing_yet, over_seeds, plan_words, titled
from explorer.charts.series import (
    USUAL,
    along,
    curve,
    grouped,
    key,
    labels,
    looks,
    looks_apart,
    place,
    published,
    series,
    swept_axis,
    told_apart,
)
from explorer.project import metrics
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import text
from store.rows import Run
from store.summaries import CurvePoint

COLUMNS = ("capacity", "epsilon")
"""Axes that have a kind of chart of their own."""
ACCURACY = "benign_test"
"""The metric along x of the trade-off."""


def facts(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> list[CurvePoint] | None:
    """The chosen number of every finished setting on the chart, over its seeds; None while it is being asked for."""
    wanted = metrics.wanted(choices)
    params: dict[str, Any] = {name: value for name, value in wanted.items() if name != "split"}
    rows = project.rows("capacity", **params, **filters(project, on_chart))
    return None if rows is None else [row for row in rows if all(getattr(row, name) == wanted[name] for name in wanted)]


def capacity(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """One curve for each defense and epsilon, natural training in grey."""
    drawing = titled(Drawing("Capacity", x_name="capacity", filters=filters(project, on_chart)), choices)
    rows = facts(project, choices, on_chart)
    if not rows:
        return nothing_yet(drawing, project, choices, on_chart, rows)
    return _over("capacity", drawing, rows, project, choices, on_chart)


def epsilon(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """One curve for each defense at the capacity of the run under the cursor; natural training as a grey line."""
    current = project.runs.get(choices.current, on_chart[0])
    at = f"{current.capacity:g}"
    drawing = Drawing("Epsilon", x_name="eps", table="epsilon", filters=filters(project, on_chart))
    drawing = titled(drawing, choices, f"capacity {at}", f"c{at}")
    rows = facts(project, choices, on_chart)
    if not rows:
        return nothing_yet(drawing, project, choices, on_chart, rows)
    rows = [row for row in rows if row.capacity == current.capacity and row.dataset == current.dataset]
    budgets = sorted({row.epsilon for row in rows if row.epsilon})
    if len(budgets) < 2:
        only = text.epsilon(budgets[0]) if budgets else "none"
        words = f"One epsilon so far at capacity {at} ({only})."
        return replace(drawing, empty=(words, "A curve needs two." + plan_words(project)))
    return _over("epsilon", drawing, rows, project, choices, on_chart)


def setting(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """One curve for each model over the setting that varies most."""
    drawing = Drawing("Setting", filters=filters(project, on_chart))
    rows = facts(project, choices, on_chart)
    if not rows:
        return nothing_yet(titled(drawing, choices), project, choices, on_chart, rows)
    axis = swept_axis(rows)
    if axis is None:
        words = "No setting varies among the finished runs on the chart."
        return replace(drawing, empty=(words, 'A sweep has one in its grid: "evaluation.temperature" = [1, 2, 5].'))
    return _over(axis, titled(replace(drawing, x_name=axis), choices, axis, axis), rows, project, choices, on_chart)


def _over(
    axis: str,
    drawing: Drawing,
    rows: Sequence[CurvePoint],
    project: OpenProject,
    choices: Choices,
    on_chart: Sequence[Run],
) -> Drawing:
    """The rows' curves along an axis, hollow where seeds are not done, with the paper's points if they are wanted."""
    over_epsilon = axis == "epsilon"
    curves, given = along(rows, axis), looks([*project.runs.values(), *rows])
    styles = looks_apart([given[key(points[0])] for points in curves.values()])
    xs = {place(row, axis) for points in curves.values() for row in points}
    xs = tuple(sorted(xs - {0.0} if over_epsilon else xs))
    unfinished = {_model(run) for run in on_chart if run.state in ("queued", "running")}
    names = labels(curves, attacked=over_epsilon and metrics.wanted(choices).get("view") != "benign")
    drawn = []
    for name, look, (own, points) in zip(names, styles, curves.items(), strict=True):
        if over_epsilon and own.is_natural:  # it is trained without epsilon: the same at each
            drawn.append(replace(series(name, look, xs, points[:1] * len(xs)), low=(), high=()))
            continue
        at = tuple(place(row, axis) for row in points)
        drawn.append(series(name, look, at, points, hollow=tuple(_model(row) in unfinished for row in points)))
        drawn += published(name, look, at, points) if choices.paper else []
    write = text.epsilon if axis in ("epsilon", setting_axis.ATTACK) else "{:g}".format
    kind, name = axis if axis in COLUMNS else "setting", "training epsilon" if over_epsilon else axis
    chart = framed(kind, choices, drawn, name, tuple((x, write(x)) for x in xs))
    return over_seeds(replace(drawing, chart=chart), [row for points in curves.values() for row in points], choices)


def _model(row: Run | CurvePoint) -> tuple[Any, ...]:
    """What a run, or a row over seeds, was trained, attacked and certified with."""
    return key(row), row.capacity, row.size, row.evaluation_epsilon, row.certification, row.setting


def trade_off(project: OpenProject, choices: Choices, on_chart: Sequence[Run]) -> Drawing:
    """The chosen number over benign test accuracy: a path for each model, from setting to setting in their order."""
    drawing = titled(Drawing("Trade-off", x_name="test accuracy", filters=filters(project, on_chart)), choices)
    rows, accuracies = facts(project, choices, on_chart), facts(project, replace(choices, metric=ACCURACY), on_chart)
    if not rows or not accuracies:
        return nothing_yet(drawing, project, choices, on_chart, rows and accuracies)
    places = {curve(row): row.mean for row in accuracies}
    paths = grouped(
        [row for row in rows if curve(row) in places],
        lambda row: curve(row)._replace(attacked=0.0, certification="", setting="", settings=""),
        lambda row: text.natural_order(row.setting or ""),
    )
    paths = dict(sorted(paths.items()))
    given = looks([*project.runs.values(), *rows])
    styles = looks_apart([given[key(points[0])] for points in paths.values()])
    drawn = []
    for name, look, points in zip(labels(paths), styles, paths.values(), strict=True):
        told = told_apart([row.setting or USUAL for row in points], map(curve, points))
        span = f" {told[0]} → {told[-1]}" if len(points) > 1 else ""
        own = {"kind": "path", "names": tuple(f"{name} {words}" for words in told)}
        drawn.append(series(name + span, look, (places[curve(row)] for row in points), points, **own))
    interval = "off" if choices.interval == "off" else "bars"  # a band has no meaning where a path turns back
    chart = replace(framed("trade-off", choices, drawn, "test accuracy %"), x_percent=True, interval=interval)
    return over_seeds(replace(drawing, chart=chart), rows, choices)
