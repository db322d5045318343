"""Charts in words: what the curves say at one place, and all their numbers as a table."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from explorer.charts.plot import LIKE_GUESS, MARKS, Series
from explorer.results import text
from explorer.results.marks import FLOOR, NOT_TOLD_APART
from explorer.results.rendering import plain
from explorer.results.table import Cell, of_rows

if TYPE_CHECKING:
    from explorer.charts.curves import Drawing

BUDGETS = ("eps", "attack eps")
"""What an axis of epsilons is called."""


def is_number(value: float | None) -> bool:
    """Whether there is a value that can be drawn."""
    return value is not None and math.isfinite(value)


def read_out(drawing: "Drawing", x: float, brief: bool = False) -> str:
    """What the curves say at one x: `capacity 4: ● pgd 0.1 60.9 ±0.5  ◆ natural 55.8 ±0.7`; in brief without names."""
    chart = drawing.chart
    parts = []
    for curve in chart.series if chart else ():
        for found in _at(curve, x):
            sign = "×" if curve.kind == "published" else MARKS[curve.mark][1 if found.hollow else 0]
            words = _value(found.value, chart.y_percent)
            words += (f" ±{_value(found.half, chart.y_percent)}" if found.half is not None else "") + found.mark
            unfinished = " unfinished" if found.hollow else ""
            parts.append(f"{sign} {words}" if brief else f"{sign} {found.name} {words}{unfinished}")
    in_percent = chart is not None and chart.x_percent
    place = f"{100 * x:.3g} %" if in_percent else _place(drawing, x)
    return f"{drawing.x_name} {place}: " + ("  ".join(parts) or "nothing here")


class _Found(NamedTuple):
    """A curve at one place."""

    value: float
    half: float | None
    """Half of the interval, the longer one."""
    hollow: bool
    mark: str
    name: str


def _at(curve: Series, x: float) -> list[_Found]:
    """The curve's points at x; a dense one answers with its last point up to there."""
    if curve.kind == "line":
        last = max((i for i, place in enumerate(curve.x) if place <= x and is_number(curve.y[i])), default=None)
        found = [] if last is None else [last]
    else:
        found = [i for i, place in enumerate(curve.x) if place == x and is_number(curve.y[i])]
    return [_point(curve, index) for index in found]


def _point(curve: Series, index: int) -> _Found:
    ends = [ends[index] for ends in (curve.low, curve.high) if ends and is_number(ends[index])]
    half = max((abs(end - curve.y[index]) for end in ends), default=None)
    hollow = bool(curve.hollow and curve.hollow[index])
    return _Found(curve.y[index], half, hollow, _mark(curve, index), _name(curve, index))


def _value(value: float, percent: bool) -> str:
    return text.percent(value) if percent else f"{value:.4g}"


def table_text(drawing: "Drawing") -> str:
    """The chart's numbers as a plain table: one line per point."""
    curves, percent = (drawing.chart.series, drawing.chart.y_percent) if drawing.chart else ((), False)
    points = [(curve, index) for curve in curves for index in range(len(curve.x))]
    lines = [
        [
            _name(curve, index),
            _place(drawing, curve.x[index]),
            Cell(_shown(curve.y, index, percent) or "-", (_mark(curve, index),)),
            *(_shown(ends, index, percent) for ends in (curve.low, curve.high)),
        ]
        for curve, index in points
    ]
    table = plain(of_rows(["curve", drawing.x_name, "value", "from", "to"], lines))
    said = [LIKE_GUESS] if any(_mark(*point) for point in points) else []
    said += [FLOOR] if drawing.chart and drawing.chart.of_leakage else []
    return f"{drawing.title}\n\n{table}" + "".join(f"\n\n{words}" for words in said)


def _place(drawing: "Drawing", x: float) -> str:
    return text.epsilon(x) if drawing.x_name in BUDGETS else f"{x:g}"


def _name(curve: Series, index: int) -> str:
    return curve.names[index] if curve.names else curve.label


def _mark(curve: Series, index: int) -> str:
    return NOT_TOLD_APART if curve.like_guess and curve.like_guess[index] else ""


def _shown(values: Sequence[float | None], index: int, percent: bool) -> str | None:
    return _value(values[index], percent) if values and is_number(values[index]) else None
