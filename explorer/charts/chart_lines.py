"""A chart as lines of text: what is drawn on a plotext figure, in which order, under the legend.

`draw` depends on its arguments only.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from explorer.charts.axes import Spans, scaled, spans
from explorer.charts.chart import FAR, OVERLAP, Chart, Point, Series, is_number, points_of, valued
from explorer.charts.figure import Figure, Place
from explorer.charts.legend import legend, newest, nothing, without_values, word
from explorer.results.ascii_text import to_ascii
from explorer.results.lines import Line, beside, cut, plain
from explorer.results.marks import NOT_TOLD_APART

FEWEST_COLUMNS, FEWEST_ROWS = 20, 5
"""A smaller chart is told in words."""
WIDE, TALL = 70, 19
"""Cells from which two charts stand side by side, and lines from which two stand one above the other."""

DRAWN = 32
"""So many pictures are kept, for to draw one takes long and keys lead back to it."""


@lru_cache(DRAWN)
def draw(chart: Chart, width: int, height: int, ascii_only: bool = False) -> list[Line]:
    """The chart in exactly `height` lines of exactly `width` cells: the legend, then the canvas over its x axis."""
    points = [points_of(series) for series in chart.series]
    if width < FEWEST_COLUMNS or height < FEWEST_ROWS:
        lines = [newest(*each, chart.y_percent) for each in zip(chart.series, points, strict=True)]
    elif any(map(valued, points)):
        lines = _lines(chart, points, width, height, ascii_only)
    else:
        lines = without_values(chart, width)
    lines = [cut(line, max(0, width)) for line in (lines + [()] * height)[: max(0, height)]]
    return [tuple((to_ascii(text), tone) for text, tone in line) for line in lines] if ascii_only else lines


@lru_cache(DRAWN)
def draw_panels(panels: Sequence[tuple[str, Chart]], width: int, height: int, ascii_only: bool = False) -> list[Line]:
    """Charts of the same series with their names, in as many columns and rows as have room, under one legend."""
    columns, rows = room_for_panels(width, height, len(panels))
    if columns * rows < 2:
        return draw(panels[0][1], width, height, ascii_only)
    lines = legend(panels[0][1], Counter(), width, 1 if rows < 2 else 2, ascii_only)
    wide = (width - 2 * (columns - 1)) // columns
    for row in range(rows):
        high = (height - len(lines)) // (rows - row)
        own = panels[row * columns : (row + 1) * columns]
        blocks = [(_panel(name, chart, wide, high), wide) for name, chart in own]
        lines += [*beside(blocks), *[()] * high][:high]
    lines = [cut(line, width) for line in lines]
    return [tuple((to_ascii(text), tone) for text, tone in line) for line in lines] if ascii_only else lines


def room_for_panels(width: int, height: int, count: int) -> tuple[int, int]:
    """Columns and rows of panels."""
    columns = 2 if width >= WIDE and count > 1 else 1
    return columns, 2 if height >= TALL and count > columns else 1


def _panel(name: str, chart: Chart, width: int, height: int) -> list[Line]:
    points = [points_of(series) for series in chart.series]
    if not any(map(valued, points)):
        return [plain(name, "bold"), nothing(chart)]
    figure = Figure(chart, spans(chart), width, height - 1)
    _drawn(figure, chart, [_curve(figure, chart, index, own) for index, own in enumerate(points)])
    return [plain(name, "bold"), *figure.lines()]


def _lines(chart: Chart, points: Sequence[Sequence[Point]], width: int, height: int, ascii_only: bool) -> list[Line]:
    """A chart that has room; the legend has as many lines as take what is known before it is drawn."""
    within = spans(chart)
    shown = Counter(_to_explain(chart, within, points))
    most = max(2, min(height // 3, sum(bool(series.told) for series in chart.series)))
    rows = len(legend(chart, shown, width, 1 if height < 10 else most, ascii_only))
    figure = Figure(chart, within, width, height - rows)
    curves = [_curve(figure, chart, index, own) for index, own in enumerate(points)]
    shown.update(_drawn(figure, chart, curves))
    lines = legend(chart, shown, width, rows, ascii_only)
    return [*lines, *[()] * (rows - len(lines)), *figure.lines()]


def _to_explain(chart: Chart, within: Spans, points: Sequence[Sequence[Point]]) -> dict[str, int]:
    """What the legend of a chart has to explain."""
    level, (bottom, top) = math.nan if chart.diagonal or chart.level is None else chart.level, within.y
    every = [point for of_series in points for point in valued(of_series)]
    ends = [y for point in every for y in point[1 : 2 if chart.interval == "off" else 4] if y is not None]
    own = [each for series, each in zip(chart.series, points, strict=True) if series.kind != "published"]
    return {
        "chance": chart.diagonal,
        "hollow": any(point.hollow for of_series in own for point in valued(of_series)),
        "like a guess": any(point.like_guess for point in every),
        "above": level > top,
        "below": level < bottom,
        "cut": chart.y_range == within.y and any(not bottom <= y <= top for y in ends),
    }


class _Curve(NamedTuple):
    """A series on a figure."""

    series: Series
    points: Sequence[Point]
    path: list[Place | None]
    """Where the points stand, beside those of other curves where there is room; None at a gap."""
    dense: bool
    """There are too many points to mark each."""
    marked: list[int]
    """Which points carry a mark."""


def _curve(figure: Figure, chart: Chart, index: int, points: Sequence[Point]) -> _Curve:
    """The series of that index."""
    series = chart.series[index]
    dense = series.kind == "line" or (series.kind == "points" and len(points) > figure.size[0] // 2)
    path = [None if point.y is None else figure.place(point.x, point.y, to_edge=dense) for point in points]
    if dense:
        return _Curve(series, points, path, True, _spread(figure, path, index, len(chart.series)))
    if shift := _shift(figure, chart, index):
        path = [place and (place[0] + shift, place[1]) for place in path]
    return _Curve(series, points, path, False, [at for at, place in enumerate(path) if place])


def _shift(figure: Figure, chart: Chart, index: int) -> float:
    """How far a curve stands beside its x, so that the marks and intervals of several at one x are told apart.

    The paper's points stand with the curve before them.
    """
    beside = [at for at, series in enumerate(chart.series) if series.kind == "points"]
    if len(beside) < 2 or chart.series[index].kind == "path":
        return 0.0
    (low, high), cell = figure.spans[0], figure.cell[0]
    found = {scaled(x, chart.x_log) for at in beside for x in chart.series[at].x if abs(x) < FAR}
    xs = sorted(x for x in found if low <= x <= high)
    apart = min((right - left for left, right in pairwise(xs)), default=high - low) / (len(beside) + 1)
    margin = 2 * min(xs[0] - low, high - xs[-1]) / (len(beside) - 1) if xs else 0.0
    step = min(2, int(apart / cell), int(margin / cell))
    return step * cell * (sum(at <= index for at in beside) - (len(beside) + 1) / 2)


def _spread(figure: Figure, path: Sequence[Place | None], index: int, count: int) -> list[int]:
    """Which points of a dense curve carry its mark: one in some columns, staggered between curves, or the last."""
    known = [(place[0], at) for at, place in enumerate(path) if place]
    cells = max(24, 6 * count)
    chosen = set()
    for turn in range(figure.size[0] // cells + 1):
        wanted = figure.spans[0][0] + cells * figure.cell[0] * (turn + (index + 0.5) / count)
        after = bisect_left(known, (wanted,))
        close = sorted((abs(x - wanted), at) for x, at in known[max(0, after - 1) : after + 1])
        chosen |= {at for away, at in close[:1] if away < cells * figure.cell[0] / 2 and figure.cell_of(path[at])}
    return sorted(chosen) or [at for _, at in known[-1:]]


def _thinned(path: Sequence[Place | None], cell: Sequence[float]) -> Iterator[Place | None]:
    """A path that looks the same of fewer points, each of which costs plotext 25 microseconds; no peak is lost."""
    for present, stretch in groupby(path, key=bool):
        if not present:
            yield None
            continue
        ends: list[Place] = []
        for _, column in groupby(stretch, key=lambda place: place[0] // cell[0]):
            places = list(column)
            ends += sorted({min(places, key=itemgetter(1)), max(places, key=itemgetter(1))}) if places[2:] else places
        yield from _straightened(ends, cell[1] / 8)


def _straightened(path: Sequence[Place], by: float) -> list[Place]:
    """Without the places that straight lines between the others pass in a distance of at most about `by`."""
    kept, low, high = [path[0]], -math.inf, math.inf
    for before, place in pairwise(path):
        x, y = kept[-1]
        if place[0] == x or not low <= (place[1] - y) / (place[0] - x) <= high:
            if before != (x, y):
                kept.append(before)
            (x, y), low, high = before, -math.inf, math.inf
        if place[0] == x:
            kept.append(place)
        else:
            slope, reach = (place[1] - y) / (place[0] - x), by / (place[0] - x)
            low, high = max(low, slope - reach), min(high, slope + reach)
    return kept if kept[-1] == path[-1] else [*kept, path[-1]]


# What is drawn, from the back to the front


def _drawn(figure: Figure, chart: Chart, curves: Sequence[_Curve]) -> dict[str, int]:
    """Draw bands, chance and crosshair, then all lines, intervals and marks; what of it the legend has to explain."""
    if chart.interval == "band":
        for curve in curves:
            whole = [None if None in point[:4] else point for point in curve.points]
            ends = [point and figure.place(point.x, point.low, point.high, to_edge=True) for point in whole]
            figure.band(ends, curve.series.tone)
    chance = _draw_chance(figure, chart, curves)
    if is_number(chart.threshold):
        figure.upright(scaled(chart.threshold, chart.x_log), "level", "default")
    if is_number(chart.crosshair):
        figure.upright(scaled(chart.crosshair, chart.x_log), "")
    for curve in curves:
        if curve.series.kind != "published":
            path = _thinned(curve.path, figure.cell) if curve.dense else curve.path
            figure.curve(list(path), curve.series.tone)
    if chart.interval == "bars":
        for curve in curves:
            _draw_intervals(figure, curve)
    left_out = sum(
        place is None and point.y is not None
        for curve in curves
        for place, point in zip(curve.path, curve.points, strict=True)
    )
    return {"chance": chance, "overlap": _draw_marks(figure, curves), "left out": left_out}


def _draw_chance(figure: Figure, chart: Chart, curves: Sequence[_Curve]) -> bool:
    """The line of a guess: y = x on any scale, or a level with its name on it; whether the legend has to name it."""
    left, right = figure.spans[0]
    if chart.diagonal:
        steps = figure.size[0] if chart.x_log != chart.y_log else 1
        values = [left + (right - left) * step / steps for step in range(steps + 1)]
        values = [10.0**value if chart.x_log else value for value in values]
        figure.curve([figure.place(value, value, to_edge=True) for value in values], "level", "╌")
        return True
    if (
        chart.level is None
        or not figure.spans[1][0] <= (level := scaled(chart.level, chart.y_log)) <= figure.spans[1][1]
    ):
        return False
    figure.curve([(left, level), (right, level)], "level", "╌")
    name = f" {word(chart.level_label)}"
    if not 1 < len(name) <= figure.size[0] // 2 or not all(
        _leaves_room(figure, each, level, len(name)) for each in curves
    ):
        return True
    figure.words(name, level, "level")
    return False


def _leaves_room(figure: Figure, curve: _Curve, level: float, cells: int) -> bool:
    """Whether a curve stays above or below the last cells of a level."""
    from_there = figure.spans[0][1] - cells * figure.cell[0]
    drawn = [(*each, point) for each, point in zip(curve.path, curve.points, strict=True) if each]
    first = sum(x < from_there for x, *_ in drawn)
    heights = [y for _, y, _ in drawn[max(0, first - 1) :]]
    heights += [scaled(end, figure.logs[1]) for *_, point in drawn[first:] for end in point[2:4] if end is not None]
    rows = [(y - figure.spans[1][0]) // figure.cell[1] for y in (level, *heights)]
    return all(row > rows[0] for row in rows[1:]) or all(row < rows[0] for row in rows[1:])


def _draw_intervals(figure: Figure, curve: _Curve) -> None:
    intervals = []
    for at in curve.marked:
        point = curve.points[at]
        if point.low is not None and point.high is not None:
            _, *ends = figure.place(point.x, point.low, point.high, to_edge=True)
            intervals.append((curve.path[at][0], *ends))
    figure.bars(intervals, curve.series.tone)


def _draw_marks(figure: Figure, curves: Sequence[_Curve]) -> int:
    """Marks with the sign of luck beside them; how many cells several series share, which are overlaps."""
    owners: dict[tuple[int, int] | None, set[int]] = {}
    for index, curve in enumerate(curves):
        for at in curve.marked:
            owners.setdefault(figure.cell_of(curve.path[at]), set()).add(index)
    owners.pop(None, None)
    lucky = [curve.path[at] for curve in curves for at in curve.marked if curve.points[at].like_guess]
    right = [x + figure.cell[0] for x, _ in lucky]
    beside = [x - 2 * figure.cell[0] * (x > figure.spans[0][1]) for x in right]
    figure.marks([(x, y) for x, (_, y) in zip(beside, lucky, strict=True)], NOT_TOLD_APART, "dim")
    overlaps = []
    for curve in curves:
        for hollow in (False, True):
            places = [curve.path[at] for at in curve.marked if curve.points[at].hollow == hollow]
            figure.marks(places, curve.series.sign(hollow), curve.series.tone)
            overlaps += [place for place in places if len(owners.get(figure.cell_of(place), ())) > 1]
    figure.marks(overlaps, OVERLAP, "overlap")
    return sum(len(own) > 1 for own in owners.values())
