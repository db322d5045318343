"""What works on this machine, what does not, and the remedy: generators of findings, and a check-up of them all."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.data import sources
from engine.registry import DATASETS
from engine.service.client import EngineRefused, EngineUnreachable, SyncClient
from engine.service.project import Project
from engine.spec import requirements
from engine.spec.experiment import Data
from engine.text import printable
from engine.validation import SpecError
from explorer.results import text
from explorer.results.ascii_text import speaks_unicode

PROBE = ("-P", "-m", "engine.sees")
"""Run in a process of its own, for this one never imports torch."""
PROBE_PATIENCE = 300.0
"""Seconds; a driver in trouble may hang for ever."""
LEAST_DISK = 5 * 2**30


@dataclass(frozen=True)
class CheckFinding:
    """One thing that works or does not."""

    works: bool
    subject: str
    said: str
    remedy: str = ""
    """What to do about it, where something is to be done."""


Check = Callable[[], Iterator[CheckFinding]]


def all_checks(project: Project, data_root: Path) -> tuple[Check, ...]:
    """Every check, the slow one first."""
    return (
        compute,
        certification,
        partial(disk, project),
        partial(engine_at_work, project),
        partial(data_sets, data_root),
        terminal,
    )


def compute() -> Iterator[CheckFinding]:
    """Torch, the GPUs it sees, and what goes with it; takes seconds."""
    try:
        said, reason = _asked(*PROBE, timeout=PROBE_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield CheckFinding(False, "torch", f"cannot be asked: {error}", "look at the GPU's driver and at free memory")
        return
    if reason:
        remedy = "reinstall torch and torchvision together"
        yield CheckFinding(False, "torch", f"cannot be imported: {reason}", remedy)
        return
    yield CheckFinding(True, "torch", f"{said['torch']} on Python {said['python']}, {os.cpu_count()} cores")
    for index, (name, free, total) in enumerate(said["gpus"]):
        yield CheckFinding(True, f"cuda:{index}", f"{name}, {text.size(free)} of {text.size(total)} free")
    if not said["gpus"]:
        where = "Apple's, through mps" if said["mps"] else "none seen; runs use the CPU, quick scale suits it"
        yield CheckFinding(True, "GPU", where)
    for name, remedy in (
        ("torchvision", "install it together with torch, from the same place"),
        ("sklearn", "needed for the digits"),
    ):
        works = said[name] == "ok"
        yield CheckFinding(works, name, said[name], "" if works else remedy)


def certification() -> Iterator[CheckFinding]:
    """The library that some methods of certification need."""
    if requirements.missing():
        said = f"not installed: {', '.join(requirements.THROUGH_LIRPA)} need it, nothing else does"
        yield CheckFinding(False, "auto-LiRPA", said, requirements.REMEDY)
    else:
        yield CheckFinding(True, "auto-LiRPA", "ok")


def disk(project: Project) -> Iterator[CheckFinding]:
    """Room for the project, and whether it can be written."""
    folder = next(parent for parent in (project.root, *project.root.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    enough = free > LEAST_DISK
    yield CheckFinding(enough, "disk", f"{text.size(free)} free at {folder}", "" if enough else "make room")
    if os.access(folder, os.W_OK):
        yield CheckFinding(True, "project", f"{project.root}")
    else:
        yield CheckFinding(False, "project", f"{folder} cannot be written", "choose another --project")


def engine_at_work(project: Project) -> Iterator[CheckFinding]:
    """Whether the project's engine runs; that it does not is no fault."""
    try:
        with SyncClient(project, timeout=5.0):
            yield CheckFinding(True, "engine", f"at work: {project.holder()}")
    except (EngineUnreachable, EngineRefused):
        yield CheckFinding(True, "engine", "not running; `mia-explore run` starts it")


def data_sets(root: Path) -> Iterator[CheckFinding]:
    """Every data set that has files of its own."""
    for name in (name for name, row in DATASETS.items() if not row.at_path):
        try:
            count = len(sources.files(Data(name=name), root))
            place = f" in {root}" if name != "digits" else ""
            yield CheckFinding(True, name, f"{count} file{'s' if count > 1 else ''}{place}")
        except SpecError as error:
            yield _refused(name, str(error))
    yield CheckFinding(
        True, "images", "not read; `mia-explore check yale` or `check folder:PATH` does and lists equal ones"
    )


