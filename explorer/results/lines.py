"""Lines of toned text: what tables, charts and pages are made of before a screen shows them."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size

Segment = tuple[str, str]
"""Text and the name of its tone."""
Line = tuple[Segment, ...]


def plain(text: str, tone: str = "") -> Line:
    """A line of one tone."""
    return ((text, tone),)


def line_text(line: Line) -> str:
    """A line without its tones."""
    return "".join(text for text, _ in line)


def sized(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many cells."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def fitted(words: str, width: int) -> str:
    """Words between ` · `, as many as fit, the first ones first; where not even one does it is cut between words."""
    while cell_len(words) > width and " · " in words:
        words = words.rpartition(" · ")[0]
    if cell_len(words) <= width:
        return words
    room = set_cell_size(words, width - 1) if width > 1 else ""
    whole = room if words.startswith(f"{room.rstrip()} ") else room.rpartition("  ")[0] or room.rpartition(" ")[0]
    return f"{whole.rstrip() or room}…"[: max(0, width)]


def bar(share: float, width: int) -> str:
    """A progress bar of eighth blocks."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(width, "░")


def heading(title: str, width: int, note: str = "") -> Line:
    """A section's title on a rule, with a word about it behind."""
    words = f" {note} " if note else ""
    if cell_len(title + words) + 6 > width:
        words = sized(words.rstrip(), max(0, width - cell_len(title) - 6)) if width > cell_len(title) + 16 else ""
    rule = "─" * max(0, width - cell_len(title) - cell_len(words) - 4)
    return (("── ", "dim"), (title, "bold"), (words or " ", "dim"), (rule[: len(rule) + (0 if words else -1)], "dim"))


def wrapped(text: str, width: int, tone: str = "", first: str = "", hang: int = 0) -> list[Line]:
    """A paragraph in lines of at most `width` cells: `first` before it, `hang` blanks before its other lines."""
    room = max(10, width - hang)
    lines = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    start = first.ljust(hang)
    return [((start if index == 0 else " " * hang, "dim"), (line, tone)) for index, line in enumerate(lines)]


def beside(columns: Sequence[tuple[Sequence[Line], int]], gap: int = 2) -> list[Line]:
    """Blocks of lines side by side, each in its width of cells."""
    found = []
    for row in zip_longest(*(lines for lines, _ in columns), fillvalue=()):
        line: Line = ()
        for index, (part, (_, width)) in enumerate(zip(row, columns, strict=True)):
            if index:
                line += ((" " * gap, ""),)
            line += cut(part, width)
        found.append(line)
    return found


def cut(line: Line, width: int) -> Line:
    """The line in exactly so many cells."""
    length = cell_len(line_text(line))
    if length <= width:
        return (*line, (" " * (width - length), ""))
    kept, used = [], 0
    for text, tone in line:
        if used + cell_len(text) >= width:
            return (*kept, (sized(text + "…", width - used), tone))
        kept.append((text, tone))
        used += cell_len(text)
    return tuple(kept)


def indented(lines: Sequence[Line]) -> list[Line]:
    """Lines behind a blank."""
    return [((" ", ""), *line) for line in lines]
