"""The canvas of a chart: values to places and back, round ticks, the frame around, and the cells that a path passes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from rich.cells import cell_len

from explorer.charts.chart import NEAR, Chart, Span, Spans, scaled

Cell = tuple[int, int]
"""Column and row of the canvas, from its lower left corner."""
Place = tuple[float, float]
"""The same in parts of a cell."""

EDGE = 1e-3  # of a cell: what rounding puts outside counts as inside
NOWHERE = -10 * EDGE  # the place of zeros on log axes, just outside


@dataclass(frozen=True)
class Axis:
    """One axis: values to places in cells and back."""

    low: float
    high: float
    log: bool
    cells: int

    @classmethod
    def over(cls, span: Span, log: bool, cells: int) -> "Axis":
        """The axis that shows the range in so many cells."""
        return cls(scaled(span[0], log), scaled(span[1], log), log, cells)

    def place(self, value: float) -> float:
        """In cells from the start; what lies outside is below 0 or above `cells`, as zeros on log axes are."""
        if self.log:
            if value <= NEAR:
                return NOWHERE
            value = math.log10(value)
        return (value - self.low) / (self.high - self.low) * self.cells

    def shows(self, place: float) -> bool:
        """Whether a place lies on the canvas."""
        return -EDGE <= place <= self.cells + EDGE

    def index(self, place: float) -> int:
        """The cell of a place, the nearest one for places outside."""
        return int(min(max(place, 0), self.cells - 1))

    def value(self, place: float) -> float:
        """The value that lies at a place."""
        exponent = self.low + place / self.cells * (self.high - self.low)
        return 10.0**exponent if self.log else exponent


def _ticks(span: Span, log: bool, percent: bool, count: float) -> list[tuple[float, str]]:
    """About so many round values of the range with their labels."""
    scale = 100 if percent else 1
    low, high = span[0] * scale, span[1] * scale
    if log and (decades := _decades(low, high, count)):
        return [
            (value / scale, f"{value:g}".replace("e-0", "e-").replace("e+", "e").replace("e0", "e"))
            for value in decades
        ]
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
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits <= 6 and abs(value) < 1e6:
        return f"{round(value, digits) + 0.0:.{digits}f}"
    return f"{value:.{1 + max(0, math.ceil(math.log10(max(abs(value), step) / step)))}g}"


@dataclass(frozen=True)
class Frame:
    """The canvas and what is written around it."""

    x: Axis
    y: Axis
    left: int
    """Columns of the y labels and the y axis."""
    x_ticks: list[tuple[int, str]]
    y_ticks: list[tuple[int, str]]

    @classmethod
    def around(cls, chart: Chart, within: Spans, width: int, rows: int) -> "Frame":
        """A tick in about four rows and about twelve columns, or the given ones."""
        y = Axis.over(within.y, chart.y_log, rows)
        y_ticks: list[tuple[int, str]] = []
        for value, label in _ticks(within.y, chart.y_log, chart.y_percent, max(2, rows / 4)):
            row = y.index(y.place(value))
            if not y_ticks or row - y_ticks[-1][0] >= 2:
                y_ticks.append((row, label if len(label) < width // 2 else "…"))
        left = 1 + max((len(label) for _, label in y_ticks), default=0)
        x = Axis.over(within.x, chart.x_log, width - left)
        given = [(x.place(value), word(label)) for value, label in chart.x_ticks if x.shows(x.place(value))]
        round_ones = _ticks(within.x, chart.x_log, chart.x_percent, max(2, x.cells / 12))
        places = given or [(x.place(value), label) for value, label in round_ones]
        return cls(x, y, left, sorted((x.index(place), label) for place, label in places), y_ticks)

    def shows(self, place: Place) -> bool:
        """Whether a place lies on the canvas."""
        return self.x.shows(place[0]) and self.y.shows(place[1])

    def cell(self, place: Place) -> Cell:
        """The cell of a place, at the border for places outside."""
        return self.x.index(place[0]), self.y.index(place[1])

    def tick_line(self) -> str:
        """The x labels under their ticks, without those that would touch their left neighbour."""
        line, width = "", self.left + self.x.cells
        for column, label in self.x_ticks:
            start = max(0, min(self.left + column - (len(label) - 1) // 2, width - len(label)))
            if start + len(label) <= width and start >= (len(line) + 2 if line else 0):
                line = line.ljust(start) + label
        return line


def reach(path: Sequence[Place | None], columns: int, rows: int) -> dict[int, tuple[int, int]]:
    """The lowest and highest cell that a path passes in each column: no peak is lost, however many points it has."""
    bottoms, tops = [float(rows)] * columns, [-1.0] * columns
    for (x0, y0), (x1, y1) in shown(path, columns, rows):
        first, last = min(int(x0), columns - 1), min(int(x1), columns - 1)
        slope = (y1 - y0) / (x1 - x0) if first < last else 0.0
        enter = y0
        for column in range(first, last + 1):
            leave = y1 if column == last else y0 + slope * (column + 1 - x0)
            low, high = (enter, leave) if enter < leave else (leave, enter)
            bottoms[column] = low if low < bottoms[column] else bottoms[column]
            tops[column] = high if high > tops[column] else tops[column]
            enter = leave
    edges = enumerate(zip(bottoms, tops, strict=True))
    return {column: (min(int(low), rows - 1), min(int(high), rows - 1)) for column, (low, high) in edges if high >= 0}


def shown(path: Sequence[Place | None], columns: int, rows: int) -> Iterator[tuple[Place, Place]]:
    """What the canvas shows of the straight lines between neighbours; a point without any is a line to itself."""
    for present, run in groupby(path, key=bool):
        stretch = list(run) if present else []
        for start, end in pairwise(stretch if len(stretch) != 1 else stretch * 2):
            if start[0] >= 0 and end[0] <= columns and 0 <= start[1] <= rows and 0 <= end[1] <= rows:
                yield start, end
            elif clipped := _clip(start, end, columns, rows):
                yield clipped


def _clip(start: Place, end: Place, columns: int, rows: int) -> tuple[Place, Place] | None:
    """The part of a straight line that lies on the canvas (Liang and Barsky)."""
    enter, leave = 0.0, 1.0
    for origin, step, size in ((start[0], end[0] - start[0], columns), (start[1], end[1] - start[1], rows)):
        if step == 0:
            enter = enter if -EDGE <= origin <= size + EDGE else 2.0
        else:
            near, far = sorted((-origin / step, (size - origin) / step))
            enter, leave = max(enter, near), min(leave, far)
    if enter > leave:
        return None

    def at(share: float) -> Place:
        x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        return min(max(x, 0.0), columns), min(max(y, 0.0), rows)

    return at(enter), at(leave)


def word(text: str) -> str:
    """A text from outside in characters of one cell each."""
    return "".join(c if c.isprintable() and cell_len(c) == 1 else "?" for c in text)
