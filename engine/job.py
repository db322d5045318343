"""The process of one job: takes an `Assignment`, sends events over a pipe, obeys `stop`, and dies with its engine."""

import contextlib
import fcntl
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

import torch

from engine import events, experiment, together
from engine.experiment import RunContext
from engine.failures import in_one_line
from engine.job_settings import Assignment
from engine.ownfiles import refuse_links
from engine.spec.experiment import Experiment
from engine.validation import SpecError

# The first optimiser makes torch import its compiler (3 s). Here that happens once, before jobs are forked, and not in
# every job.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)

LOCK_PATIENCE = 30.0
"""Seconds to wait for an orphan of a killed engine to leave the run's folder."""


def run_job(job: Assignment, pipe: Connection) -> None:
    """Carry out the job and its mates; every way one can end is its last event, save for the death of the process.

    What comes over the pipe is obeyed: `stop`, for all of them, and `("cancel", RUN)`.
    """
    jobs = (job, *job.mates)
    stops = {each.run_id: threading.Event() for each in jobs}
    threading.Thread(target=_listen, args=(pipe, stops), daemon=True).start()
    locks = _Locks()
    sending = threading.Lock()
    left = {each.run_id: each for each in jobs}

    def emit(event: events.Event) -> None:
        if isinstance(event, events.JobEnded):
            locks.release(left.pop(event.run_id).run_folder)
        with sending:
            pipe.send(event)

    try:
        _run(jobs, emit, stops, locks)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - whatever ended the run is told to the person who waits for it
        with contextlib.suppress(OSError):  # the log may lie on the very disk that is full
            traceback.print_exc(file=sys.stderr)
        for each in list(left.values()):
            emit(_failed(each, error))


def _failed(job: Assignment, error: Exception) -> events.JobEnded:
    ended = events.RunEnded if job.job_id.stage == "answers" else events.AttacksEnded
    return ended(run_id=job.run_id, state="failed", time=time.time(), error=in_one_line(error))


def _run(
    jobs: Sequence[Assignment], emit: experiment.Emit, stops: Mapping[str, threading.Event], locks: "_Locks"
) -> None:
    job = jobs[0]
    torch.set_num_threads(job.threads)
    if job.options.import_path and job.options.import_path not in sys.path:
        sys.path.insert(0, job.options.import_path)
    ready = []
    for each in jobs:
        try:
            locks.acquire(each)
        except SpecError as error:
            emit(_failed(each, error))
        else:
            ready.append(each)
    if ready and job.job_id.stage == "facts":
        stop = stops[job.run_id].is_set
        experiment.infer_more(job.run_id, Path(job.run_folder), job.attacks, emit, stop, job.population)
    elif ready:
        together.run([_stacked_run(each, emit, stops[each.run_id].is_set) for each in ready])


def _stacked_run(job: Assignment, emit: experiment.Emit, should_stop: Callable[[], bool]) -> together.StackedRun:
    context = RunContext(Path(job.run_folder), job.options, experiment.choose_device(job.device))
    return together.StackedRun(Experiment.from_dict(job.experiment), context, emit, should_stop, job.attacks)


def _listen(pipe: Connection, stops: Mapping[str, threading.Event]) -> None:
    """Wait for words; when the engine is gone nobody is left to tell, so the process ends (its checkpoint is safe)."""
    try:
        while True:
            match pipe.recv():
                case "stop":
                    for stop in stops.values():
                        stop.set()
                case ("cancel", run_id):
                    stops[run_id].set()
    except (EOFError, OSError):
        os._exit(1)


class _Locks:
    """The runs' folders that no other process may be at work in."""

    def __init__(self):
        self._held: dict[str, TextIO] = {}

    def acquire(self, job: Assignment) -> None:
        """Take the folder of a job, which is made if it is to hold answers; `SpecError` where it cannot be had."""
        folder = Path(job.run_folder)
        refuse_links([folder])
        if job.job_id.stage == "answers":
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.exists():
            raise SpecError(f"its answers are not kept here ({folder})")
        refuse_links(sorted(folder.rglob("*")))
        lock = self._held[job.run_folder] = open(folder / "lock", "w")  # noqa: SIM115 - it is held until it is released
        _acquire(lock, folder)

    def release(self, folder: str) -> None:
        """Leave the folder to others."""
        if lock := self._held.pop(folder, None):
            lock.close()


def _acquire(lock, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SpecError(f"another process is still at work in {folder}") from None
            time.sleep(0.05)
        else:
            return
