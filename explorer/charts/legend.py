"""The legend of a chart: its series and signs in one line or two, and what to say where there is no room to draw."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from rich.cells import cell_len

from explorer.charts.chart import OVERLAP, PUBLISHED, Chart, Point, Series, valued
from explorer.results.ascii_text import to_ascii
from explorer.results.lines import Line, line_text, plain
from explorer.results.marks import FLOOR, NOT_TOLD_APART

LIKE_GUESS = f"{NOT_TOLD_APART} may be luck"


def legend(chart: Chart, shown: Mapping[str, int], width: int, rows: int, ascii_only: bool) -> list[Line]:
    """The series and what is `shown`, in so many lines; where that takes no line more, that leakage is a floor.

    What does not fit stands beyond the last line's end; only the sign of luck, which help explains too, is left out.
    """
    own = chart.entries
    for brevity in range(max((len(series.told) for series, _ in own), default=0) + 1):
        entries = [
            (*_entry(*each), *((f" {told}", "dim") for told in each[0].told[brevity : brevity + 1] if not each[1]))
            for each in own
        ]
        told = brevity and any(len(series.told) > brevity for series in chart.series)
        entries += [plain(chart.told, "dim")] if told else []
        entries += _notes(chart, shown, ascii_only)
        lines = _wrapped(entries, width, rows)
        if cell_len(line_text(lines[-1])) <= width:
            break
    if shown["like a guess"]:
        entries.append(plain(LIKE_GUESS, "dim"))
        longer = _wrapped(entries, width, rows)
        lines = longer if cell_len(line_text(longer[-1])) <= width else lines
    if chart.of_leakage:
        longer = _wrapped([*entries, plain(FLOOR, "dim")], width, rows)
        lines = longer if len(longer) == len(lines) and cell_len(line_text(longer[-1])) <= width else lines
    return lines


def _notes(chart: Chart, shown: Mapping[str, int], ascii_only: bool) -> list[Line]:
    name = word(chart.level_label) or "chance"
    said = (
        (any(series.kind == "published" for series in chart.series), f"{PUBLISHED} paper", "dim"),
        (shown["overlap"], f"{OVERLAP} overlap", "overlap"),
        (shown["hollow"], "small letter = unfinished" if ascii_only else "hollow = unfinished", "dim"),
        (shown["chance"], f"╌ {name}", "level"),
        (chart.threshold is not None, f"│ {word(chart.threshold_label)}", "level"),
        (shown["above"], f"{name} ↑", "level"),
        (shown["below"], f"{name} ↓", "level"),
        (shown["left out"], f"{shown['left out']} at ≤ 0 left out", "dim"),
        (shown["cut"], "y cut", "dim"),
    )
    return [plain(text, tone) for due, text, tone in said if due]


def newest(series: Series, points: Sequence[Point], percent: bool) -> Line:
    """A series with its last value, for want of room to draw."""
    values = [
        (f" {100 * point.y:.1f}" if percent else f" {point.y:.4g}") + NOT_TOLD_APART * point.like_guess
        for point in valued(points)[-1:]
    ]
    return (*_entry(series), *((value, "") for value in values))


def without_values(chart: Chart, width: int) -> list[Line]:
    """The series, and that there is nothing to draw yet."""
    return [*_wrapped((_entry(*each) for each in chart.entries), width, 2), (), nothing(chart)]


def nothing(chart: Chart) -> Line:
    """What is said in place of curves."""
    return plain("every curve is hidden" if chart.hidden and not chart.series else "no values yet", "dim")


def series_at(line: Line, cell: int, chart: Chart) -> Series | None:
    """The curve whose entry of the legend stands at that cell of a line."""
    found = []
    for series, hidden in chart.entries:
        entry = line_text(_entry(series, hidden))
        for words in {entry, to_ascii(entry)}:
            start = line_text(line).find(words)
            found += [(len(words), series)] if 0 <= start <= cell < start + len(words) else []
    return max(found, key=itemgetter(0), default=(0, None))[1]


def word(text: str) -> str:
    """A text from outside in characters of one cell each."""
    return "".join(c if c.isprintable() and cell_len(c) == 1 else "?" for c in text)


def _entry(series: Series, hidden: bool = False) -> Line:
    if hidden:
        return plain(f"({series.sign()} {word(series.label)})", "dim")
    return (series.sign(), series.tone), (f" {word(series.label)}", "")


def _wrapped(entries: Iterable[Line], width: int, rows: int) -> list[Line]:
    """Entries in at most so many lines; what does not fit stands beyond the last line's end."""
    lines: list[Line] = [()]
    for each in entries:
        longer = lines[-1] + (("  ", ""),) * bool(lines[-1]) + each
        if lines[-1] and cell_len(line_text(longer)) > width and len(lines) < rows:
            lines.append(each)
        else:
            lines[-1] = longer
    return lines
