"""Charts in words: what the curves say at one place, and all their numbers as a table."""

from collections.abc import Sequence

from explorer.charts.chart import Series, is_number
from explorer.charts.drawing import Drawing
from explorer.charts.legend import LIKE_GUESS
from explorer.results import text
from explorer.results.marks import FLOOR, NOT_TOLD_APART
from explorer.results.rendering import plain
from explorer.results.table import Cell, of_rows

BUDGETS = ("eps", "attack eps")
"""What an axis of epsilons is called."""


def read_out(drawing: Drawing, x: float, brief: bool = False) -> str:
    """What the curves say at one x: `capacity 4: ● pgd 0.1 60.9 ±0.5  ◆ natural 55.8 ±0.7`; in brief without names."""
    chart = drawing.chart
    parts = (
        [_said(curve, at, chart.y_percent, brief) for curve in chart.series for at in _at(curve, x)] if chart else ()
    )
    place = f"{100 * x:.3g} %" if chart and chart.x_percent else _place(drawing, x)
    return f"{drawing.x_name} {place}: " + ("  ".join(parts) or "nothing here") + hidden(drawing)


def hidden(drawing: Drawing) -> str:
    """How many curves are hidden, in brackets; nothing where none is."""
    count = sum(away for _, away in drawing.chart.entries) if drawing.chart else 0
    return f" ({count} hidden)" if count else ""


def _at(curve: Series, x: float) -> list[int]:
    """Which of the curve's points lie at x; a dense one answers with its last point up to there."""
    valued = [at for at in range(len(curve.x)) if is_number(curve.y[at])]
    if curve.kind == "line":
        last = max((at for at in valued if curve.x[at] <= x), default=None)
        return [] if last is None else [last]
    return [at for at in valued if curve.x[at] == x]


def _said(curve: Series, at: int, percent: bool, brief: bool) -> str:
    """A point: its mark, the name, the value with the longer half of its interval, and its signs."""
    hollow = bool(curve.hollow and curve.hollow[at])
    ends = [ends[at] for ends in (curve.low, curve.high) if ends and is_number(ends[at])]
    half = [f" ±{_value(max(abs(end - curve.y[at]) for end in ends), percent)}"] if ends else []
    words = "".join([_value(curve.y[at], percent), *half, _mark(curve, at)])
    if brief:
        return f"{curve.sign(hollow)} {words}"
    return f"{curve.sign(hollow)} {_name(curve, at)} {words}{' unfinished' if hollow else ''}"


def table_text(drawing: Drawing) -> str:
    """The chart's numbers as a plain table: one line per point, of hidden curves too."""
    curves, percent = (drawing.chart.series, drawing.chart.y_percent) if drawing.chart else ((), False)
    curves += tuple(curve for _, curve in drawing.chart.hidden) if drawing.chart else ()
    points = [(curve, at) for curve in curves for at in range(len(curve.x))]
    lines = [
        [
            _name(curve, at),
            _place(drawing, curve.x[at]),
            Cell(_shown(curve.y, at, percent) or "-", (_mark(curve, at),)),
            *(_shown(ends, at, percent) for ends in (curve.low, curve.high)),
        ]
        for curve, at in points
    ]
    table = plain(of_rows(["curve", drawing.x_name, "value", "from", "to"], lines))
    said = [LIKE_GUESS] if any(_mark(*point) for point in points) else []
    said += [FLOOR] if drawing.chart and drawing.chart.of_leakage else []
    return "\n\n".join([drawing.title, table, *said])


def _place(drawing: Drawing, x: float) -> str:
    return text.epsilon(x) if drawing.x_name in BUDGETS else f"{x:g}"


def _name(curve: Series, at: int) -> str:
    return curve.names[at] if curve.names else curve.label


def _mark(curve: Series, at: int) -> str:
    return NOT_TOLD_APART if curve.like_guess and curve.like_guess[at] else ""


def _value(value: float, percent: bool) -> str:
    return text.percent(value) if percent else f"{value:.4g}"


def _shown(values: Sequence[float | None], at: int, percent: bool) -> str | None:
    return _value(values[at], percent) if values and is_number(values[at]) else None
