"""Charts as lines of text: marked points with intervals, dense curves, a chance line and axes, drawn with plotext.

`draw` depends on its arguments only. Values become places on the canvas here, in cells from its lower left corner, so
that plotext, the dense curves and the search for overlaps agree on where a point lies, zeros on log axes included.
"""

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, repeat
from operator import itemgetter
from threading import Lock
from types import ModuleType
from typing import Any

from explorer.charts.canvas import NOWHERE, Cell, Frame, Place, reach, shown, word
from explorer.charts.chart import MARKS, TONES, Chart, Look, Series, Spans, Trace, nearest, spans, spans_of, trace_of
from explorer.results.marks import FLOOR, NOT_TOLD_APART

__all__ = ["MARKS", "TONES", "Chart", "Look", "Series", "draw", "nearest", "spans"]

Segment = tuple[str, str]
"""Text and its tone, one of `TONES`."""
Line = tuple[Segment, ...]

UNICODE = Look()
PUBLISHED, OVERLAP = "×", "✱"
LIKE_GUESS = f"{NOT_TOLD_APART} may be luck"
FEWEST_COLUMNS, FEWEST_ROWS = 20, 5
"""A smaller chart is told in words."""

_BRAILLE = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # dots of the left and right column from below
_PAINT = re.compile("\x1b\\[([0-9;]*)m")
_FIRST_PAINT = 100  # the xterm colour that stands for the first tone on the way through plotext
_FIGURE = Lock()  # plotext has one figure for the whole process
_ASCII = {
    **{ord(mark): letter for marks in MARKS for mark, letter in zip(marks[:2], marks[2:], strict=True)},
    **{0x2800 + dots: "." for dots in range(256)},
    **str.maketrans("·╌┊│┬┴┤└─┼░×✱…↓↑≤ε▸≈", ".-||||++-+:x%>v^<e>="),
}


def draw(chart: Chart, width: int, height: int, look: Look = UNICODE) -> list[Line]:
    """The chart in exactly `height` lines of exactly `width` cells: the legend, then the canvas over its x axis."""
    traces = [trace_of(series) for series in chart.series]
    if width < FEWEST_COLUMNS or height < FEWEST_ROWS:
        lines = [_entry(trace.series) + _newest(trace, chart.y_percent) for trace in traces]
    elif any(value is not None for trace in traces for value in trace.y):
        lines = _lines(chart, traces, width, height, look)
    else:
        lines = [*_wrapped(map(_entry, chart.series), width, 2), (), (("no values yet", "dim"),)]
    lines = [_fit(line, width) for line in (lines + [()] * height)[: max(0, height)]]
    return [tuple((_plain(text), tone) for text, tone in line) for line in lines] if look.ascii else lines


def _lines(chart: Chart, traces: Sequence[Trace], width: int, height: int, look: Look) -> list[Line]:
    """A chart that has room: the legend, the canvas and what stands beneath it."""
    within = spans_of(chart, traces)
    likely = Counter(overlap=sum(trace.series.kind != "line" for trace in traces) > 1)
    likely.update(hollow=any(any(trace.hollow) for trace in traces), cut=_is_cut(chart, within, traces))
    legend_rows = len(_legend(chart, within, likely, look, True, width, 1 if height < 10 else 2))
    frame, beneath = _framed(chart, within, width, height - legend_rows - 2)
    picture = _picture(chart, frame, traces)
    picture.found.update(cut=likely["cut"])
    canvas = _plotted(picture)
    named = _name_chance(canvas, picture, chart)
    for (column, row), segment in (picture.behind | picture.curves).items():
        line = canvas[frame.y.cells - 1 - row]
        if line[frame.left + column][0] == " ":
            line[frame.left + column] = segment
    legend = _legend(chart, within, picture.found, look, named, width, legend_rows)
    return [*legend, *[()] * (legend_rows - len(legend)), *map(_merged, canvas), *beneath]


