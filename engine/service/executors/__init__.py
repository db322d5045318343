"""Where jobs run: what every executor does.

`local` runs them on this machine, `slurm` and `ray` on clusters; `everywhere` is the one that the engine speaks to: it
hands each job to the executor of the place where it may go. Another one is a module of this folder with a class that
keeps `ClusterExecutor`, and a row of `everywhere.EXECUTORS`. Its jobs see the run's folder and tell events in order;
each begins with its process calling `engine.job.run_job`, or whatever does the same.
"""

import errno
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.events import Event
from engine.job_settings import Assignment, JobId
from engine.service.devices import Machine
from engine.service.scheduler import Job
from engine.text import said_of_file


@dataclass(frozen=True)
class Exited:
    """A job's process is gone; if it never sent a `JobEnded`, the reason says what is known."""

    job_id: JobId
    reason: str


@dataclass(frozen=True)
class Placed:
    """Where a cluster has a job now, or why it has not begun."""

    job_id: JobId
    job: str
    """The cluster's own name for it: `slurm 1234`."""
    node: str = ""
    """Empty while it waits."""
    restarts: int = 0
    """How often the cluster began it anew."""
    waits: str = ""
    """Why it waits, in the cluster's words; empty for one that runs."""


@dataclass(frozen=True)
class Left:
    """Jobs in one process, or to be in one, that an engine left to a cluster."""

    job_ids: tuple[JobId, ...]
    device: str


class ClusterBusyError(RuntimeError):
    """A cluster does not answer now, or takes no more jobs now; why, in one line."""


Message = Event | Placed | Exited
Deliver = Callable[[Message], None]


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


class ClusterExecutor(Executor, Protocol):
    """Hands jobs to a cluster's own scheduler, where they go on without the engine."""

    def prepare(self) -> None:
        """See that jobs can be handed over, before any is queued; `SpecError` in one line where they cannot."""

    def left(self) -> list[Left]:
        """The jobs that an earlier engine left there; whatever becomes of them is delivered from now on."""

    def forget(self, job_id: JobId) -> None:
        """How the job ended is safely on disk: what is kept of it for another engine can go."""


def assignment_of(job: Job, folder: Path, device: str, threads: int) -> Assignment:
    """The job as its process is told of it, by itself."""
    return Assignment(
        job_id=job.job_id,
        experiment=job.experiment,
        attacks=job.attacks,
        population=job.population,
        run_folder=str(folder),
        options=job.options,
        device=device,
        threads=threads,
    )


KILL_AFTER = 1.5
"""Seconds between asking a process to end and ending it."""


def not_started(error: Exception) -> str:
    """Why a run has no process: in the system's words, with the remedy where files may not be open in such number."""
    said = said_of_file(error) if isinstance(error, OSError) else str(error)
    remedy = "; raise `ulimit -n` and start the engine again" if getattr(error, "errno", None) == errno.EMFILE else ""
    return f"its process could not be started: {said}{remedy}"
