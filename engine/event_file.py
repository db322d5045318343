"""What a job on a cluster says, as numbered lines of a file that another machine reads while they are written.

A file system shared by machines shows them late, torn or twice, so a reader takes whole lines in the order of their
numbers: one that is missing or torn is waited for, one that comes twice is passed over. A process that goes on where an
earlier one was ended appends to the same file, counting from 0 again.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import event_lines
from engine.events import AttacksEnded, Event

LATE = 20.0
"""Seconds to wait for a line that is missing or torn before it is passed over."""
KINDS = event_lines.KINDS | {AttacksEnded.kind: AttacksEnded}
BEGIN, BEAT, STOPPING = "begin", "beat", "stopping"
MARKS = (BEGIN, BEAT, STOPPING)
"""Lines about the process itself: it begins, it lives, it was asked to write a checkpoint and end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """A line about the process itself."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    """Of `begin`: `node`, `job`, `restart`."""


class EventFile:
    """The writer's side, for any thread."""

    def __init__(self, path: Path, **begin: Any):
        torn = path.exists() and path.stat().st_size > 0
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open as long as the process lives
        self._number, self._turn = 0, threading.Lock()
        if torn:
            self._file.write("\n")
        self.mark(BEGIN, **begin)

    def send(self, event: Event) -> None:
        """Append an event."""
        self._write(event_lines.to_json(event))

    def mark(self, kind: str, **fields: Any) -> None:
        """Append a line about the process."""
        self._write(json.dumps({"kind": kind, **fields}))

    def _write(self, line: str) -> None:
        with self._turn:
            self._file.write(f"{self._number} {line}\n")
            self._file.flush()
            self._number += 1

    def sync(self) -> None:
        """All that was sent is on disk."""
        with self._turn:
            os.fsync(self._file.fileno())


class EventFileReader:
    """The reader's side: from the beginning on, each line once."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic):
        self.path = path
        self._clock = clock
        self._at = 0
        self._next: int | None = 0
        """The number of the next line; None: any."""
        self._begun: dict[str, Any] | None = None
        self._missing: float | None = None

    def read(self) -> Iterator[Event | Mark]:
        """What has come since; the file is opened anew, for a network's cache is asked again only then."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._at)
                lines = file.read().split(b"\n")[:-1]  # what follows the last line end is still being written
        except FileNotFoundError:
            return
        for line in lines:
            number, said = _parsed(line)
            if said is not None and number == 0 and isinstance(said, Mark) and said.kind == BEGIN:
                repeated = said.fields == self._begun
                self._begun = said.fields
                self._next = self._next if repeated else 0
            if line.strip() and (said is None or (self._next is not None and number > self._next)):
                if not self._waited_enough():
                    return
                log.warning("%s: a line is torn or missing: %.80r", self.path, line)
                self._next = None if said is None else number
            self._missing = None
            self._at += len(line) + 1
            if said is not None and self._next in (None, number):
                self._next = number + 1
                yield said

    def _waited_enough(self) -> bool:
        now = self._clock()
        if self._missing is None:
            self._missing = now
        return now - self._missing >= LATE


def _parsed(line: bytes) -> tuple[int, Event | Mark | None]:
    """A line's number and what it says; None where it is torn."""
    try:
        number, _, text = line.decode().partition(" ")
        found = int(number)
        fields = json.loads(text) if any(f'"kind": "{kind}"' in text[:24] for kind in MARKS) else None
        if fields is not None:
            return found, Mark(fields.pop("kind"), fields)
        return found, event_lines.from_json(text, KINDS)
    except (ValueError, KeyError):
        return 0, None
