"""Pane 6: what the engine and its runs said, the newest at the end."""

import textwrap
import time
from functools import lru_cache

from explorer.app import actions
from explorer.app.widgets.page import Page
from explorer.app.widgets.pane import Pane
from explorer.project.choices import Choices
from explorer.project.engine_log import LogLine
from explorer.results.lines import Line, plain, wrapped
from explorer.results.run_words import short_name

HANG = 10
"""Cells before a message: a blank and the time."""
MARKS = {"warn": ("WARN", "warn"), "error": ("ERROR", "bad")}


class LogPane(Pane):
    """Lines of the log; those that do not fit the width go on below, indented."""

    NUMBER, NAME, SCOPE = "6", "Log", "log"
    HELP = (
        "What the engine and its runs said; / shows only the lines that match. While it follows, the newest line stays "
        "in sight: moving up ends that, F and G begin it again."
    )
    BINDINGS = actions.bindings("log")

    def __init__(self) -> None:
        super().__init__()
        self.follow = True
        self.texts: list[str] = []
        """The log's lines that are on the page, in full."""
        self.owners: list[int] = []
        """For each line on the page, which of `texts` it belongs to."""

    # Drawing

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The lines that match the search, or why there are none."""
        log = list(self.project.log)
        named = [(line, self.run_name(line)) for line in log]
        wanted = Choices(filter=self.search, regex=self.choices.regex)
        found = [pair for pair in named if wanted.matches(_text(*pair).lower())] if self.search else named
        self.texts, self.owners, lines, day = [_text(*pair) for pair in found], [], [], _day(time.time())
        for index, (line, name) in enumerate(found):
            drawn = drawn_line(line, name, width)
            if _day(line.time) != day:
                day = _day(line.time)
                drawn = [plain(f" {day}", "dim"), *drawn]
            lines += drawn
            self.owners += [index] * len(drawn)
        count = f"{len(found)} of {len(log)} · " if self.search else ""
        title = f"{count}follow {'●' if self.follow else '○'}"
        return Page(lines or self._empty(width), title=title, note="F follow · / search · o pager")

    def draw(self) -> None:
        """The page, at its end while that is followed."""
        super().draw()
        if self.follow and self.display and self.size.width:
            end = max(0, len(self.shown.lines) - self.size.height)
            if round(self.scroll_y) != end:
                self.show_from(end)

    def run_name(self, line: LogLine) -> str:
        """The short name of the run that a line is about; empty for the engine's own."""
        run = self.project.runs.get(line.run_id or "")
        if run is None:
            return line.run_id or ""
        return short_name(run, self.project.datasets)

    def _empty(self, width: int) -> list[Line]:
        if self.search:
            words = f"No line matches {self.search!r}. {len(self.project.log)} hidden. esc clears the search."
        elif running := [run for run in self.project.runs.values() if run.state == "running"]:
            start = running[0].started
            since = time.strftime(" (started %H:%M:%S)", time.localtime(start)) if start else ""
            words = f"Nothing logged yet. Waiting for {short_name(running[0], 1)}{since}."
        elif self.project.read_only:
            words = f"Nothing logged yet. Read-only: watching {self.project.paths.root}."
        else:
            words = "Nothing logged yet. n plans a sweep."
        return wrapped(words, width, "dim", first=" ", hang=1)

    # Moving and acting

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up wants to read."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self.follow = False

    def move_to(self, index: int) -> None:
        """Move the window; upwards it no longer follows the end."""
        if index < self.position:
            self.follow = False
        super().move_to(index)

    def action_end(self) -> None:
        """To the end, and stay there."""
        self.follow = True

    def action_follow(self) -> None:
        """Keep the newest line in sight, or not."""
        self.follow = not self.follow

    def action_pager(self) -> None:
        """All that the engine wrote."""
        self.host.page_file(self.project.paths.log)

    def line_to_copy(self) -> str:
        """The newest line while the end is followed, else the one at the top; in full."""
        if not self.texts:
            return ""
        return self.texts[-1 if self.follow else self.owners[min(self.position, len(self.owners) - 1)]]

    def text(self) -> str:
        """All lines that match, in full."""
        return "\n".join(self.texts)


def _day(moment: float) -> str:
    return time.strftime("%A %Y-%m-%d", time.localtime(moment))


def _text(line: LogLine, name: str) -> str:
    """A line of the log as one text."""
    level = MARKS.get(line.level, ("", ""))[0]
    moment = time.strftime("%H:%M:%S", time.localtime(line.time))
    return " ".join(filter(None, [moment, level, name, " ".join(line.message.split())]))


@lru_cache(maxsize=8192)
def drawn_line(line: LogLine, name: str, width: int) -> list[Line]:
    """A line of the log on as many lines as it needs."""
    moment, _, said = _text(line, name).partition(" ")
    rest = textwrap.wrap(said, max(10, width - HANG), break_on_hyphens=False) or [""]
    drawn: list[Line] = [((f" {moment} ", "dim"), *_toned(rest[0], line, name))]
    return drawn + [((" " * HANG, ""), (text, "")) for text in rest[1:]]


def _toned(text: str, line: LogLine, name: str) -> Line:
    """Level and run name in their tones, where they stand whole at the beginning."""
    parts: list[tuple[str, str]] = []
    for word, tone in (MARKS.get(line.level, ("", "")), (name, "busy")):
        if word and text.startswith(word):
            parts.append((word, tone))
            text = text.removeprefix(word)
            if text.startswith(" "):
                parts.append((" ", ""))
                text = text[1:]
    return (*parts, (text, ""))
