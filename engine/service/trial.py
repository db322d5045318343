"""A place tried by a small job, which goes the way of all jobs there and tells what its node sees."""

import contextlib
import json
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.events import Notice, RunEnded
from engine.job_settings import JobId, RunOptions
from engine.service.executors import Exited, Message, Placed
from engine.service.executors.everywhere import executor_of
from engine.service.executors.slurm_commands import seconds
from engine.service.node import JOB
from engine.service.places import Place, SlurmPlace
from engine.service.project import Project
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings
from engine.spec import sweeps
from engine.spec.recipes import SCALES

ENTRY = "engine.sees:run_job"
LIMIT = "5:00"
"""The time limit of the job, which needs seconds where torch is near: short ones find a gap in a full queue."""
PATIENCE = 900.0
"""Seconds for which its end is waited for."""
PARTING = 10.0
"""Seconds for which the end of a job is waited for that nobody wants any more, or its folder to go."""


def prepare(place: Place, project: Project) -> None:
    """See that jobs could be handed over there; `SpecError` in one line where they cannot."""
    executor_of(place, project, EngineSettings()).prepare()


def trial(place: Place, project: Project, data_root: Path, patience: float = PATIENCE) -> Iterator[Placed | dict | str]:
    """Where the job is, each time that is news, then what it saw there (`engine.sees.seen`), or why it saw nothing."""
    if isinstance(place, SlurmPlace):
        limit = seconds(place.time)
        shorter = {} if limit is not None and limit <= seconds(LIMIT) else {"time": LIMIT}
        place = replace(place, poll=min(place.poll, 1.0), **shorter)
    executor = executor_of(place, project, EngineSettings(entry=ENTRY))
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()
    room = threading.Event()
    room.set()
    executor.open(said.put, room)
    job_id = JobId(f"check-{secrets.token_hex(4)}")
    folder = project.run_folder(job_id.run_id)
    options = RunOptions(data_root=str(data_root), on=place.name)
    executor.submit([Job(job_id=job_id, options=options, experiment=_small())], place.name, [folder])
    ended = False
    try:
        seen, error = {}, ""
        for message in _heard(said, patience):
            if isinstance(message, Placed):
                yield message
            elif isinstance(message, Notice):
                seen = json.loads(message.message)
            elif isinstance(message, RunEnded):
                error = message.error or ""
            elif isinstance(message, Exited):
                ended, error = True, error or message.reason
                break
        waited = f"it was waited for {patience / 60:.0f} min in vain"
        yield error or seen or ("it ended without a word" if ended else waited)
    finally:
        if not ended:
            executor.cancel(job_id)
            any(isinstance(message, Exited) for message in _heard(said, PARTING))
        handovers = list(_handed(project, job_id))
        executor.forget(job_id)
        _gone(handovers)
        shutil.rmtree(folder, ignore_errors=True)
        for made in (project.handovers / quote(place.name, safe=""), project.handovers, project.runs, project.root):
            with contextlib.suppress(OSError):  # it holds something
                made.rmdir()


def _small() -> dict[str, Any]:
    """An experiment as any other for those who look at it on the way; nobody carries it out."""
    table = sweeps.presets()["demo"]
    return next(iter(sweeps.expand(*sweeps.settle(table, SCALES[0]), scale=SCALES[0]))).to_dict()


def _heard(said: "queue.SimpleQueue[Message]", patience: float) -> Iterator[Message]:
    """What is said within so many seconds."""
    deadline = time.monotonic() + patience
    with contextlib.suppress(queue.Empty):
        while True:
            yield said.get(timeout=max(0.0, deadline - time.monotonic()))


def _handed(project: Project, job_id: JobId) -> Iterator[Path]:
    """The folder in which the job was handed over."""
    for path in project.handovers.glob(f"*/*/{JOB}"):
        with contextlib.suppress(OSError):  # it is another job's, and gone
            if job_id.run_id in path.read_text():
                yield path.parent


def _gone(folders: Sequence[Path]) -> None:
    """Wait for the end of folders that the executor removes on a thread of its own."""
    deadline = time.monotonic() + PARTING
    while any(folder.exists() for folder in folders) and time.monotonic() < deadline:
        time.sleep(0.05)