def _framed(chart: Chart, within: Spans, width: int, rows: int) -> tuple[Frame, list[Line]]:
    """The frame, and beneath it the labels of x with its name beside them or, if there is room for a line, below."""
    frame, name = Frame.around(chart, within, width, rows), word(chart.x_label)
    labels = frame.tick_line()
    if not name or len(labels) + 2 + len(name) <= width:
        return frame, [((labels.ljust(width - len(name)), ""), (name, "dim"))]
    if rows < 10:
        return frame, [((labels, ""),)]
    frame = Frame.around(chart, within, width, rows - 1)
    return frame, [((frame.tick_line(), ""),), ((name.rjust(width), "dim"),)]


def _is_cut(chart: Chart, within: Spans, traces: Sequence[Trace]) -> bool:
    """Whether the y range asked for leaves values out."""
    bottom, top = within.y
    heights = (y for trace in traces for y in trace.heights(chart.interval))
    return chart.y_range == within.y and not all(bottom <= y <= top for y in heights)


@dataclass
class _Picture:
    """What lies on the canvas."""

    frame: Frame
    behind: dict[Cell, Segment] = field(default_factory=dict)
    """Bands, chance line and crosshair; seen where nothing else is."""
    curves: dict[Cell, Segment] = field(default_factory=dict)
    """Dense curves; seen where plotext draws nothing."""
    strokes: list[tuple[str, str, list[Cell]]] = field(default_factory=list)
    """Character, tone and the ends of straight lines: joints of marks, and over them the stems of intervals."""
    caps: dict[Cell, Segment] = field(default_factory=dict)
    """Ends of intervals and signs beside marks, under the marks."""
    marks: dict[Cell, Segment] = field(default_factory=dict)
    owners: dict[Cell, int] = field(default_factory=dict)
    """The series whose mark lies in a cell, -1 for several."""
    found: Counter[str] = field(default_factory=Counter)
    """What the legend has to explain: cells with an `overlap`, `hollow` marks, values `left out` by a log axis, ..."""


def _picture(chart: Chart, frame: Frame, traces: Sequence[Trace]) -> _Picture:
    picture = _Picture(frame)
    for trace in traces if chart.interval == "band" else ():
        _add_band(picture, trace)
    _add_chance(picture, chart)
    if chart.crosshair is not None and frame.x.shows(place := frame.x.place(chart.crosshair)):
        picture.behind |= {(frame.x.index(place), row): ("┊", "") for row in range(frame.y.cells)}
    for index, trace in enumerate(traces):
        _add_series(picture, chart, trace, index, len(traces))
    return picture