def images(data: Data, root: Path) -> Iterator[CheckFinding]:
    """Everything a run would say of a data set's images, and each image that equals an earlier one; may take minutes.

    In a process of its own, for this one never imports torch.
    """
    said, reason = _asked("-m", "engine.data.check", json.dumps(asdict(data)), str(root))
    subject = printable(data.label)
    if reason:
        yield CheckFinding(False, subject, f"cannot be read: {reason}")
        return
    if "refused" in said:
        yield _refused(subject, said["refused"].removeprefix(f"{data.name}: "))
        return
    sides, equal = "x".join(map(str, said["size"])), said["equal"]
    counts = f"{said['train']} training and {said['test']} test images ({sides}) of {said['classes']} classes"
    yield CheckFinding(True, subject, counts if equal else f"{counts}; no two are equal")
    for words in said["notes"]:
        yield CheckFinding(True, subject, words)
    for words in [*said["warnings"], *(f"{later} equals {first}" for later, first in equal)]:
        yield CheckFinding(False, subject, words)


def _asked(*arguments: str, timeout: float | None = None) -> tuple[dict[str, Any], str]:
    """What a Python process of its own says as JSON in its last line; nothing, and why, where it failed."""
    command = [sys.executable, *arguments]
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )
    if answer.returncode:
        return {}, (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
    return json.loads(answer.stdout.splitlines()[-1]), ""


def _refused(name: str, reason: str) -> CheckFinding:
    said, _, remedy = reason.removeprefix(f"{name}: ").partition("; ")
    return CheckFinding(False, name, said, remedy)


def terminal() -> Iterator[CheckFinding]:
    """Size, kind and encoding of the terminal."""
    size = shutil.get_terminal_size()
    # Not sys.stdout: while the app runs that is its own.
    encoding = (getattr(sys.__stdout__, "encoding", None) or "").lower()
    unicode = encoding.startswith("utf") and speaks_unicode()
    said = f"{size.columns}x{size.lines}, {os.environ.get('TERM', 'no TERM')}, {encoding}"
    yield CheckFinding(unicode, "terminal", said, "" if unicode else "set LANG to a UTF-8 locale for lines and marks")


class Checkup:
    """Runs the checks beside the event loop, each in a thread of its own; findings fill in as they come."""

    def __init__(self, checks: Callable[[], tuple[Check, ...]]):
        self.watchers: set[Callable[[], None]] = set()
        """Called on the event loop after every finding, and when a check has ended."""
        self._checks = checks
        self._found: list[list[CheckFinding]] = []
        self._missing: set[int] = set()

    @property
    def findings(self) -> list[CheckFinding]:
        """What was found so far, in the order of the checks."""
        return [finding for found in self._found for finding in found]

    @property
    def over(self) -> bool:
        """Whether all checks have been made."""
        return bool(self._found) and not self._missing

    def start(self) -> None:
        """Make all checks now, unless they are under way."""
        if self._missing:
            return
        checks = self._checks()
        self._found, self._missing = [[] for _ in checks], set(range(len(checks)))
        loop = asyncio.get_running_loop()
        for index, check in enumerate(checks):
            # Nobody waits for these threads: leaving the app does not wait for torch.
            threading.Thread(target=self._run, args=(loop, index, check), name="check", daemon=True).start()

    def _run(self, loop: asyncio.AbstractEventLoop, index: int, check: Check) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            try:
                for finding in check():
                    loop.call_soon_threadsafe(self._take, index, finding)
            except OSError as error:
                loop.call_soon_threadsafe(self._take, index, CheckFinding(False, "check", f"broke off: {error}"))
            finally:
                loop.call_soon_threadsafe(self._take, index, None)

    def _take(self, index: int, finding: CheckFinding | None) -> None:
        if finding is None:
            self._missing.discard(index)
        else:
            self._found[index].append(finding)
        for watcher in tuple(self.watchers):
            watcher()
