"""A figure of plotext with a chart's rulers: places on it, what is drawn, and its lines of text and tone.

Some things are done here and in `axes` because plotext 6.1 does not. Logarithms: its log ruler scales ticks of one's
own but not the limits beside them. Round ticks: its own divide an axis evenly, at 0.3162. Cutting off what leaves the
canvas: it walks a line of a thousand ranges cell by cell for a second, and a longer one for ever. And its picture is
had as painted text only, or cell by cell in 12 microseconds each.
"""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from explorer.charts.axes import Spans, scaled, ticks
from explorer.charts.chart import TONES, Chart, Span
from explorer.charts.legend import word
from explorer.results.lines import Line, Segment, line_text

Place = tuple[float, ...]
"""x, and y or two heights, on the figure's linear rulers: values, or on log axes their logarithms."""

ROWS_FOR_NAME = 12
"""A figure of so many lines has one for the name of x; in another it stands between the labels."""
MARGINS = (0.0017585662, 0.0033747182)
"""Of a cell: where plotext 6.1 begins a ruler, and by how much it is shorter than its cells; measured."""
_PAINT = re.compile("\x1b\\[([0-9;]*)m")
_FIRST_PAINT = 100  # the xterm colour that stands for the first tone on the way through plotext


class Figure:
    """A plotext figure of its own, no part of the one that plotext keeps for everybody."""

    def __init__(self, chart: Chart, within: Spans, width: int, height: int):
        import plotext  # when a chart is drawn, not when the app starts

        self.plotext, self.logs = plotext, (chart.x_log, chart.y_log)
        self.spans = [tuple(scaled(end, log) for end in span) for span, log in zip(within, self.logs, strict=True)]
        self.shades: dict[int, dict[int, str]] = defaultdict(dict)
        """Line -> column -> the tone of the band there."""
        self.name = word(chart.x_label)
        roomy = bool(self.name) and height >= ROWS_FOR_NAME
        rows = height - 2 - roomy
        y_ticks = ticks(within.y, chart.y_log, chart.y_percent, max(2, rows / 4))
        y_ticks = [(value, label if len(label) < width // 2 else "…") for value, label in y_ticks]
        columns = width - 1 - max((len(label) for _, label in y_ticks), default=0)
        given = [(x, word(label) or " ") for x, label in chart.x_ticks if within.x[0] <= x <= within.x[1]]
        x_ticks = given or ticks(within.x, chart.x_log, chart.x_percent, max(2, columns / 12))
        self.size = columns, rows
        self.cell = [(high - low) / cells for (low, high), cells in zip(self.spans, self.size, strict=True)]
        terminal = type(plotext.terminal)().limit(False, False)
        self.figure = type(plotext.figure)(terminal).theme("colorless").plot_size(width, height)
        self.figure.axes(False, side=1).axes(pixel=self._paint("dim"), side=0)
        for axis, span, log, own in zip("xy", self.spans, self.logs, (x_ticks, y_ticks), strict=True):
            ruler = self.figure.ruler(axis).lim(*span).alignment(lim="edge")
            ruler.ticks([scaled(value, log) for value, _ in own], [label for _, label in own])
        if roomy:
            self.figure.label(self._words(self.name, "dim"), "x")
            self.name = ""

    def _paint(self, tone: str) -> Any:
        return self.plotext.pixel(_FIRST_PAINT + TONES.index(tone))

    def _words(self, text: str, tone: str) -> Any:
        return self.plotext.colorize(text).fill(self._paint(tone))

    # Places

    def place(self, x: float, *heights: float, to_edge: bool = False) -> Place | None:
        """Where values stand; zeros on a log axis stand nowhere, or just outside the canvas."""
        x_log, y_log = self.logs
        if not (x_log or y_log):
            return (x, *heights)
        found = (scaled(x, x_log), *(scaled(height, y_log) for height in heights))
        if -math.inf not in found:
            return found
        edges = [self.spans[axis > 0][0] - self.cell[axis > 0] / 100 for axis in range(len(found))]
        return tuple(max(pair) for pair in zip(found, edges, strict=True)) if to_edge else None

    def cell_of(self, place: Place) -> tuple[int, int] | None:
        """Column and row of a place, from the lower left corner; None outside the canvas."""
        if not all(low <= at <= high for at, (low, high) in zip(place, self.spans, strict=True)):
            return None
        shares = [(at - low) / (high - low) for at, (low, high) in zip(place, self.spans, strict=True)]
        from_corner = shares[0], 1 - shares[1]
        first, room = MARGINS
        column, row = (int(first + share * (of - room)) for share, of in zip(from_corner, self.size, strict=True))
        return column, self.size[1] - 1 - row

    # What is drawn, each thing over those before it

    def curve(self, path: Sequence[Place | None], tone: str, character: str = "braille") -> None:
        """Straight lines from place to place, none over a gap."""
        self._join(path, self.plotext.marker(character, self._paint(tone)))

    def upright(self, x: float, tone: str, style: str = "dotted") -> None:
        """A line over the whole height."""
        self._join([(x, end) for end in self.spans[1]], self.plotext.line(True, self._paint(tone), style))

    def bars(self, intervals: Sequence[Place], tone: str) -> None:
        """Error bars at (x, low, high), which plotext's own would centre; an end outside the canvas is open."""
        stems = [place for x, low, high in intervals for place in ((x, low), (x, high), None)]
        self._join(stems, self.plotext.line(True, self._paint(tone)))
        for end, cap in ((1, "┴"), (2, "┬")):
            self.marks([(interval[0], interval[end]) for interval in intervals], cap, tone)

    def band(self, ends: Sequence[Place | None], tone: str) -> None:
        """A shade between the heights of (x, low, high), from each to the next: the cells whose middles it holds.

        At least one in each column. It lies behind all else, where plotext would take a tenth of a second to draw it.
        """
        (left, _), (bottom, _) = self.spans
        (wide, high), (columns, rows) = self.cell, self.size
        for present, stretch in groupby(ends, key=bool):
            known = list(stretch) if present else []
            for column in range(columns):
                middle = left + (column + 0.5) * wide
                after = bisect_right(known, middle, key=itemgetter(0))
                if not 0 < after < len(known):
                    continue
                (x, *before), (last, *behind) = known[after - 1 : after + 1]
                share = (middle - x) / (last - x)
                edges = [(at + share * (to - at) - bottom) / high for at, to in zip(before, behind, strict=True)]
                first, end = (min(max(edge, -1.0), rows + 1.0) for edge in edges)
                inside = range(math.ceil(first - 0.5), math.ceil(end - 0.5)) or [math.floor((first + end) / 2)]
                for row in inside:
                    if 0 <= row < rows:
                        self.shades[rows - 1 - row][column] = tone

    def marks(self, places: Sequence[Place], character: str, tone: str) -> None:
        """One character at each place."""
        if shown := [place for place in places if self.cell_of(place)]:
            self.figure.draw(self._signal(shown, self.plotext.marker(character, self._paint(tone))))

    def words(self, text: str, height: float, tone: str) -> None:
        """A text that ends where the canvas does."""
        self.figure.draw(self.figure.text(self.spans[0][1], height, self._words(text, tone), alignment="right"))

    def _join(self, path: Sequence[Place | None], marker: Any) -> None:
        (left, right), (bottom, top) = self.spans
        inside = [bool(place) and left <= place[0] <= right and bottom <= place[1] <= top for place in path]
        places: list[Place] = []
        starts = []
        for at, pair in enumerate(pairwise(path)):
            shown = pair if inside[at] and inside[at + 1] else _clipped(*pair, self.spans) if all(pair) else None
            if shown:
                if not places or places[-1] != shown[0]:
                    starts.append(len(places))
                    places.append(shown[0])
                places.append(shown[1])
        if places:
            signal = self._signal(places, marker).lines(True)
            for index in starts:
                signal.line(index, False)
            self.figure.draw(signal)

    def _signal(self, places: Sequence[Place], marker: Any) -> Any:
        signal = self.figure.signal(*zip(*places, strict=True), marker=marker)
        signal._get_unique_pixels = list  # it would look at each place for colours that need not be dealt any more
        return signal

    def lines(self) -> list[Line]:
        """What is drawn, as text and tones."""
        lines = [tuple(_segments(line)) for line in self.figure.build().string().removesuffix("\n").split("\n")]
        lines = [self._shaded(line, row) for row, line in enumerate(lines)]
        return [*lines[:-1], _named(line_text(lines[-1]), self.name)]

    def _shaded(self, line: Line, row: int) -> Line:
        """A line with the bands that lie behind what is drawn on it."""
        if not (tones := self.shades.get(row)):
            return line
        cells = [(character, tone) for text, tone in line for character in text]
        first = len(cells) - self.size[0]
        for column, tone in tones.items():
            if cells[first + column] == (" ", ""):
                cells[first + column] = "░", tone
        return tuple(("".join(text for text, _ in run), tone) for tone, run in groupby(cells, key=itemgetter(1)))


def _named(ticks: str, name: str) -> Line:
    """The line below the axis with the name of x between two of its labels, where one stands that has no other."""
    gaps = [gap.span() for gap in re.finditer(r"(?<=\S) +(?=\S)", ticks)]
    start, end = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0, 0))
    at = (start + end - len(name)) // 2
    if not name or at < start + 2:
        return ((ticks, ""),)
    return (ticks[:at], ""), (name, "dim"), (ticks[at + len(name) :], "")


