"""Leakage against accuracy: what a countermeasure costs and what it saves, a mark for each setting. No Textual."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from explorer.charts import curves, series
from explorer.charts.chart import Series
from explorer.charts.curves import Drawing, Row
from explorer.project import metrics
from explorer.project.choices import View
from explorer.project.live import Live
from explorer.results import text

ACCURACY = "benign_test"
"""The metric along x."""
Model = tuple[series.Key, str, float]
"""A curve: what is trained with which budget, the image size (empty: the images' own), and the capacity."""


def trade_off(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """The chosen number over benign test accuracy: a path for each model, from setting to setting in their order."""
    drawing = Drawing("Trade-off", x_name="test accuracy", filters=curves.filters(live, on_chart))
    drawing = curves.titled(drawing, view)
    rows = curves.facts(live, view, on_chart)
    accuracies = curves.facts(live, replace(view, metric=ACCURACY), on_chart)
    if not rows or not accuracies:
        return curves.nothing_yet(drawing, live, view, on_chart, rows and accuracies)
    places = {_told(row): row["mean"] for row in accuracies}
    models: dict[Model, list[Row]] = {}
    for row in sorted(rows, key=_in_order):
        if _told(row) in places:
            models.setdefault((series.key(row), row["size"] or "", row["capacity"]), []).append(row)
    paths = [
        _path(model, points, places, _style(model, models), set(models))
        for model, points in sorted(models.items(), key=lambda item: item[0])
    ]
    interval = "off" if view.interval == "off" else "bars"  # a band has no meaning where a path turns back
    chart = replace(curves.framed(view, paths), x_percent=True, x_label="test accuracy %", interval=interval)
    return curves.over_seeds(replace(drawing, chart=chart), rows, view)


def _told(row: Row) -> tuple[Any, ...]:
    """What tells one setting of a model from all others."""
    asked = (row["evaluation_epsilon"], row["certification"], row["settings"])
    return (series.key(row), row["size"], row["capacity"], *asked)


def _in_order(row: Row) -> tuple[Any, ...]:
    words = text.natural_order(row["setting"] or "")
    return (words, row["evaluation_epsilon"], row["certification"] or "", row["settings"])


def _path(
    model: Model, rows: Sequence[Row], places: dict[tuple, float], style: tuple[int, str], among: set[Model]
) -> Series:
    key, size, capacity = model
    label = series.label(key, {own for own, *_ in among})
    if len({other for _, other, _ in among}) > 1:
        label += f" {text.image_size(size or None)}"
    if len({other for *_, other in among}) > 1:
        label += f" c{capacity:g}"
    names = _names(rows)
    x = tuple(places[_told(row)] for row in rows)
    mean, low, high = (tuple(row[name] for row in rows) for name in ("mean", "ci_low", "ci_high"))
    like_guess = tuple(map(metrics.like_guess, rows))
    span = f" {names[0]} → {names[-1]}" if len(rows) > 1 else ""
    told = tuple(f"{label} {name}" for name in names)
    return Series(label + span, *style, x, mean, low, high, (), like_guess, kind="path", names=told)


def _names(rows: Sequence[Row]) -> list[str]:
    """The setting of each point; where some are alike, what they were attacked and certified with."""
    hints = [
        (curves.attacked_words(row["evaluation_epsilon"]), f"by {row['certification']}", f"#{row['settings'][:4]}")
        for row in rows
    ]
    return text.told_apart([row["setting"] or curves.USUAL for row in rows], hints)


def _style(model: Model, models: dict[Model, list[Row]]) -> tuple[int, str]:
    """Mark and tone of a path: natural training in grey, every other in a colour of its own."""
    natural = model[0][3] == series.NATURAL
    alike = sorted(each for each in models if (each[0][3] == series.NATURAL) is natural)
    return (series.natural_style if natural else series.style)(alike.index(model))
