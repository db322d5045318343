"""The app's charts as figures for papers: the same series, drawn by matplotlib, which is imported when one is drawn."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from explorer.charts.axes import Spans, spans, ticks
from explorer.charts.chart import Chart, Point, Series, points_of, valued
from explorer.reproduction.figures import COLOURS, NATURAL, blank
from explorer.results.marks import NOT_TOLD_APART

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = ("o", "s", "D", "^", "v", "*", "P", "X")
"""Matplotlib's for the charts' own, in their order."""
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 4)))
"""Of dense curves of one colour, such as several attacks on one model."""
SIZE = (6.4, 4.0)
"""Inches."""
INK = "black"
LONG = 32
"""Characters of a label beside which there is no room for curves."""
TICKS = 6
"""About so many on an axis."""


def draw(chart: Chart, title: str, y_label: str, ink: str = INK) -> "Figure":
    """The figure of a chart, without a title if that is empty.

    ink: the colour of text and axes; another one than black stands on a background that is not drawn.
    """
    figure = blank(*SIZE)
    panel = figure.subplots()
    for patch in (figure.patch, panel.patch):
        patch.set_visible(ink == INK)
    within = spans(chart)
    dashes = {colour: cycle(DASHES) for colour in {_colour(series, ink) for series in chart.series}}
    for series in chart.series:
        style = next(dashes[_colour(series, ink)]) if series.kind == "line" else "-"
        _draw_series(panel, chart, series, _colour(series, ink), style)
    _draw_guess(panel, chart, within, ink)
    _set_axes(panel, chart, within, y_label, ink)
    _explain(figure, panel, ink)
    if title:
        figure.suptitle(title, fontsize=9, color=ink)
    return figure


def _explain(figure: "Figure", panel: "Axes", ink: str) -> None:
    """The legend: inside, or below where it would cover the curves."""
    labels = panel.get_legend_handles_labels()[1]
    look = {"fontsize": 7, "frameon": False, "labelcolor": ink}
    if max(map(len, labels), default=0) > LONG:
        figure.legend(loc="outside lower center", ncols=2, **look | {"fontsize": 6})
    elif labels:
        panel.legend(**look)


def _colour(series: Series, ink: str) -> str:
    if not series.tone:
        return ink
    return COLOURS[(int(series.tone) - 1) % len(COLOURS)] if series.tone.isdigit() else NATURAL


def _draw_series(panel: "Axes", chart: Chart, series: Series, colour: str, style: str) -> None:
    points = valued(points_of(series))
    xs, ys = ([_scale(share) * value for value in values] for share, values in _columns(chart, points))
    if series.kind == "published":
        panel.plot(xs, ys, linestyle="", marker="x", color=colour, label=series.label, zorder=3)
        return
    if series.kind == "line":
        label = ": ".join([series.label, *series.told[:1]])
        panel.plot(xs, ys, color=colour, linestyle=style, linewidth=1.2, label=label)
        if chart.interval == "band" and series.low:
            lows, highs = ([_scale(chart.y_percent) * point[end] for point in points] for end in (2, 3))
            panel.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)
        return
    look = {"color": colour, "marker": MARKS[series.mark % len(MARKS)], "markersize": 5, "linewidth": 1}
    bars = None if chart.interval == "off" else _bars(points, _scale(chart.y_percent))
    panel.errorbar(xs, ys, yerr=bars, capsize=2, label=series.label, **look)
    for x, y, point in zip(xs, ys, points, strict=True):
        if point.hollow:
            panel.plot([x], [y], linestyle="", **look | {"markerfacecolor": "none"}, zorder=3)
        if point.like_guess:
            panel.annotate(NOT_TOLD_APART, (x, y), (5, 4), textcoords="offset points", color=colour, fontsize=8)


def _columns(chart: Chart, points: Sequence[Point]) -> list[tuple[bool, list[float]]]:
    return [(chart.x_percent, [point.x for point in points]), (chart.y_percent, [point.y for point in points])]


def _scale(percent: bool) -> int:
    return 100 if percent else 1


def _bars(points: Sequence[Point], scale: int) -> list[list[float]] | None:
    """How far the intervals reach below and above; nothing where none has one."""
    if all(point.low is None or point.high is None for point in points):
        return None
    ends = [(point.y, point.y) if None in point[2:4] else point[2:4] for point in points]
    pairs = list(zip(points, ends, strict=True))
    below = [scale * max(0.0, point.y - low) for point, (low, _) in pairs]
    return [below, [scale * max(0.0, high - point.y) for point, (_, high) in pairs]]


def _draw_guess(panel: "Axes", chart: Chart, within: Spans, ink: str) -> None:
    line = {"color": ink, "linewidth": 0.6, "linestyle": ":"}
    if chart.threshold is not None:
        panel.axvline(chart.threshold, label=chart.threshold_label, **line | {"linestyle": "-"})
    if chart.diagonal:
        low, high = (max(end, 1e-9) for end in within.x)
        panel.plot([100 * low, 100 * high], [100 * low, 100 * high], label="a guess", **line)
    elif chart.level is not None:
        panel.axhline(_scale(chart.y_percent) * chart.level, label=chart.level_label, **line)


def _set_axes(panel: "Axes", chart: Chart, within: Spans, y_label: str, ink: str) -> None:
    panel.set_xscale("log" if chart.x_log else "linear")
    panel.set_yscale("log" if chart.y_log else "linear")
    panel.set_xlim(*(_scale(chart.x_percent) * end for end in within.x))
    panel.set_ylim(*(_scale(chart.y_percent) * end for end in within.y))
    x_ticks = chart.x_ticks or ticks(within.x, chart.x_log, chart.x_percent, TICKS)
    y_ticks = ticks(within.y, chart.y_log, chart.y_percent, TICKS)
    for axis, own, share in ((panel.xaxis, x_ticks, chart.x_percent), (panel.yaxis, y_ticks, chart.y_percent)):
        axis.set_ticks([_scale(share) * value for value, _ in own], [label for _, label in own])
        axis.set_ticks([], minor=True)
    panel.set_xlabel(chart.x_label, color=ink)
    panel.set_ylabel(y_label, color=ink)
    panel.tick_params(colors=ink, labelsize=8)
    for side in panel.spines.values():
        side.set_color(ink)
    panel.spines[["top", "right"]].set_visible(False)
