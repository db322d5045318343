"""Charts in words: what the curves say at one place, and all their numbers as a table."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer import text
from explorer.charts.plot import MARKS, Series

if TYPE_CHECKING:
    from explorer.charts.curves import Drawing


def is_number(value: float | None) -> bool:
    """Whether there is a value that can be drawn."""
    return value is not None and math.isfinite(value)


def read_out(drawing: "Drawing", x: float, brief: bool = False) -> str:
    """What the curves say at one x: `capacity 4: ● pgd 0.1 60.9 ±0.5  ◆ natural 55.8 ±0.7`; in brief without names."""
    chart = drawing.chart
    parts = []
    for curve in chart.series if chart else ():
        found = _at(curve, x)
        if found is None:
            continue
        value, half, hollow = found
        sign = "×" if curve.kind == "published" else MARKS[curve.mark][1 if hollow else 0]
        words = _value(value, chart.y_percent) + (f" ±{_value(half, chart.y_percent)}" if half is not None else "")
        parts.append(f"{sign} {words}" if brief else f"{sign} {curve.label} {words}{' unfinished' if hollow else ''}")
    place = text.epsilon(x) if drawing.x_name == "eps" else f"{100 * x:.3g} %" if drawing.x_name == "FPR" else f"{x:g}"
    return f"{drawing.x_name} {place}: " + ("  ".join(parts) or "nothing here")


def _at(curve: Series, x: float) -> tuple[float, float | None, bool] | None:
    """Value, half interval and hollowness at x; a dense curve answers with its last point up to there."""
    if curve.kind == "line":
        index = max((i for i, place in enumerate(curve.x) if place <= x and is_number(curve.y[i])), default=None)
    else:
        index = next((i for i, place in enumerate(curve.x) if place == x), None)
    if index is None or not is_number(curve.y[index]):
        return None
    ends = [ends[index] for ends in (curve.low, curve.high) if ends and is_number(ends[index])]
    half = max((abs(end - curve.y[index]) for end in ends), default=None)
    return curve.y[index], half, bool(curve.hollow and curve.hollow[index])


def _value(value: float, percent: bool) -> str:
    return text.percent(value) if percent else f"{value:.4g}"


def table_text(drawing: "Drawing") -> str:
    """The chart's numbers as a plain table: one line per point."""
    percent = drawing.chart is not None and drawing.chart.y_percent
    lines = [
        [curve.label, f"{x:g}", *(_shown(values, index, percent) for values in (curve.y, curve.low, curve.high))]
        for curve in (drawing.chart.series if drawing.chart else ())
        for index, x in enumerate(curve.x)
    ]
    return f"{drawing.title}\n\n{text.table(['curve', drawing.x_name, 'value', 'from', 'to'], lines)}"


def _shown(values: Sequence[float | None], index: int, percent: bool) -> str | None:
    return _value(values[index], percent) if values and is_number(values[index]) else None