def _segments(painted: str) -> Iterator[Segment]:
    tone = ""
    for index, part in enumerate(_PAINT.split(painted)):
        if index % 2 == 0:
            if part:
                yield part, tone
        elif part.startswith("38;5;"):
            tone = TONES[int(part[5:]) - _FIRST_PAINT]
        elif part == "0":
            tone = ""


def _clipped(start: Place, end: Place, spans: Sequence[Span]) -> tuple[Place, Place] | None:
    """The part of a straight line that lies within spans (Liang and Barsky)."""
    enter, leave = 0.0, 1.0
    for first, last, (low, high) in zip(start, end, spans, strict=True):
        if first == last:
            enter = enter if low <= first <= high else 2.0
        else:
            near, far = sorted(((low - first) / (last - first), (high - first) / (last - first)))
            enter, leave = max(enter, near), min(leave, far)
    if enter > leave:
        return None

    def at(share: float) -> Place:
        whole = {0.0: start, 1.0: end}.get(share)
        place = whole or [first + share * (last - first) for first, last in zip(start, end, strict=True)]
        # Of an end very far away the share may be rounded to the whole line, so ends are moved inside as well.
        return tuple(min(max(value, low), high) for value, (low, high) in zip(place, spans, strict=True))

    return at(enter), at(leave)
