"""What a chart shows, as plain data: series of points with their intervals, marks and tones, and the axes."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, zip_longest
from operator import itemgetter
from typing import NamedTuple

Span = tuple[float, float]

TONES = ("", "dim", "level", "overlap", *"12345678")
"""Foreground, grey, chance line, overlap, and the series' colours; each theme has its own colour for a tone."""
MARKS = ("●○", "■□", "◆◇", "▲△", "▼▽", "★☆", "▰▱", "◣◺")
"""Shapes as filled and hollow; in ASCII a capital and a small letter stand for them."""
PUBLISHED, OVERLAP = "×", "✱"
_BESIDE_NAMES = re.compile(r"^(▸|\d+ )| ×\d+$| paper$")
FAR, NEAR = 1e100, 1e-100  # beyond lies no measurement, and below is nought, so that sums and ratios stay finite


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
    """`points`: marks joined in the order of x; `path`: the same in the order given; `line`: a dense curve;
    `published`: crosses, not joined."""
    names: tuple[str, ...] = ()
    """What each point is called where its x does not say it."""
    told: tuple[str, ...] = ()
    """What the legend says of it, the whole and then in fewer cells."""

    @property
    def name(self) -> str:
        """What it is called in every chart: the label without a cursor, and without how many it stands for."""
        return _BESIDE_NAMES.sub("", self.label)

    def sign(self, hollow: bool = False) -> str:
        """The mark of its points."""
        return PUBLISHED if self.kind == "published" else MARKS[self.mark % len(MARKS)][hollow]


@dataclass(frozen=True)
class Chart:
    """What to draw; shares are given as shares and labelled in percent."""

    series: tuple[Series, ...]
    hidden: tuple[tuple[int, Series], ...] = ()
    """Curves that a person put away, each with its place among all in the legend."""
    x_ticks: tuple[tuple[float, str], ...] = ()
    """Places and labels; automatic if empty."""
    y_percent: bool = True
    x_percent: bool = False
    level: float | None = None
    level_label: str = ""
    """The chance line, and what it is called."""
    told: str = ""
    """What the series' words in few cells mean."""
    threshold: float | None = None
    threshold_label: str = ""
    """An upright line, and what it is called."""
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

    def without(self, names: Collection[str]) -> "Chart":
        """The chart with the curves of such names hidden, on axes for the others."""
        hidden = tuple(pair for pair in enumerate(self.series) if pair[1].name in names)
        if not hidden:
            return self
        shown = tuple(series for series in self.series if series.name not in names)
        places = {x for series in shown for x in series.x}
        ticks = tuple(tick for tick in self.x_ticks if tick[0] in places)
        return replace(self, series=shown, hidden=hidden, x_ticks=ticks)

    @property
    def entries(self) -> list[tuple[Series, bool]]:
        """What the legend names, and whether it is hidden: all curves but the paper's, which go with others."""
        found = [(series, False) for series in self.series]
        for at, series in self.hidden:
            found.insert(at, (series, True))
        return [entry for entry in found if entry[0].kind != "published"]

    @property
    def of_leakage(self) -> bool:
        """Whether it shows what an attack finds: there is a level, or a line, that a guess attains."""
        return self.level is not None or self.diagonal


class Point(NamedTuple):
    """One point of a series, with None for all that is no number."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    hollow: bool
    like_guess: bool


@lru_cache(64)
def points_of(series: Series) -> tuple[Point, ...]:
    """The series' points that have an x, in the order in which they are drawn."""
    columns = zip_longest(series.x, series.y, series.low, series.high, series.hollow, series.like_guess)
    rows = islice(columns, min(len(series.x), len(series.y)))
    found = [Point(*map(_number, row[:4]), bool(row[4]), bool(row[5])) for row in rows]
    found = [point for point in found if point.x is not None]
    return tuple(found if series.kind == "path" else sorted(found, key=itemgetter(0)))


def is_number(value: float | None) -> bool:
    """Whether there is a value that can be drawn."""
    return value is not None and math.isfinite(value)


def _number(value: float | None) -> float | None:
    return value if value is not None and abs(value) < FAR else None


def valued(points: Sequence[Point]) -> list[Point]:
    """Those that have a value."""
    return [point for point in points if point.y is not None]
