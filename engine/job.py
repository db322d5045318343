"""The process of one job: takes an `Assignment`, sends events over a pipe, obeys `stop`, and dies with its engine."""

import contextlib
import fcntl
import os
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from engine import events, experiment
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
    """Carry out the job; every way it can end is the last event sent, save for the death of the process."""
    stop = threading.Event()
    threading.Thread(target=_listen, args=(pipe, stop), daemon=True).start()
    sending = threading.Lock()

    def emit(event: events.Event) -> None:
        with sending:
            pipe.send(event)

    try:
        _run(job, emit, stop)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)
    except Exception as error:  # noqa: BLE001 - whatever ended the run is told to the person who waits for it
        with contextlib.suppress(OSError):  # the log may lie on the very disk that is full
            traceback.print_exc(file=sys.stderr)
        ended = events.RunEnded if job.job_id.stage == "answers" else events.AttacksEnded
        emit(ended(run_id=job.run_id, state="failed", time=time.time(), error=in_one_line(error)))


def _run(job: Assignment, emit: experiment.Emit, stop: threading.Event) -> None:
    torch.set_num_threads(job.threads)
    if job.options.import_path and job.options.import_path not in sys.path:
        sys.path.insert(0, job.options.import_path)
    folder = Path(job.run_folder)
    refuse_links([folder])
    if job.job_id.stage == "answers":
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.exists():
        raise SpecError(f"its answers are not kept here ({folder})")
    refuse_links(sorted(folder.rglob("*")))
    with open(folder / "lock", "w") as lock:
        _acquire(lock, folder)
        if job.job_id.stage == "facts":
            experiment.infer_more(job.run_id, folder, job.attacks, emit, stop.is_set, job.population)
            return
        context = RunContext(folder, job.options, experiment.choose_device(job.device))
        experiment.run(Experiment.from_dict(job.experiment), context, emit, stop.is_set, job.attacks)


def _listen(pipe: Connection, stop: threading.Event) -> None:
    """Wait for `stop`; when the engine is gone nobody is left to tell, so the process ends (its checkpoint is safe)."""
    try:
        while True:
            if pipe.recv() == "stop":
                stop.set()
    except (EOFError, OSError):
        os._exit(1)


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
