"""A number over what a sweep varies besides capacity and epsilon: temperature, robust share, the attack's budget."""

from collections.abc import Sequence
from dataclasses import replace

from explorer.charts import curves, series, swept
from explorer.charts.chart import Series
from explorer.charts.curves import Drawing, Row
from explorer.project import metrics
from explorer.project.choices import View
from explorer.project.live import Live
from explorer.results import text


def over_setting(live: Live, view: View, on_chart: Sequence[Row]) -> Drawing:
    """The chosen number over the setting that varies most; a curve for each model."""
    drawing = Drawing("Setting", filters=curves.filters(live, on_chart))
    rows = curves.facts(live, view, on_chart)
    if not rows:
        return curves.nothing_yet(curves.titled(drawing, view), live, view, on_chart, rows)
    axis = swept.axis_of(rows)
    if axis is None:
        words = "No setting varies among the finished runs on the chart."
        return replace(drawing, empty=(words, 'A sweep has one in its grid: "evaluation.temperature" = [1, 2, 5].'))
    drawing = curves.titled(replace(drawing, x_name=axis), view, axis, axis)
    told = [row for row in rows if swept.place(row, axis) is not None]
    found: dict[swept.Model, list[Row]] = {}
    for row in sorted(told, key=lambda row: (swept.place(row, axis), row["settings"])):
        found.setdefault(swept.model(row, axis), []).append(row)
    drawn = [
        _series(label, _style(curve, found), points, axis)
        for label, (curve, points) in zip(_labels(list(found)), found.items(), strict=True)
    ]
    write = text.epsilon if axis == swept.ATTACK else "{:g}".format
    ticks = tuple((value, write(value)) for value in sorted({swept.place(row, axis) for row in told}))
    chart = replace(curves.framed(view, drawn, ticks), x_label=axis)
    return curves.over_seeds(replace(drawing, chart=chart), told, view)


def _series(label: str, style: tuple[int, str], rows: Sequence[Row], axis: str) -> Series:
    x = tuple(swept.place(row, axis) for row in rows)
    mean, low, high = (tuple(row[name] for row in rows) for name in ("mean", "ci_low", "ci_high"))
    return Series(label, *style, x, mean, low, high, (), tuple(map(metrics.like_guess, rows)))


def _labels(found: Sequence[swept.Model]) -> list[str]:
    hints = [
        (
            f"c{capacity:g}",
            text.image_size(size),
            curves.attacked_words(attacked),
            f"by {certified}" if certified else "uncertified",
            words or curves.USUAL,
        )
        for _, size, capacity, attacked, certified, words in found
    ]
    return text.told_apart([series.label(key, {curve[0] for curve in found}) for key, *_ in found], hints)


def _style(curve: swept.Model, among: dict[swept.Model, list[Row]]) -> tuple[int, str]:
    """Mark and tone: natural training in grey, every other curve in a colour of its own."""
    natural = curve[0][3] == series.NATURAL
    alike = [each for each in among if (each[0][3] == series.NATURAL) is natural]
    return (series.natural_style if natural else series.style)(alike.index(curve))
