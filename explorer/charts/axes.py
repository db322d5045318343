"""The ranges that a chart shows, their round ticks, the steps of a crosshair, and parts of an axis seen closer."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from explorer.charts.chart import FAR, NEAR, Chart, Span, points_of, valued

LEAST_SHARES = 0.04  # of a y axis of marked shares: less would make noise look like a finding
TINY = 1e-90  # a range between such numbers is a range at nought
CLOSEST = 0.002
"""The share of the whole axis that is seen at least."""
ROUNDING = 1e-9


class Spans(NamedTuple):
    """The ranges that a chart shows."""

    x: Span
    y: Span


def scaled(value: float, log: bool) -> float:
    """The value as its axis counts it; on a log axis nought lies infinitely far below."""
    if not log:
        return value
    return math.log10(value) if value > NEAR else -math.inf


def spans(chart: Chart) -> Spans:
    """The ranges drawn: the wanted ones, else what holds all values, their intervals, and chance if it is close."""
    points = [point for series in chart.series for point in valued(points_of(series))]
    xs = [point.x for point in points] + [x for x, _ in chart.x_ticks if abs(x) < FAR]
    ends = [(point.y,) if chart.interval == "off" else (point.y, point.low, point.high) for point in points]
    ys = [y for of_point in ends for y in of_point if y is not None]
    if chart.y_percent and all(0 <= point.y <= 1 for point in points):
        ys = [min(1.0, max(0.0, y)) for y in ys]  # an interval over few seeds ends where no share can be
    room = 0.05 if any(series.kind != "line" for series in chart.series) else 0.0
    return Spans(
        _wanted(chart.x_range, chart.x_log) or _holding(xs, chart.x_log, room, chart.x_percent, None),
        _wanted(chart.y_range, chart.y_log)
        or _holding(ys, chart.y_log, 0.05, chart.y_percent, chart.level, LEAST_SHARES if room else 0.0),
    )


def _wanted(span: Span | None, log: bool) -> Span | None:
    """The range asked for, if it can be drawn."""
    span = span or (1, 1)
    low, high = (scaled(end, log) for end in span)
    size = max(abs(low), abs(high), 1.0 if log else TINY)
    return span if max(*map(abs, span), size) < FAR and high - low > ROUNDING * size else None


def _holding(
    values: Iterable[float], log: bool, room: float, share: bool, near: float | None, least: float = 0.0
) -> Span:
    """A range with all values and some room, and with `near` if it is close; the range of shares ends at 0 and 1.

    Shares on a linear axis get a range of `least` at the least.
    """
    share = share and all(0 <= value <= 1 for value in values)
    places = [scaled(value, log) for value in values if value > NEAR or not log] or [-3.0, 0.0]
    low, high = min(places), max(places)
    if share and not log and high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    if near is not None and low - (high - low) / 3 <= (level := scaled(near, log)) <= high + (high - low) / 3:
        low, high = min(low, level), max(high, level)
    size = max(abs(low), abs(high), 1.0 if log else TINY)
    if high - low <= ROUNDING * size:
        size = 1.0 if size == TINY else size
        low, high = low - 0.05 * size, high + 0.05 * size
    room *= high - low
    low, high = (10.0 ** max(low - room, -99.9), 10.0 ** (high + room)) if log else (low - room, high + room)
    return (max(0.0, low), min(1.0, high)) if share else (low, high)


def nearest(chart: Chart, x: float | None, step: int) -> float | None:
    """The x with a value that lies `step` such values from x, the first or last at the ends; the closest for step 0."""
    found = {point.x for series in chart.series for point in valued(points_of(series))}
    values = sorted(value for value in found if value > NEAR or not chart.x_log)
    if not values:
        return None
    if x is None or math.isnan(x):
        return values[-1 if step < 0 else 0]
    if step == 0:
        index, wanted = bisect_left(values, x), scaled(x, chart.x_log)
        return min(values[max(0, index - 1) : index + 1], key=lambda value: abs(scaled(value, chart.x_log) - wanted))
    index = bisect_right(values, x) + step - 1 if step > 0 else bisect_left(values, x) + step
    return values[min(max(index, 0), len(values) - 1)]


def ticks(span: Span, log: bool, percent: bool, count: float) -> list[tuple[float, str]]:
    """About so many round values of the range with their labels: plotext's own divide it evenly, at 0.3162."""
    scale = 100 if percent else 1
    low, high = span[0] * scale, span[1] * scale
    if log and (decades := _decades(low, high, count)):
        return [(value / scale, f"{value:g}".replace("e-0", "e-").replace("e+", "e")) for value in decades]
    values: list[float] = []
    for more in (1, 2, 4, 8):
        step = _round_step((high - low) / count / more)
        values = [step * k for k in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)]
        if len(values) > 1:
            break
    return [(value / scale, _label(value, step)) for value in values]


