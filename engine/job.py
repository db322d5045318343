"""The process of one run: takes a `Job`, sends events over a pipe, obeys `stop`, and dies with its engine."""

import contextlib
import errno
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
from engine.experiment import Setting
from engine.job_settings import Job
from engine.ownfiles import refuse_links
from engine.spec.experiment import Experiment
from engine.validation import SpecError

# The first optimiser makes torch import its compiler (3 s). Here that happens once, before jobs are forked, and not in
# every job.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)

LOCK_PATIENCE = 30.0
"""Seconds to wait for an orphan of a killed engine to leave the run's folder."""


def run_job(job: Job, pipe: Connection) -> None:
    """Run the job's experiment; every way it can end is the last event sent, save for the death of the process."""
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
        emit(events.RunEnded(run_id=job.run_id, state="failed", time=time.time(), error=one_line(error)))


def _run(job: Job, emit: experiment.Emit, stop: threading.Event) -> None:
    torch.set_num_threads(job.threads)
    if job.place.import_path and job.place.import_path not in sys.path:
        sys.path.insert(0, job.place.import_path)
    folder = Path(job.run_folder)
    refuse_links([folder])
    folder.mkdir(parents=True, exist_ok=True)
    refuse_links(sorted(folder.rglob("*")))
    with open(folder / "lock", "w") as lock:
        _acquire(lock, folder)
        device = experiment.choose_device(job.device)
        experiment.run(Experiment.from_dict(job.experiment), Setting(folder, job.place, device), emit, stop.is_set)


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


def one_line(error: BaseException) -> str:
    """What went wrong in one line for a person; settings' own errors speak for themselves."""
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, SpecError):
        return first
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room and retry the run, which goes on from what it has saved"
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of GPU memory: {first}"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