def _add_series(picture: _Picture, chart: Chart, trace: Trace, index: int, count: int) -> None:
    """One of so many series; marks too many to tell apart make a dense curve."""
    frame, tone, kind = picture.frame, trace.series.tone, trace.series.kind
    path = [None if y is None else (frame.x.place(x), frame.y.place(y)) for x, y in zip(trace.x, trace.y, strict=True)]
    if kind == "line" or (kind == "points" and len(path) > frame.x.cells // 2):
        _add_curve(picture, tone, path)
        chosen = _spread(path, index, count, frame)
    else:
        picture.found["left out"] += sum(NOWHERE in place for place in path if place)
        path = [None if place and NOWHERE in place else place for place in path]
        chosen = [at for at, place in enumerate(path) if place]
        if kind in ("points", "path"):
            _add_joints(picture, tone, path)
    if chart.interval == "bars":
        _add_intervals(picture, trace, chosen)
    _add_marks(picture, trace, index, {at: frame.cell(path[at]) for at in chosen if frame.shows(path[at])})


def _add_joints(picture: _Picture, tone: str, path: Sequence[Place | None]) -> None:
    """Dots from each mark to the next, none over a gap."""
    frame = picture.frame
    ends = [(frame.cell(a), frame.cell(b)) for a, b in shown(path, frame.x.cells, frame.y.cells)]
    picture.strokes.append(("·", tone, [cell for line in ends if line[0] != line[1] for cell in line]))


def _add_marks(picture: _Picture, trace: Trace, index: int, cells: Mapping[int, Cell]) -> None:
    """Put marks on the canvas; where another series has one already, both become an overlap."""
    filled, hollow = _marks(trace.series)
    for at, cell in cells.items():
        if picture.owners.setdefault(cell, index) == index:
            picture.marks[cell] = (hollow if trace.hollow[at] else filled, trace.series.tone)
        else:
            picture.owners[cell], picture.marks[cell] = -1, (OVERLAP, "overlap")
            picture.found["overlap"] += 1
        picture.found["hollow"] += trace.hollow[at] and filled != hollow
        if trace.like_guess[at]:
            beside = cell[0] + (1 if cell[0] + 1 < picture.frame.x.cells else -1)
            picture.caps[beside, cell[1]] = (NOT_TOLD_APART, "dim")
            picture.found["like_guess"] += 1


def _add_intervals(picture: _Picture, trace: Trace, chosen: Iterable[int]) -> None:
    """A stem with two ends, `┬` and `┴`; an end outside the canvas is open, an interval within one cell is not seen."""
    x, y, tone, stems = picture.frame.x, picture.frame.y, trace.series.tone, []
    for at in chosen:
        if trace.low[at] is None or trace.high[at] is None or not x.shows(place := x.place(trace.x[at])):
            continue
        column, low, high = x.index(place), y.place(trace.low[at]), y.place(trace.high[at])
        bottom, top = (column, y.index(low)), (column, y.index(high))
        if bottom < top and high >= 0 and low <= y.cells:
            stems += [bottom, top]
            picture.caps |= {bottom: ("┴", tone)} if y.shows(low) else {}
            picture.caps |= {top: ("┬", tone)} if y.shows(high) else {}
    picture.strokes.append(("│", tone, stems))


def _add_band(picture: _Picture, trace: Trace) -> None:
    """Shade the intervals and what lies between neighbours."""
    x, y = picture.frame.x, picture.frame.y
    whole = [None if None in row else row for row in zip(trace.x, trace.low, trace.high, trace.y, strict=True)]

    def edge(end: int) -> dict[int, tuple[int, int]]:
        path = [row and (x.place(row[0]), min(max(y.place(row[end]), 0.0), float(y.cells))) for row in whole]
        return reach(path, x.cells, y.cells)

    upper = edge(2)
    for column, (bottom, _) in edge(1).items():
        _, top = upper.get(column, (bottom, bottom))
        picture.behind |= {(column, row): ("░", trace.series.tone) for row in range(bottom, top + 1)}


def _add_chance(picture: _Picture, chart: Chart) -> None:
    """The chance line: y = x on any scale, or a level."""
    x, y = picture.frame.x, picture.frame.y
    if chart.diagonal:
        path = [(float(column), y.place(x.value(column))) for column in range(x.cells + 1)]
        for column, (bottom, top) in reach(path, x.cells, y.cells).items():
            picture.behind |= {(column, row): ("╌", "level") for row in range(bottom, top + 1)}
    elif chart.level is not None and y.shows(place := y.place(chart.level)):
        picture.behind |= {(column, y.index(place)): ("╌", "level") for column in range(x.cells)}


def _add_curve(picture: _Picture, tone: str, path: Sequence[Place | None]) -> None:
    """A curve in braille dots, two columns and four rows of them in a cell."""
    fine = [place and (place[0] * 2, place[1] * 4) for place in path]
    dots: dict[Cell, int] = {}
    for column, (bottom, top) in reach(fine, picture.frame.x.cells * 2, picture.frame.y.cells * 4).items():
        for row in range(bottom, top + 1):
            cell = column // 2, row // 4
            dots[cell] = dots.get(cell, 0x2800) | _BRAILLE[column % 2][row % 4]
    for cell, bits in dots.items():
        before = picture.curves.get(cell)
        picture.curves[cell] = (chr(bits | ord(before[0]) if before else bits), tone)


def _spread(path: Sequence[Place | None], index: int, count: int, frame: Frame) -> list[int]:
    """Which points of a dense curve carry its mark: one in some columns, staggered between curves, or the last."""
    known = [(place[0], at) for at, place in enumerate(path) if place]
    pitch = max(24, 6 * count)
    chosen = set()
    for turn in range(frame.x.cells // pitch + 1):
        column = pitch * (turn + (index + 0.5) / count)
        after = bisect_left(known, (column, 0))
        close = sorted((abs(place - column), at) for place, at in known[max(0, after - 1) : after + 1])
        chosen |= {at for away, at in close[:1] if away < pitch / 2 and frame.shows(path[at])}
    return sorted(chosen) or [at for _, at in known[-1:]]


def _plotted(picture: _Picture) -> list[list[Segment]]:
    """Axes, joints, intervals and marks as plotext draws them, cell by cell from the top."""
    import plotext

    frame, columns, rows = picture.frame, picture.frame.x.cells, picture.frame.y.cells
    with _FIGURE:
        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear()
        figure.theme("colorless")
        figure.plot_size(frame.left + columns, rows + 2)
        # Labels of x would be left out, ticks and all, where plotext finds no room; they are written by `Frame`.
        x_ticks = [(column, " ") for column, _ in frame.x_ticks]
        for axis, size, ticks in (("x", columns, x_ticks), ("y", rows, frame.y_ticks)):
            figure.axes(True, axis=axis, side=0, pixel=_paint("dim"))
            figure.axes(False, axis=axis, side=1)
            ruler = figure.ruler(axis).lim(0.5, size - 0.5)
            ruler.ticks([cell + 0.5 for cell, _ in ticks], [label for _, label in ticks])
        for character, tone, cells in (stroke for stroke in picture.strokes if stroke[2]):
            signal = _signal(plotext, character, tone, cells)
            for end in range(1, len(cells), 2):
                signal.line(end)
            figure.draw(signal)
        marks = sorted((segment, cell) for cell, segment in (picture.caps | picture.marks).items())
        for (character, tone), group in groupby(marks, key=itemgetter(0)):
            figure.draw(_signal(plotext, character, tone, [cell for _, cell in group]))
        text = figure.build().string()
    return [_read(line) for line in text.split("\n")[: rows + 1]]


def _signal(plotext: ModuleType, character: str, tone: str, cells: Sequence[Cell]) -> Any:
    """One character in the middle of many cells, where no rounding moves it to a neighbour."""
    marker = plotext.marker(character, _paint(tone))
    return plotext.figure.signal([column + 0.5 for column, _ in cells], [row + 0.5 for _, row in cells], marker=marker)


def _paint(tone: str) -> int:
    return _FIRST_PAINT + TONES.index(tone)


def _read(line: str) -> list[Segment]:
    """A painted line, cell by cell."""
    cells: list[Segment] = []
    tone = ""
    for index, part in enumerate(_PAINT.split(line)):
        if index % 2 == 0:
            cells += zip(part, repeat(tone))
        elif part == "0":
            tone = ""
        elif part.startswith("38;5;"):
            tone = TONES[int(part[5:]) - _FIRST_PAINT]
    return cells


def _name_chance(canvas: list[list[Segment]], picture: _Picture, chart: Chart) -> bool:
    """Write the level's name on its line, right or left, where nothing is in the way; whether there was room."""
    frame, name = picture.frame, f" {word(chart.level_label)}"
    place = frame.y.place(chart.level) if chart.level is not None and not chart.diagonal else math.nan
    if not chart.level_label or not frame.y.shows(place) or len(name) > frame.x.cells // 2:
        return False
    row = frame.y.index(place)
    line = canvas[frame.y.cells - 1 - row]
    for start in (frame.x.cells - len(name), 0):
        columns = range(start, start + len(name))
        if all(line[frame.left + column][0] == " " and (column, row) not in picture.curves for column in columns):
            picture.behind |= {(column, row): (c, "level") for column, c in zip(columns, name, strict=True)}
            return True
    return False


def _legend(
    chart: Chart, within: Spans, found: Counter[str], look: Look, named: bool, width: int, rows: int
) -> list[Line]:
    """The series, the signs in use, and what the chart does not show; `named` if the chance line bears its name."""
    name, level, (bottom, top) = word(chart.level_label) or "chance", chart.level, within.y
    outside = level is not None and not chart.diagonal and (level < bottom or level > top)
    inside = chart.diagonal or (level is not None and bottom <= level <= top and not named)
    notes = (
        (any(series.kind == "published" for series in chart.series), f"{PUBLISHED} paper", "dim"),
        (found["overlap"], f"{OVERLAP} overlap", "overlap"),
        (found["hollow"], "small letter = unfinished" if look.ascii else "hollow = unfinished", "dim"),
        (inside, f"╌ {name}", "level"),
        (outside, f"{name} {'↑' if outside and level > top else '↓'}", "level"),
        (found["left out"], f"{found['left out']} at ≤ 0 left out", "dim"),
        (found["cut"], "y cut", "dim"),
    )
    said = [((text, tone),) for due, text, tone in notes if due]
    own = [series for series in chart.series if series.kind != "published"]
    entries = [*map(_entry, own), *said]
    lines = _wrapped(entries, width, rows)
    if found["like_guess"]:
        entries.append(((LIKE_GUESS, "dim"),))
        explained = _wrapped(entries, width, rows)
        lines = explained if _length(explained[-1]) <= width else lines  # help says it too
    if chart.of_leakage:
        warned = _wrapped([*entries, ((FLOOR, "dim"),)], width, rows)
        lines = warned if len(warned) == len(lines) and _length(warned[-1]) <= width else lines
    return lines


def _marks(series: Series) -> tuple[str, str]:
    """The filled and the hollow mark of a series."""
    return (PUBLISHED, PUBLISHED) if series.kind == "published" else MARKS[series.mark % len(MARKS)][:2]


def _entry(series: Series) -> Line:
    return (_marks(series)[0], series.tone), (f" {word(series.label)}", "")


def _newest(trace: Trace, percent: bool) -> Line:
    """The last value, for want of room to draw."""
    valued = [(y, NOT_TOLD_APART * own) for y, own in zip(trace.y, trace.like_guess, strict=True) if y is not None]
    return tuple((f" {100 * y:.1f}{sign}" if percent else f" {y:.4g}{sign}", "") for y, sign in valued[-1:])


def _wrapped(entries: Iterable[Line], width: int, rows: int) -> list[Line]:
    """Entries in at most so many lines; what does not fit stands beyond the last line's end."""
    lines: list[Line] = [()]
    for entry in entries:
        longer = lines[-1] + (("  ", ""),) * bool(lines[-1]) + entry
        if lines[-1] and _length(longer) > width and len(lines) < rows:
            lines.append(entry)
        else:
            lines[-1] = longer
    return lines


def _fit(line: Line, width: int) -> Line:
    """The line filled to the width, or cut with `…`."""
    missing = width - _length(line)
    if missing < 0:
        cells = [(character, tone) for text, tone in line for character in text][: max(0, width - 1)]
        return _merged([*cells, ("…", "dim")] if width > 0 else [])
    return _merged([*line, (" " * missing, "")])


def _length(line: Line) -> int:
    return sum(len(text) for text, _ in line)


def _merged(parts: Iterable[Segment]) -> Line:
    """Neighbours of one tone as one segment."""
    runs = [(tone, "".join(text for text, _ in run)) for tone, run in groupby(parts, key=itemgetter(1))]
    return tuple((text, tone) for tone, text in runs if text)


def _plain(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode()
