"""What a chart shows: series, axes and marks as plain data, the ranges that hold them, and the steps of a crosshair."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Span = tuple[float, float]

TONES = ("", "dim", "level", "overlap", *"12345678")
"""Foreground, grey, chance line, overlap, and the series' colours: an index into the palette that the widget owns."""
MARKS = (
    ("●", "○", "O", "o"),
    ("■", "□", "B", "b"),
    ("◆", "◇", "D", "d"),
    ("▲", "△", "A", "a"),
    ("▼", "▽", "V", "v"),
    ("★", "☆", "S", "s"),
    ("▰", "▱", "P", "p"),
    ("◣", "◺", "L", "l"),
)
"""Shapes as filled, hollow, filled in ASCII, hollow in ASCII: there a small letter is a hollow mark."""
FAR, NEAR = 1e100, 1e-100  # beyond lies no measurement, and below is nought, so that sums and ratios stay finite
LEAST_SHARES = 0.04  # of a y axis of marked shares: less would make noise look like a finding
TINY = 1e-90  # a range between such numbers is a range at nought


@dataclass(frozen=True)
class Series:
    """One curve; a y that is missing (None, NaN or infinite) is a gap."""

    label: str
    mark: int
    """Index into `MARKS`."""
    tone: str
    """A colour, "1" to "8", or "dim" for the natural baseline."""
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    """Ends of each point's interval."""
    hollow: tuple[bool, ...] = ()
    """Which points are provisional."""
    like_guess: tuple[bool, ...] = ()
    """Which points are not told apart from a guess."""
    kind: str = "points"
    """`points`: marks joined by dots in the order of x; `path`: the same in the order given; `line`: a dense curve;
    `published`: crosses, not joined."""
    names: tuple[str, ...] = ()
    """What each point is called where its x does not say it."""


@dataclass(frozen=True)
class Chart:
    """What to draw; shares are given as shares and labelled in percent."""

    series: tuple[Series, ...]
    x_ticks: tuple[tuple[float, str], ...] = ()
    """Places and labels; automatic if empty."""
    y_percent: bool = True
    x_percent: bool = False
    level: float | None = None
    level_label: str = ""
    """The chance line, or what the legend calls it where it lies outside."""
    diagonal: bool = False
    """Chance is y = x."""
    x_log: bool = False
    y_log: bool = False
    x_range: Span | None = None
    y_range: Span | None = None
    """The part to draw; automatic if None or impossible."""
    crosshair: float | None = None
    interval: str = "bars"
    """`bars`, `band` or `off`."""
    x_label: str = ""

    @property
    def of_leakage(self) -> bool:
        """Whether it shows what an attack finds: there is a level, or a line, that a guess attains."""
        return self.level is not None or self.diagonal


@dataclass(frozen=True)
class Look:
    """What the terminal can show."""

    ascii: bool = False


class Spans(NamedTuple):
    """The ranges that a chart shows."""

    x: Span
    y: Span


def nearest(chart: Chart, x: float | None, step: int) -> float | None:
    """The x with a value that lies `step` such values from x, the first or last at the ends; the closest for step 0."""
    found = {x for series in chart.series for x in trace_of(series).valued() if x > NEAR or not chart.x_log}
    values = sorted(found)
    if not values:
        return None
    if x is None or math.isnan(x):
        return values[-1 if step < 0 else 0]
    if step == 0:
        index, wanted = bisect_left(values, x), scaled(x, chart.x_log)
        return min(values[max(0, index - 1) : index + 1], key=lambda value: abs(scaled(value, chart.x_log) - wanted))
    index = bisect_right(values, x) + step - 1 if step > 0 else bisect_left(values, x) + step
    return values[min(max(index, 0), len(values) - 1)]


def spans(chart: Chart) -> Spans:
    """The ranges drawn: the wanted ones, else what holds all values, their intervals, and chance if it is close."""
    return spans_of(chart, [trace_of(series) for series in chart.series])


@dataclass(frozen=True)
class Trace:
    """A series in the order in which it is drawn, with None for all that is no number."""

    series: Series
    x: list[float]
    y: list[float | None]
    low: list[float | None]
    high: list[float | None]
    hollow: list[bool]
    like_guess: list[bool]

    def valued(self) -> list[float]:
        """Every x that has a value."""
        return [x for x, y in zip(self.x, self.y, strict=True) if y is not None]

    def valued_heights(self) -> list[float]:
        """Every value."""
        return [y for y in self.y if y is not None]

    def heights(self, interval: str) -> list[float]:
        """All values, and the ends of their intervals where those are drawn."""
        columns = (self.y,) if interval == "off" else (self.y, self.low, self.high)
        rows = zip(*columns, strict=True)
        return [value for row in rows if row[0] is not None for value in row if value is not None]


def trace_of(series: Series) -> Trace:
    """The series' points that have an x; missing ends of intervals count as none, missing flags as not set."""
    count = min(len(series.x), len(series.y))
    columns = [
        [value if value is not None and abs(value) < FAR else None for value in column[:count]]
        + [None] * (count - len(column))
        for column in (series.x, series.y, series.low, series.high)
    ]
    order = [at for at in range(count) if columns[0][at] is not None]
    if series.kind != "path":
        order.sort(key=columns[0].__getitem__)
    flags = [[at < len(column) and column[at] for at in order] for column in (series.hollow, series.like_guess)]
    return Trace(series, *([column[at] for at in order] for column in columns), *flags)


def spans_of(chart: Chart, traces: Sequence[Trace]) -> Spans:
    """`spans` of a chart whose series have been put in order."""
    xs = [x for trace in traces for x in trace.valued()] + [x for x, _ in chart.x_ticks if abs(x) < FAR]
    ys = [y for trace in traces for y in trace.heights(chart.interval)]
    if chart.y_percent and all(0 <= y <= 1 for trace in traces for y in trace.valued_heights()):
        ys = [min(1.0, max(0.0, y)) for y in ys]  # an interval over few seeds ends where no share can be
    room = 0.03 if any(series.kind != "line" for series in chart.series) else 0.0
    return Spans(
        _wanted(chart.x_range, chart.x_log) or _holding(xs, chart.x_log, room, chart.x_percent, None),
        _wanted(chart.y_range, chart.y_log)
        or _holding(ys, chart.y_log, 0.05, chart.y_percent, chart.level, LEAST_SHARES if room else 0.0),
    )


def scaled(value: float, log: bool) -> float:
    """The value as its axis counts it; on a log axis nought lies infinitely far below."""
    if not log:
        return value
    return math.log10(value) if value > NEAR else -math.inf


def _wanted(span: Span | None, log: bool) -> Span | None:
    """The range asked for, if it can be drawn."""
    span = span or (1, 1)
    low, high = (scaled(end, log) for end in span)
    size = max(abs(low), abs(high), 1.0 if log else TINY)
    return span if max(*map(abs, span), size) < FAR and high - low > 1e-9 * size else None


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
    if high - low <= 1e-9 * size:
        size = 1.0 if size == TINY else size
        low, high = low - 0.05 * size, high + 0.05 * size
    room *= high - low
    low, high = (10.0 ** max(low - room, -99.9), 10.0 ** (high + room)) if log else (low - room, high + room)
    return (max(0.0, low), min(1.0, high)) if share else (low, high)
