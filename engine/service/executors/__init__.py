"""Where jobs run: what every executor does, and which there are.

Another one, for a cluster say, is a module of this folder with a class that keeps `Executor`, and a row of `EXECUTORS`;
the engine is told its name by the setting `executor`, makes it from the settings, and asks it for the machine, so that
devices and the surroundings of jobs are its own affair. Its jobs see the run's folder and tell events in order; each
begins with its process calling `engine.job.run_job`, or whatever does the same.
"""

import errno
import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.events import Event
from engine.job_settings import JobId
from engine.service.devices import Machine
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings
from engine.text import said_of_file
from engine.validation import require_known

EXECUTORS = {"local": "engine.service.executors.local:LocalExecutor"}
"""Name -> `module:class`, imported when an engine is made with it."""


@dataclass(frozen=True)
class Exited:
    """A job's process is gone; if it never sent a `JobEnded`, the reason says what is known."""

    job_id: JobId
    reason: str


Deliver = Callable[[Event | Exited], None]


class Executor(Protocol):
    """Runs jobs somewhere."""

    machine: Machine
    """What it offers, by the names by which jobs are given their devices."""

    def open(self, deliver: Deliver, room: threading.Event) -> None:
        """Deliver every event and the final `Exited` of each job, on any thread.

        While `room` is not set, jobs wait with what they have to say.
        """

    def submit(self, jobs: Sequence[Job], device: str, folders: Sequence[Path]) -> None:
        """Start jobs in one process on a device of the machine, with the folders of their runs; returns at once."""

    def stop(self, job_id: JobId) -> None:
        """Ask a job to write a checkpoint and end with the state `queued`."""

    def cancel(self, job_id: JobId) -> None:
        """End a job, its process by force if that does not obey within `KILL_AFTER` seconds and does nothing else."""


KILL_AFTER = 1.5
"""Seconds between asking a process to end and ending it."""


def make(settings: EngineSettings) -> Executor:
    """The executor of the settings; `SpecError` where there is none of that name."""
    require_known("executor", settings.executor, EXECUTORS)
    module, _, name = EXECUTORS[settings.executor].partition(":")
    return getattr(importlib.import_module(module), name)(settings)


def not_started(error: Exception) -> str:
    """Why a run has no process: in the system's words, with the remedy where files may not be open in such number."""
    said = said_of_file(error) if isinstance(error, OSError) else str(error)
    remedy = "; raise `ulimit -n` and start the engine again" if getattr(error, "errno", None) == errno.EMFILE else ""
    return f"its process could not be started: {said}{remedy}"
