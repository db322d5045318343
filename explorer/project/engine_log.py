"""Lines of the log: those the app is told, and those the engine wrote into its own file before anybody listened."""

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["info", "warn", "error"]
LEVELS: dict[str, Level] = {"WARNING": "warn", "ERROR": "error", "CRITICAL": "error"}
RECENT = 50
TAIL_BYTES = 64 * 1024
RECORD = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ([A-Z]+) [\w.]+: (.*)")
OF_A_RUN = re.compile(r"(\S+-[0-9a-f]{10}):? (.*)")
"""A run's id at the beginning of a message."""


@dataclass(frozen=True)
class LogLine:
    """One line for the log pane."""

    time: float
    """Seconds since 1970, UTC."""
    level: Level
    message: str
    run_id: str | None = None


async def recall(log: deque[LogLine], path: Path, on_change: Callable[[], None]) -> None:
    """Put the last lines of an engine's file before those that are in the log already."""
    earlier = await asyncio.to_thread(recent, path, time.time())
    if earlier:
        lines = sorted([*earlier, *log], key=lambda line: line.time)
        log.clear()
        log.extend(lines)
        on_change()


def recent(path: Path, before: float, count: int = RECENT) -> list[LogLine]:
    """The last lines written before a time, in seconds since 1970; none where the file cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            tail = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in parsed(tail.splitlines()) if line.time < before][-count:]


def parsed(texts: list[str]) -> list[LogLine]:
    """The lines of an engine's log; a line that is no record of its own, as in a traceback, goes with the one above."""
    lines: list[LogLine] = []
    for text in texts:
        if record := RECORD.fullmatch(text):
            lines.append(_line(*record.groups()))
        elif lines and text.strip():
            lines.append(LogLine(lines[-1].time, lines[-1].level, text.strip(), lines[-1].run_id))
    return lines


def _line(written: str, milliseconds: str, level: str, message: str) -> LogLine:
    moment = time.mktime(time.strptime(written, "%Y-%m-%d %H:%M:%S")) + int(milliseconds) / 1000
    of_a_run = OF_A_RUN.fullmatch(message)
    run_id, said = of_a_run.groups() if of_a_run else (None, message)
    return LogLine(moment, LEVELS.get(level, "info"), said, run_id)
