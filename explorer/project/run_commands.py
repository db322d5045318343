"""What can be asked of the engine for runs: each command as a coroutine that returns its notice in one line.

EngineRefused, EngineUnreachable and SpecError say in one line why it could not be done.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.service import protocol
from engine.spec.experiment import Experiment
from engine.validation import SpecError
from explorer.project.open_project import OpenProject
from explorer.project.submitting import TIGHTER, certified, inferred, request_like, trained_anew
from store.rows import Run


async def retry(project: OpenProject, run_ids: Sequence[str]) -> str:
    """Queue failed, diverged and cancelled runs again; they go on from what they have saved."""
    queued = (await project.call(protocol.Retry(run_ids=list(run_ids)))).run_ids
    return _said(project, run_ids, queued, "queued again", "nothing to retry: only failed and cancelled runs can be")


async def cancel(project: OpenProject, run_ids: Sequence[str]) -> str:
    """Take runs out of the queue and end those at work."""
    ended = (await project.call(protocol.Cancel(run_ids=list(run_ids)))).run_ids
    return _said(project, run_ids, ended, "cancelled", "nothing to cancel: it neither waits nor runs")


async def prioritise(project: OpenProject, run_ids: Sequence[str]) -> str:
    """Let queued runs start before all others that wait; what a cluster has is in the cluster's own order."""
    for run_id in run_ids:
        if run_id in project.placed and project.runs[run_id].state == "queued":
            job = project.placed[run_id].job or "its job"
            raise SpecError(f"{project.runs[run_id].name}: {job} waits in the cluster's own order")
    waiting = [run for run in project.runs.values() if run.state == "queued"]
    priority = min(max((run.priority for run in waiting), default=0) + 1, protocol.PRIORITIES[-1])
    known = (await project.call(protocol.Prioritise(run_ids=list(run_ids), priority=priority))).run_ids
    for run_id in known:
        project.runs[run_id] = project.runs[run_id]._replace(priority=priority)  # the engine does not push it
    return _said(project, run_ids, known, "next to start", "not in the queue")


async def half_batch(project: OpenProject, run_id: str) -> str:
    """Queue a run's experiment with half of its batch size: another experiment, with its own id, in the same sweep."""
    row = await _whole(project, run_id)
    spec = row.spec
    half = halved(spec)
    if half is None:
        raise SpecError(f"{row.name}: its batch is one image; it cannot be halved")
    other = Experiment.from_dict(spec | {"recipe": spec["recipe"] | {"batch_size": half}})
    queued = await _submit(project, row.sweep or row.name, [(other, row)])
    if queued:
        return f"{other.run_id} queued: batch size {half}, another experiment with its own id"
    return f"{other.run_id}, with batch size {half}, is known already"


def halved(spec: Mapping[str, Any]) -> int | None:
    """Half of an experiment's batch size; None where there is no half."""
    return spec["recipe"].get("batch_size", 0) // 2 or None


async def certify(project: OpenProject, run_id: str, method: str = TIGHTER) -> str:
    """Queue a run's experiment with certified answers by that method: another run beside it, with its own id."""
    row = await _whole(project, run_id)
    other = certified(row.spec, method)
    missing = trained_anew(project.paths, row)
    if await _submit(project, row.sweep or row.name, [(other, row)]):
        return f"{other.run_id} queued: {row.name} certified by {method}{missing and f'; {missing}'}"
    return f"{other.run_id}: {row.name} certified by {method}, is known already"


async def attack(project: OpenProject, run_id: str) -> str:
    """Ask all inference attacks of a run; those that it lacks are computed from the answers it has kept."""
    run = await _whole(project, run_id)
    if await _submit(project, run.sweep or run.name, [(inferred(run), run)]):
        return f"{run.name} queued for the attacks that it lacks"
    return f"{run.name} has all attacks already"


async def repeat_sweep(project: OpenProject, run_id: str) -> str:
    """Queue every experiment of a run's sweep again with seeds that the sweep does not have yet."""
    sweep = project.runs[run_id].sweep
    if not sweep:
        raise SpecError(f"{project.runs[run_id].name}: came in by import; it belongs to no sweep")
    ids = [row.run_id for row in await project.query("runs", sweep=sweep)]
    rows = await project.query("run", run_id=ids)
    specs = [row.spec for row in rows]
    seeds = [spec["seed"] for spec in specs]
    shift = max(seeds) - min(seeds) + 1
    others = [Experiment.from_dict(spec | {"seed": spec["seed"] + shift}) for spec in specs]
    queued = await _submit(project, sweep, list(zip(others, rows, strict=True)))
    seeds_of = _span(other.seed for other in others)
    return f"{sweep}: {len(queued)} {'run' if len(queued) == 1 else 'runs'} queued with {seeds_of}"


async def _submit(project: OpenProject, sweep: str, asked: Sequence[tuple[Experiment, Run]]) -> list[str]:
    """Queue experiments in the places of the runs they are made from; those newly queued."""
    requests = [request_like(experiment, row) for experiment, row in asked]
    return (await project.call(protocol.Submit(sweep=sweep, runs=requests))).run_ids


async def _whole(project: OpenProject, run_id: str) -> Run:
    rows = await project.query("run", run_id=run_id)
    if not rows:
        raise SpecError(f"{run_id}: no such run")
    return rows[0]


def _said(project: OpenProject, asked: Sequence[str], changed: Sequence[str], done: str, nothing: str) -> str:
    """The notice for some runs of which only some were changed."""
    if len(asked) == 1:
        name = project.runs[asked[0]].name if asked[0] in project.runs else asked[0]
        return f"{name} {done}" if changed else f"{name}: {nothing}"
    return f"{len(changed)} of {len(asked)} runs {done}" if changed else nothing


def _span(seeds: Iterable[int]) -> str:
    known = sorted(set(seeds))
    return f"seed {known[0]}" if len(known) == 1 else f"seeds {known[0]} to {known[-1]}"
