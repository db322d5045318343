"""A run's folder as it lies on the disk: its files, its checkpoints and the words of its process. Reads block."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from explorer.results import picture
from explorer.results.picture import Picture

TAIL_BYTES = 65536
CHECKPOINTS = ("checkpoint.safetensors", "checkpoint-previous.safetensors")
WEIGHTS = "model.safetensors"
LOG = "job.log"
CAUSE = "The above exception was the direct cause"
HEADER_LIMIT = 2**24
"""Bytes of the longest header that is believed to be one."""
EXPOSED = "exposed"
"""The folder with pictures of the most exposed training images."""
PICTURE = re.compile(r"(\d{1,9}-(?:image|adversarial))\.p[gp]m")
PICTURES = 48
"""Pictures that are read at most."""


@dataclass(frozen=True)
class RunFile:
    """A file of the folder."""

    name: str
    bytes: int
    time: float
    """Seconds since 1970, UTC, of its last change."""


@dataclass(frozen=True)
class ResumePoint:
    """A point that training can go on from."""

    step: int
    time: float


@dataclass(frozen=True)
class JobLog:
    """What a run's process printed."""

    lines: tuple[str, ...] = ()
    """The last ones."""
    count: int = 0
    """Of all lines in the file."""


@dataclass(frozen=True)
class RunFolder:
    """Everything that is told of the folder."""

    path: Path
    files: tuple[RunFile, ...] = ()
    checkpoint: ResumePoint | None = None
    """The newest one whose header can be read."""
    log: JobLog = JobLog()
    pictures: Mapping[str, Picture | None] = field(default_factory=dict)
    """`17-image` and `17-adversarial`, averaged down, of the training image 17; None for a file that is no picture."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return any(file.name == name for file in self.files)


def read(path: Path) -> RunFolder:
    """The folder as it is now; one that is not there, or may not be read, has no files."""
    try:
        with os.scandir(path) as entries:
            known = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return RunFolder(path)
    files = [RunFile(name, status.st_size, status.st_mtime) for name, status in sorted(known)]
    found = (checkpoint(path / name) for name in CHECKPOINTS)
    newest = next((each for each in found if each), None)
    return RunFolder(path, tuple(files), newest, read_log(path / LOG), read_pictures(path / EXPOSED))


def checkpoint(path: Path) -> ResumePoint | None:
    """Step and time of a checkpoint, from its header alone; None where there is none to be read.

    The format is that of safetensors: 8 bytes of header length, then JSON.
    """
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length < HEADER_LIMIT else {}
            return ResumePoint(int(header["__metadata__"]["step"]), os.fstat(stream.fileno()).st_mtime)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_log(path: Path) -> JobLog:
    """The log's last lines and the number of all."""
    try:
        with open(path, "rb") as stream:
            count, tail = 0, b""
            while block := stream.read(TAIL_BYTES):
                count += block.count(b"\n")
                tail = (tail + block)[-TAIL_BYTES:]
    except OSError:
        return JobLog()
    count += bool(tail) and not tail.endswith(b"\n")
    return JobLog(tuple(tail.decode(errors="replace").splitlines()[-min(count, 1000) :]), count)


def read_pictures(path: Path) -> dict[str, Picture | None]:
    """The pictures in a folder by their names without the ending; none where there is no such folder."""
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return {}
    found = [(match[1], path / name) for name in names if (match := PICTURE.fullmatch(name))]
    return {name: picture.read(file) for name, file in found[:PICTURES]}


def last_error(log: JobLog, error: str) -> tuple[str, ...]:
    """The end of the log's last traceback if it is the one that `error`, the run's one line, speaks of.

    The innermost place, then the exception, both of its first cause where it has one; the marks that newer Pythons
    draw under the code are left out.
    """
    lines = [line for line in log.lines if line.strip(" ~^")]
    starts = [index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    end = _exception(lines, starts[-1]) if starts else None
    if end is None or not _same_error(lines[end], error):
        return ()
    while len(starts) > 1 and lines[starts[-1] - 1].startswith(CAUSE):
        starts.pop()
    end = _exception(lines, starts[-1])
    place = max((index for index in range(starts[-1], end) if lines[index].lstrip().startswith('File "')), default=end)
    return tuple(lines[place : end + 1])


def _exception(lines: Sequence[str], start: int) -> int | None:
    """Where the traceback that starts there names its exception."""
    return next((index for index in range(start + 1, len(lines)) if not lines[index].startswith(" ")), None)


def _same_error(exception: str, error: str) -> bool:
    """Whether an exception's last line and the run's error tell of the same thing."""
    message = exception.partition(": ")[2]
    return error.endswith(message or exception.rpartition(".")[2]) or (
        "No space left on device" in exception and error.startswith("the disk is full")
    )
