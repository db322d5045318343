"""From what the store says is to be done to the jobs that do it."""

from dataclasses import replace

from engine.job_settings import ANSWERS, JobId, RunOptions
from engine.registry import DEFENSES
from engine.service.project import Project
from engine.service.scheduler import Job
from engine.spec.experiment import Experiment
from engine.validation import SpecError, from_mapping
from store.records import PendingRun


def job_of(run: PendingRun, project: Project) -> Job:
    """The job that a run waits for: its answers and facts, or facts alone from the answers of one that is done.

    `SpecError` says in one line why there can be none.
    """
    experiment = Experiment.from_dict(run.experiment)
    answers = f"answers:{run.run_id}"
    common = {"experiment": run.experiment, "attacks": run.attacks, "priority": run.priority}
    if run.state == "done":
        kept = project.run_folder(run.run_id) / ANSWERS
        if not kept.exists():
            raise SpecError(f"its answers are not kept here ({kept}), so no more can be inferred from them")
        options = replace(from_mapping(RunOptions, run.place or {"data_root": ""}, "place"), device="cpu")
        needs = (answers, *(f"answers:{other}" for other in run.population))
        return Job(job_id=JobId(run.run_id, "facts"), options=options, needs=needs, population=run.population, **common)
    if not run.place:
        raise SpecError("it came in by import; submit its sweep to run it here")
    if experiment.run_id != run.run_id:
        raise SpecError("planned by another version of mia-explore, whose results differ; submit its sweep again")
    weights = (f"weights:{experiment.training_id}",) if DEFENSES[experiment.defense].trains else ()
    return Job(
        job_id=JobId(run.run_id),
        options=from_mapping(RunOptions, run.place, "place"),
        needs=weights,
        provides=(*weights, answers),
        crashes=run.attempts,
        stack=experiment.stack_id or "",
        **common,
    )


def jobs_about(run_ids: list[str]) -> list[JobId]:
    """All jobs that there may be about these runs."""
    return [JobId(run_id, stage) for run_id in run_ids for stage in ("answers", "facts")]
