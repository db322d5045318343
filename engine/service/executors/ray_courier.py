"""The courier: a task of Ray's, which runs the process of a job on a node and goes between it and the desk.

What the process tells is brought after the files that it is about.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.service.launch import import_path
from engine.service.node import EVENTS, JOB, WORDS

LOG = "job.log"
PART = 4 * 2**20
"""Bytes of a file that are sent at once."""
TURN = 1.0
"""Seconds between two visits of a courier to the desk."""
FILES_SECONDS = 10.0
"""Files that nothing was told about, such as checkpoints, are brought this often, or less where that takes long."""
PASSING = re.compile(rb'"kind": ?"(history|beat|begin)"|"phase": ?"train"')
"""Lines about which there is no file."""
HERE_ONLY = ("lock", LOG)
UNFINISHED = (".partial", ".new")


@dataclass(frozen=True)
class Wants:
    """What a job asks of Ray."""

    name: str
    cpus: int
    gpus: float
    folder: str
    """Its handover, where nodes see that; empty: its files come by the desk."""


def carry(desk: Any, token: str, wants: Wants) -> int:
    """A task of Ray's: run the process of a job, and go between it and the desk; the process's exit code."""
    with _scratch() if not wants.folder else contextlib.nullcontext(Path(wants.folder)) as folder:
        return _Courier(desk, token, wants, folder).run()


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder on this node for as long as this process lives; those of processes that were killed are removed."""
    parent = Path(tempfile.gettempdir()) / f"mia-ray-{os.geteuid()}"
    parent.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as held:
        with open(parent / "lock", "w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            for left in parent.iterdir():
                with contextlib.suppress(OSError), open(left / "lock") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(dir=parent))
            fcntl.flock(held.enter_context(open(folder / "lock", "w")), fcntl.LOCK_EX)
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


class _Courier:
    """Goes between the process of a job, in a folder of its node, and the desk."""

    def __init__(self, desk: Any, token: str, wants: Wants, folder: Path):
        self._desk, self._token, self._wants, self._folder = desk, token, wants, folder
        self._sent: dict[str, int] = {EVENTS: 0, LOG: 0}
        self._known: dict[str, tuple[int, int]] = {}
        """Files that the desk has as they are: when they were written, and their size."""
        self._obeyed = 0
        self._files_at = 0.0
        """When to bring files, if nothing is told of any before."""

    def run(self) -> int:
        import ray

        job, taken = self._ask("welcome", socket.gethostname())
        log = self._folder / LOG
        if self._wants.folder:
            log = Path(json.loads(job)["run_folder"]) / LOG
        else:
            self._unpack(job, taken)
        name = f"ray {ray.get_runtime_context().get_task_id()[:8]}"
        command = [sys.executable, "-P", "-m", "engine.service.node", str(self._folder), name]
        hidden = {} if self._wants.gpus else {"CUDA_VISIBLE_DEVICES": ""}
        environment = {**os.environ, "PYTHONPATH": import_path(), **hidden}
        with (
            open(log, "ab") as out,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=self._folder, env=environment
            ) as self._process,
        ):
            while (code := self._wait()) is None:
                self._visit()
            while self._visit():
                pass
        return code

    def _wait(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(TURN)
        return None

    def _ask(self, method: str, *arguments: object) -> Any:
        """What the desk answers. `ray.get` would give the CPU of this task to another one meanwhile."""
        return getattr(self._desk, method).remote(self._token, *arguments).future().result()

    def _unpack(self, job: bytes, taken: list[str]) -> None:
        """Lay the job out in this folder, as it would lie in its project."""
        given = json.loads(job)
        runs = self._folder / "runs"
        assignment = given["assignment"]
        for own in (assignment, *assignment["mates"]):
            own["run_folder"] = str(runs / Path(own["run_folder"]).name)
        self._own = [Path(own["run_folder"]) for own in (assignment, *assignment["mates"])]
        for folder in self._own:
            folder.mkdir(parents=True)
        (self._folder / JOB).write_text(json.dumps(given))
        for name in taken:
            offset = 0
            write_part(self._folder / name, 0, b"")
            while data := self._ask("part", name, offset):
                write_part(self._folder / name, offset, data)
                offset += len(data)
        self._known = dict(self._files())

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Names and states of the files of the job's runs."""
        for folder in self._own:
            for path in folder.rglob("*"):
                if path.name not in HERE_ONLY and not path.name.endswith(UNFINISHED):
                    with contextlib.suppress(FileNotFoundError):
                        if path.is_file():
                            status = path.stat()
                            yield str(path.relative_to(self._folder)), (status.st_mtime_ns, status.st_size)

    def _visit(self) -> bool:
        """Bring what there is and obey what is said; whether there is more to bring."""
        events = log = b""
        if not self._wants.folder:
            events = read_part(self._folder / EVENTS, self._sent[EVENTS])
            log = read_part(self._folder / LOG, self._sent[LOG])
            about_files = any(line and not PASSING.search(line[:200]) for line in events.split(b"\n"))
            if about_files or time.monotonic() >= self._files_at or self._process.returncode is not None:
                self._bring_files()
        words = self._ask("exchange", events, log)
        self._sent[EVENTS] += len(events)
        self._sent[LOG] += len(log)
        self._obey(words)
        return bool(events or log)

    def _bring_files(self) -> None:
        began = time.monotonic()
        there = dict(self._files())
        for name in self._known.keys() - there.keys():
            self._ask("bring", name, 0, None, True)
        for name, state in there.items():
            if self._known.get(name) != state:
                with contextlib.suppress(FileNotFoundError), open(self._folder / name, "rb") as stream:
                    self._bring(name, stream)
        self._known = there
        now = time.monotonic()
        self._files_at = now + max(FILES_SECONDS, 10 * (now - began))

    def _bring(self, name: str, stream: Any) -> None:
        offset, last = 0, False
        while not last:
            data = stream.read(PART)
            last = len(data) < PART
            self._ask("bring", name, offset, data, last)
            offset += len(data)

    def _obey(self, words: list[str]) -> None:
        if len(words) == self._obeyed or not (self._folder / EVENTS).exists():
            return  # a process that has told nothing yet cannot obey
        for word in words[self._obeyed :]:
            if word == "stop":
                self._process.send_signal(signal.SIGTERM)
            else:
                with open(self._folder / WORDS, "a") as stream:
                    stream.write(f"{word}\n")
        self._obeyed = len(words)


def write_part(path: Path, offset: int, data: bytes) -> None:
    """Write a part of a file, which begins anew with the first one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "r+b" if offset else "wb") as stream:
        stream.seek(offset)
        stream.write(data)


def read_part(path: Path, offset: int) -> bytes:
    """A part of a file; empty behind its end, or where there is none."""
    try:
        with open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(PART)
    except FileNotFoundError:
        return b""
