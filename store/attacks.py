"""The rows of `inferences`: which attacks are asked of a run's answers, each under the settings that change it."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from engine.events import AttackEnded, AttackStarted
from engine.registry import ATTACKS
from store.facts import as_columns, with_batch

Asked = Mapping[str, Mapping[str, Any]]
"""Of each attack its own settings."""
KEY = "run_id = $run_id AND attack = $attack AND settings = $settings"
WAITING = "state IN ('queued', 'running')"
_NAMED = "run_id IN (SELECT unnest(CAST($run_ids AS VARCHAR[])))"
_COMPARED = (
    "(recipe <> '' AND (recipe, population) IN "
    f"(SELECT recipe, unnest([population, '']) FROM runs WHERE population <> '' AND {_NAMED}))"
)
"""Runs of the populations of those named, and other targets of these populations."""
SPOKEN_OF = f"($run_ids IS NULL OR {_NAMED} OR {_COMPARED})"
"""Runs named, with those that are compared with them; all where none is named."""


def ask(cursor: DuckDBPyConnection, asked: Mapping[str, Asked]) -> None:
    """Ask runs for attacks, by run id; those that they have or that wait already stay as they are.

    Of one attack the settings asked for last are computed: others that wait make room.
    """
    rows = [(run_id, attack, canonical(own)) for run_id, attacks in asked.items() for attack, own in attacks.items()]
    if not rows:
        return
    batch = as_columns(rows, "run_id", "attack", "settings")
    same = "(inferences.run_id, inferences.attack) = (batch.run_id, batch.attack)"
    for sql, values in (
        (f"DELETE FROM inferences USING batch WHERE {same} AND inferences.settings <> batch.settings "
         "AND state NOT IN ('running', 'done')", {}),
        (f"UPDATE inferences SET state = 'queued', error = NULL FROM batch WHERE {same} "
         "AND inferences.settings = batch.settings AND state IN ('failed', 'cancelled')", {}),
        ("INSERT INTO inferences (run_id, attack, settings, state, created) SELECT *, 'queued', $now "
         "FROM (SELECT run_id, attack, settings FROM batch) ANTI JOIN inferences USING (run_id, attack, settings)",
         {"now": time.time()}),
    ):  # fmt: skip
        with_batch(cursor, batch, sql, values)


def waiting(cursor: DuckDBPyConnection, run_ids: Sequence[str] | None = None) -> dict[str, dict[str, dict[str, Any]]]:
    """What is still to be computed, by run: of one that is not done, all that it has not got."""
    sql = (
        "SELECT i.run_id, i.attack, i.settings FROM inferences i JOIN runs r USING (run_id) "
        "WHERE (i.state IN ('queued', 'running') OR (r.state <> 'done' AND i.state <> 'done')) "
        f"AND {SPOKEN_OF} ORDER BY i.rowid"
    )
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for run_id, attack, own in cursor.execute(sql, {"run_ids": run_ids and list(run_ids)}).fetchall():
        found.setdefault(run_id, {})[attack] = json.loads(own)
    return found


def ask_populations(cursor: DuckDBPyConnection, new: Sequence[str]) -> None:
    """Ask the targets of these runs' populations again for what they found, or are finding, with fewer references."""
    sql = (
        "UPDATE inferences SET state = 'queued', error = NULL WHERE state IN ('running', 'done', 'failed') "
        "AND attack IN (SELECT unnest(CAST($attacks AS VARCHAR[]))) "
        f"AND run_id IN (SELECT run_id FROM runs WHERE {_COMPARED})"
    )
    compared = [name for name, row in ATTACKS.items() if row.references]
    cursor.execute(sql, {"attacks": compared, "run_ids": list(new)})


def populations(cursor: DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Run -> the others that it is compared with: of its population, or of those of its recipe where it has none."""
    sql = (
        "SELECT a.run_id, list(b.run_id ORDER BY b.seed) FROM runs a JOIN runs b "
        "ON a.recipe = b.recipe AND b.population <> '' AND a.population IN ('', b.population) AND a.run_id <> b.run_id "
        f"WHERE a.{_NAMED} GROUP BY a.run_id"
    )
    return {run_id: tuple(others) for run_id, others in cursor.execute(sql, {"run_ids": list(run_ids)}).fetchall()}


def start(cursor: DuckDBPyConnection, event: AttackStarted, live: bool = False) -> None:
    """Note that an attack begins, which forgets what it found under other settings; an earlier start is a repeat.

    live: it happens just now, so that of one that waits is none though the clock was set back.
    """
    key = {"run_id": event.run_id, "attack": event.attack, "settings": canonical(event.settings)}
    values = key | {"time": float(event.time)}
    cursor.execute(
        "INSERT INTO inferences (run_id, attack, settings, state, created) "
        "VALUES ($run_id, $attack, $settings, 'queued', $time) ON CONFLICT DO NOTHING",
        values,
    )
    ((news,),) = cursor.execute(
        f"UPDATE inferences SET state = 'running', started = $time, ended = NULL, error = NULL WHERE {KEY} "
        "AND ($time > coalesce(greatest(started, ended), CAST('-inf' AS DOUBLE)) OR ($live AND state = 'queued'))",
        values | {"live": live},
    ).fetchall()
    if news:
        others = f"DELETE FROM inferences WHERE {KEY.replace('settings =', 'settings <>')} AND NOT ({WAITING})"
        cursor.execute(others, key)
        of_it = "attack IN ($attack, $attack || '-robust', $attack || '-plain')"
        del key["settings"]
        for table in ("leakage", "attack_scores"):
            cursor.execute(f"DELETE FROM {table} WHERE run_id = $run_id AND {of_it}", key)


def end(cursor: DuckDBPyConnection, event: AttackEnded) -> None:
    """Note how the attack's latest start ended; the end of an earlier one is a repeat."""
    cursor.execute(
        "UPDATE inferences SET state = $state, ended = greatest($time, started), error = $error "
        f"WHERE {KEY} AND state = 'running'",
        {
            "run_id": event.run_id,
            "attack": event.attack,
            "settings": canonical(event.settings),
            "state": event.state,
            "time": float(event.time),
            "error": event.error,
        },
    )


def set_state(cursor: DuckDBPyConnection, run_id: str, state: str, error: str | None = None) -> None:
    """What became of all attacks of a run that were still to be computed."""
    sql = f"UPDATE inferences SET state = $state, error = $error, ended = $ended WHERE run_id = $run_id AND {WAITING}"
    ended = None if state == "queued" else time.time()
    cursor.execute(sql, {"run_id": run_id, "state": state, "error": error, "ended": ended})


def retry(cursor: DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """Ask again for the attacks of these runs that failed or were cancelled."""
    sql = (
        "UPDATE inferences SET state = 'queued', error = NULL WHERE state IN ('failed', 'cancelled') "
        "AND run_id IN (SELECT unnest(CAST($run_ids AS VARCHAR[])))"
    )
    cursor.execute(sql, {"run_ids": list(run_ids)})


def canonical(own: Mapping[str, Any]) -> str:
    """An attack's own settings as the text that names them."""
    return json.dumps(own, sort_keys=True, separators=(",", ":"))
