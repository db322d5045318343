"""What an engine does first: take up the work where an earlier one left it."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.job_settings import JobId, RunOptions
from engine.service.executors.everywhere import Everywhere
from engine.service.planning import job_of
from engine.service.project import Project
from engine.service.scheduler import JobEnd, Start
from engine.validation import SpecError
from store.records import PendingRun


class Recovering(Protocol):
    """What is asked of the engine."""

    project: Project
    executor: Everywhere
    know: Callable[[RunOptions], None]
    take_over: Callable[[Start], None]
    put_state: Callable[[JobId, JobEnd], None]
    admit: Callable[[Sequence[PendingRun]], list[str]]


def recover(engine: Recovering, pending: Sequence[PendingRun]) -> None:
    """Queue what an earlier engine left, the runs it did not bring to an end among them; clusters go on with theirs."""
    taken = _adopt(engine, pending)
    for run in pending:
        job_id = JobId(run.run_id, "facts" if run.state == "done" else "answers")
        if run.state != "queued" and job_id not in taken:
            engine.put_state(job_id, JobEnd("queued", None, run.attempts))
    engine.admit(pending)


def _adopt(engine: Recovering, pending: Sequence[PendingRun]) -> set[JobId]:
    """Take over the jobs that clusters have of these runs; others that they have are not wanted any more."""
    waiting = {}
    for run in pending:
        with contextlib.suppress(SpecError):  # told when it is admitted
            job = job_of(run, engine.project)
            engine.know(job.options)
            waiting[job.job_id] = job
    taken = set()
    for left in engine.executor.left():
        wanted = [waiting[job_id] for job_id in left.job_ids if job_id in waiting]
        engine.take_over(Start(tuple(wanted), left.device))
        taken |= {job.job_id for job in wanted}
        for job_id in left.job_ids:
            if job_id not in waiting:
                engine.executor.cancel(job_id)
                engine.executor.forget(job_id)
    return taken
