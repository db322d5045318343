"""The rows of `runs` and `sweeps`: asked for, started, ended, asked for again."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from engine.events import RunEnded, RunStarted
from engine.registry import ATTACKS
from engine.run_states import FINISHED, RETRIED, WAITING
from engine.spec import unusual_settings
from engine.spec.experiment import Experiment, SpecError
from store import attacks
from store.errors import StoreError
from store.facts import Columns, as_columns, insert, with_batch
from store.records import NewRun, PendingRun

STATES = (*WAITING, *FINISHED)


def enqueue(cursor: DuckDBPyConnection, sweep: str, runs: Sequence[NewRun], priority: int) -> list[str]:
    """Queue the unknown ones; known ones join the sweep and, unless they are done, take its place. All are asked."""
    asked = {run.run_id: run for run in reversed(runs)}
    order = list(dict.fromkeys(run.run_id for run in runs))
    known = states(cursor, order)
    new = [asked[run_id] for run_id in order if run_id not in known]
    if new:
        places = [_json(run.place) for run in new]
        _insert(cursor, new, {"place": places}, sweep=sweep, priority=priority, created=time.time())
    if known:
        _complete(cursor, sweep, [asked[run_id] for run_id in known])
    _join(cursor, sweep, order)
    attacks.ask_populations(cursor, [run.run_id for run in new])
    attacks.ask(cursor, {run_id: _experiment(asked[run_id]).inference.asked() for run_id in order})
    return [run.run_id for run in new]


def start(cursor: DuckDBPyConnection, event: RunStarted, live: bool = False) -> None:
    """Note a start or resume, making the row of a run never heard of; one from before the stored times is a repeat.

    live: it happens just now. That of a run that waits is no repeat then, though the clock was set back.
    """
    if not states(cursor, [event.run_id]):
        _insert(cursor, [NewRun(event.run_id, event.experiment, {})], {}, priority=0, created=event.time)
    cursor.execute(
        "UPDATE runs SET state = 'running', device = $device, started = $time, ended = NULL, error = NULL, "
        "versions = $versions, together = $together "
        "WHERE run_id = $run_id AND ($time > coalesce(greatest(started, ended), CAST('-inf' AS DOUBLE)) "
        "OR ($live AND state = 'queued'))",
        {
            "live": live,
            "run_id": event.run_id,
            "device": event.device,
            "time": float(event.time),
            "versions": _json(event.versions),
            "together": event.together,
        },
    )


def end(cursor: DuckDBPyConnection, event: RunEnded, live: bool = False) -> None:
    """Note how the latest start ended; the end of an earlier start, or one not later than the stored end, is a repeat.

    A run cancelled meanwhile stays cancelled when its process reports back, and one taken for failed is done after all
    when the end of its log arrives. live: it happens just now, and ends a running run whatever the clock says.
    """
    _require_state(event.state)
    cursor.execute(
        "UPDATE runs SET state = $state, ended = greatest($time, started), error = $error "
        "WHERE run_id = $run_id AND (($live AND state = 'running') "
        "OR ($time >= started AND (ended IS NULL OR $time > ended) "
        "AND (state = 'running' OR ($state != 'queued' AND state != 'cancelled'))))",
        {"run_id": event.run_id, "state": event.state, "time": float(event.time), "error": event.error, "live": live},
    )


def set_state(
    cursor: DuckDBPyConnection, run_id: str, state: str, error: str | None = None, attempts: int | None = None
) -> None:
    """What the scheduler or a person decided. A finished state is dated now.

    The other states keep the date of the last end, by which events told again are recognised.
    """
    _require_state(state)
    ended = time.time() if state in FINISHED else None
    sql = (
        "UPDATE runs SET state = $state, error = $error, attempts = coalesce($attempts, attempts), "
        "ended = coalesce($ended, ended) WHERE run_id = $run_id"
    )
    values = {"run_id": run_id, "state": state, "error": error, "attempts": attempts, "ended": ended}
    _update_one(cursor, sql, values)


def set_priority(cursor: DuckDBPyConnection, run_id: str, priority: int) -> None:
    """Higher goes first."""
    sql = "UPDATE runs SET priority = $priority WHERE run_id = $run_id"
    _update_one(cursor, sql, {"run_id": run_id, "priority": priority})


def retry(cursor: DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """Queue those of the runs that failed, diverged or were cancelled, as if their process had never crashed."""
    again = [run_id for run_id, state in states(cursor, run_ids).items() if state in RETRIED]
    for run_id in again:
        set_state(cursor, run_id, "queued", attempts=0)
    attacks.ask_populations(cursor, again)


def pending(cursor: DuckDBPyConnection, run_ids: Sequence[str] | None = None) -> list[PendingRun]:
    """Queued and running runs, and done ones that are asked for more attacks, the one to go first in front.

    run_ids: these runs alone, with the others of their populations, whose facts they may have outdated.
    """
    asked = attacks.waiting(cursor, run_ids)
    rows = cursor.execute(
        "SELECT run_id, spec, place, state, priority, attempts FROM runs "
        "WHERE (state IN ('queued', 'running') "
        "OR (state = 'done' AND run_id IN (SELECT unnest(CAST($asked AS VARCHAR[]))))) "
        f"AND {attacks.SPOKEN_OF} "
        "ORDER BY priority DESC, submission",
        {"asked": list(asked), "run_ids": run_ids and list(run_ids)},
    ).fetchall()
    others = attacks.populations(cursor, [row[0] for row in rows])
    return [
        PendingRun(
            run_id,
            json.loads(spec),
            json.loads(place or "{}"),
            *rest,
            asked.get(run_id, {}),
            others.get(run_id, ()) if any(ATTACKS[attack].references for attack in asked.get(run_id, {})) else (),
        )
        for run_id, spec, place, *rest in rows
    ]


def states(cursor: DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, str]:
    """The state of each known run."""
    sql = "SELECT run_id, state FROM runs WHERE run_id IN (SELECT unnest(CAST($run_ids AS VARCHAR[])))"
    return dict(cursor.execute(sql, {"run_ids": list(run_ids)}).fetchall())


def _insert(cursor: DuckDBPyConnection, new: Sequence[NewRun], columns: Columns, **constants: Any):
    """Append queued rows whose settings come from the experiments themselves."""
    experiments = [_experiment(run) for run in new]
    (last,) = cursor.execute("SELECT coalesce(max(submission), 0) FROM runs").fetchall()[0]
    derived = {
        "run_id": [run.run_id for run in new],
        "submission": range(last + 1, last + 1 + len(new)),
        "name": [experiment.slug for experiment in experiments],
        "dataset": [experiment.data.label for experiment in experiments],
        "network": [experiment.network for experiment in experiments],
        "defense": [experiment.defense for experiment in experiments],
        "seed": [experiment.seed for experiment in experiments],
        "capacity": [experiment.capacity for experiment in experiments],
        "epsilon": [experiment.epsilon for experiment in experiments],
        "evaluation_epsilon": [experiment.evaluation.epsilon for experiment in experiments],
        "train_fraction": [experiment.data.train_fraction for experiment in experiments],
        "population": [experiment.population_id or "" for experiment in experiments],
        "recipe": [experiment.recipe_id for experiment in experiments],
        "setting": [unusual_settings.setting(experiment) for experiment in experiments],
        "spec": [_json(run.experiment) for run in new],
    }
    insert(cursor, "runs", derived | dict(columns), state="queued", attempts=0, **constants)


def _complete(cursor: DuckDBPyConnection, sweep: str, runs: Sequence[NewRun]) -> None:
    """Note where known runs are to be found now that they are asked for again, unless they are done.

    The id says that data and settings are the same; the folder they lie in may be another. Runs that came in by import
    also lack a sweep.
    """
    rows = [(run.run_id, _json(run.place), _json(run.experiment), _experiment(run).recipe_id) for run in runs]
    sql = (
        "UPDATE runs SET sweep = coalesce(runs.sweep, $sweep), "
        "place = CASE runs.state WHEN 'done' THEN coalesce(runs.place, batch.place) ELSE batch.place END, "
        "spec = CASE runs.state WHEN 'done' THEN runs.spec ELSE batch.spec END, recipe = batch.recipe "
        "FROM batch WHERE runs.run_id = batch.run_id"
    )
    with_batch(cursor, as_columns(rows, "run_id", "place", "spec", "recipe"), sql, {"sweep": sweep})


def _join(cursor: DuckDBPyConnection, sweep: str, run_ids: Sequence[str]) -> None:
    """Add runs to a sweep, behind those it has."""
    rows = cursor.execute("SELECT run_id FROM sweeps WHERE sweep = $sweep", {"sweep": sweep}).fetchall()
    members = {run_id for (run_id,) in rows}
    joining = [run_id for run_id in run_ids if run_id not in members]
    if joining:
        positions = range(len(members), len(members) + len(joining))
        insert(cursor, "sweeps", {"run_id": joining, "position": positions}, sweep=sweep)


def _experiment(run: NewRun) -> Experiment:
    try:
        return Experiment.from_dict(run.experiment)
    except SpecError as error:
        raise StoreError(f"run {run.run_id}: {error}") from None


def _require_state(state: str) -> None:
    if state not in STATES:
        raise StoreError(f"state {state!r} does not exist; states: {', '.join(STATES)}")


def _update_one(cursor: DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> None:
    if cursor.execute(sql, dict(values)).fetchall() == [(0,)]:
        raise StoreError(f"no run {values['run_id']!r}")


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
