"""A pane that is all of its screen: a title without a number, and the screen's keys in the lower border."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len

from explorer.app import actions
from explorer.app.look import Line
from explorer.app.panes.pane import Pane, line_text
from explorer.app.panes.table import sized


class Sheet(Pane):
    """Subclasses say what stands on it; its screen says which actions are possible."""

    def _set_titles(self) -> None:
        title = self.shown.title.replace("[", r"\[")
        note = self.shown.note.replace("[", r"\[")
        if title != self.border_title:
            self.border_title = title
        if note != self.border_subtitle:
            self.border_subtitle = note

    def keys(self, width: int) -> str:
        """The keys of the screen's actions that are possible now, as many as fit; the last one always does."""
        possible = [action for action in actions.of([self.SCOPE]) if action.hint and self.screen.possible(action)]
        words = [f"{self.app.key_of(action)} {action.hint}" for action in possible]
        while len(words) > 2 and cell_len("  ".join(words)) > width - 4:
            del words[-2]
        return "  ".join(words)


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