def _decades(low: float, high: float, count: float) -> list[float]:
    """Powers of ten, thinned if there are many, with 2 and 5 in between if there are few; none if the range has one."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [(digit * 10.0**exponent, exponent) for exponent in exponents for digit in (1, 2, 5)]
    found = [(value, exponent) for value, exponent in found if low * 0.999 <= value <= high * 1.001]
    powers = [(value, exponent) for value, exponent in found if value == 10.0**exponent]
    if len(powers) >= max(2.0, count / 2):
        return [value for value, exponent in powers if exponent % max(1, round(len(powers) / count)) == 0]
    return [value for value, _ in found] if len(found) > 1 else []


def _round_step(about: float) -> float:
    """1, 2 or 5 times a power of ten, whichever is nearest."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= about * 0.71)


def _label(value: float, step: float) -> str:
    """A tick's value with the digits that tell it from its neighbours."""
    digits = max(0, -math.floor(math.log10(step) + ROUNDING))
    if digits <= 6 and abs(value) < 1e6:
        return f"{round(value, digits) + 0.0:.{digits}f}"
    return f"{value:.{1 + max(0, math.ceil(math.log10(max(abs(value), step) / step)))}g}"


# Parts of an axis, never beyond the whole


def zoomed(span: Span, whole: Span, middle: float, share: float, log: bool = False) -> Span:
    """That share of the span around a value; a share above 1 shows more."""
    (low, high), ends, place = _places(span, whole, log), _places(whole, whole, log), _place(middle, whole, log)
    half = max((high - low) * share, (ends[1] - ends[0]) * CLOSEST) / 2
    return _values((place - half, place + half), whole, log)


def panned(span: Span, whole: Span, share: float, log: bool = False) -> Span:
    """The span moved along by that share of itself."""
    low, high = _places(span, whole, log)
    step = (high - low) * share
    return _values((low + step, high + step), whole, log)


def showing(span: Span, whole: Span, value: float, log: bool = False) -> Span:
    """The span moved along as little as brings the value into it."""
    (low, high), place = _places(span, whole, log), _place(value, whole, log)
    step = min(0.0, place - low) + max(0.0, place - high)
    return _values((low + step, high + step), whole, log)


def _place(value: float, whole: Span, log: bool) -> float:
    """Where a value stands on the axis; what lies outside the whole stands at its end."""
    return scaled(min(max(value, whole[0]), whole[1]), log)


def _places(span: Span, whole: Span, log: bool) -> Span:
    return _place(span[0], whole, log), _place(span[1], whole, log)


def _values(span: Span, whole: Span, log: bool) -> Span:
    """The values of two places, which are moved into the whole; at its ends exactly its own values."""
    ends = _places(whole, whole, log)
    size = min(span[1] - span[0], ends[1] - ends[0])
    low = min(max(span[0], ends[0]), ends[1] - size)
    near = ROUNDING * (ends[1] - ends[0])
    first, last = (10.0**place if log else place for place in (low, low + size))
    return whole[0] if low <= ends[0] + near else first, whole[1] if low + size >= ends[1] - near else last
