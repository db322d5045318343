"""Events to rows: numpy columns go in with one INSERT ... SELECT, and writing an event again changes nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection

from engine.events import (
    ATTACK_SCORE_TYPES,
    SCORE_TYPES,
    Accuracies,
    AttackScores,
    ClassNames,
    History,
    Leakage,
    Scores,
    Warnings,
)
from store.errors import StoreError

Columns = Mapping[str, Sequence[Any] | np.ndarray]
MAY_BE_NULL = ("class_label", "ci_low", "ci_high", "leaks", "calibration_error")
ACCURACY_KEY = ("run_id", "view", "split")
LEAKAGE_KEY = ("run_id", "attack", "view", "class_label", "threshold_rule", "metric")


def with_batch(cursor: DuckDBPyConnection, columns: Columns, sql: str, values: Mapping[str, Any]) -> None:
    """Run a statement that reads the columns as the table `batch`."""
    cursor.register("batch", {name: _array(name, values) for name, values in columns.items()})
    try:
        cursor.execute(sql, dict(values))
    finally:
        with suppress(duckdb.Error):
            cursor.unregister("batch")


def insert(cursor: DuckDBPyConnection, table: str, columns: Columns, **constants: Any) -> None:
    """Append rows given as columns of one length; a constant is the same in every row."""
    columns = {name: _array(name, values) for name, values in columns.items()}
    values = [f"${name}" for name in constants] + [_value(name, column) for name, column in columns.items()]
    names = ", ".join([*constants, *columns])
    with_batch(cursor, columns, f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM batch", constants)


def replace(cursor: DuckDBPyConnection, table: str, key: Sequence[str], columns: Columns) -> None:
    """Append rows after deleting those with the same key; NULL equals NULL."""
    same = " AND ".join(f"{table}.{name} IS NOT DISTINCT FROM batch.{name}" for name in key)
    with_batch(cursor, columns, f"DELETE FROM {table} USING batch WHERE {same}", {})
    insert(cursor, table, columns)


def add_history(cursor: DuckDBPyConnection, events: Sequence[History], last: Mapping[str, int]) -> dict[str, int]:
    """Append training metrics of steps not yet stored; returns the last stored step of each run spoken of.

    last: the last stored step of runs already looked up.
    """
    reached = {run_id: last[run_id] for run_id in {event.run_id for event in events} if run_id in last}
    reached |= _last_steps(cursor, {event.run_id for event in events} - reached.keys())
    rows = []
    for event in events:
        if event.step > reached[event.run_id]:
            reached[event.run_id] = event.step
            rows += [(event.run_id, event.step, event.epoch, name, value) for name, value in event.metrics.items()]
    if rows:
        insert(cursor, "history", as_columns(rows, "run_id", "step", "epoch", "metric", "value"))
    return reached


def put_class_names(cursor: DuckDBPyConnection, events: Sequence[ClassNames]) -> None:
    """Store what each run's classes are called."""
    named = {(event.run_id, label): name for event in events for label, name in enumerate(event.names)}
    if named:
        columns = as_columns([(*key, name) for key, name in named.items()], "run_id", "class_label", "name")
        replace(cursor, "class_names", ("run_id", "class_label"), columns)


def put_warnings(cursor: DuckDBPyConnection, events: Sequence[Warnings]) -> None:
    """Store each run's latest warnings in the place of all that it had."""
    latest = {event.run_id: event.warnings for event in events}
    for run_id in latest:
        cursor.execute("DELETE FROM warnings WHERE run_id = $run_id", {"run_id": run_id})
    rows = [(run_id, each["topic"], each["view"], each["message"]) for run_id in latest for each in latest[run_id]]
    if rows:
        insert(cursor, "warnings", as_columns(rows, "run_id", "topic", "view", "message"))


def put_accuracies(cursor: DuckDBPyConnection, events: Sequence[Accuracies]) -> None:
    """Store each (run, view, split)'s latest accuracy."""
    _put_latest(cursor, "accuracies", events, ACCURACY_KEY, "accuracy", "n", "calibration_error")


def put_leakage(cursor: DuckDBPyConnection, events: Sequence[Leakage]) -> None:
    """Store each fact's latest value."""
    rest = ("value", "ci_low", "ci_high", "n_member", "n_nonmember", "leaks")
    _put_latest(cursor, "leakage", events, LEAKAGE_KEY, *rest)


def put_scores(cursor: DuckDBPyConnection, events: Sequence[Scores]) -> None:
    """Store each (run, view)'s latest scores."""
    _put_columns(cursor, "scores", events, ("run_id", "view"), SCORE_TYPES)


def put_attack_scores(cursor: DuckDBPyConnection, events: Sequence[AttackScores]) -> None:
    """Store each (run, attack, view)'s latest scores."""
    _put_columns(
        cursor, "attack_scores", events, ("run_id", "attack", "view"), ATTACK_SCORE_TYPES, rest=("threshold_rule",)
    )


def _put_columns(
    cursor: DuckDBPyConnection,
    table: str,
    events: Sequence[Scores | AttackScores],
    names: Sequence[str],
    types: Mapping[str, type],
    rest: Sequence[str] = (),
) -> None:
    """Store the columns of each key's latest event; rows are deleted only where the key was stored before."""
    for event in {tuple(getattr(event, name) for name in names): event for event in events}.values():
        key = {name: getattr(event, name) for name in names}
        columns = {name: np.asarray(getattr(event, name), dtype) for name, dtype in types.items()}
        if len({column.shape for column in columns.values()}) != 1 or columns["example"].ndim != 1:
            raise StoreError(f"scores of {event.run_id}, view {event.view}: columns of unequal length")
        stored = f"FROM {table} WHERE {' AND '.join(f'{name} = ${name}' for name in names)}"
        if cursor.execute(f"SELECT 1 {stored} LIMIT 1", key).fetchall():
            cursor.execute(f"DELETE {stored}", key)
        if len(columns["example"]):
            insert(cursor, table, columns, **key, **{name: getattr(event, name) for name in rest})


def _last_steps(cursor: DuckDBPyConnection, run_ids: set[str]) -> dict[str, int]:
    """The last stored step of each run; -1 where there is none."""
    if not run_ids:
        return {}
    marks = ", ".join("?" * len(run_ids))
    sql = f"SELECT run_id, max(step) FROM history WHERE run_id IN ({marks}) GROUP BY run_id"
    return dict.fromkeys(run_ids, -1) | dict(cursor.execute(sql, list(run_ids)).fetchall())


def _put_latest(
    cursor: DuckDBPyConnection, table: str, events: Sequence[Accuracies | Leakage], key: Sequence[str], *rest: str
) -> None:
    """Store the events' fields, the last event of each key winning."""
    latest = {tuple(getattr(event, name) for name in key): event for event in events}
    if latest:
        columns = {name: [getattr(event, name) for event in latest.values()] for name in (*key, *rest)}
        replace(cursor, table, key, columns)


def as_columns(rows: Sequence[tuple], *names: str) -> Columns:
    """Rows, at least one, as columns of these names."""
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _array(name: str, values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Text as objects, numbers as numbers; None among numbers becomes NaN, which DuckDB reads as NULL."""
    if isinstance(values, np.ndarray):
        return values
    if name not in MAY_BE_NULL and not any(isinstance(value, (int, float)) for value in values):
        return np.array(values, object)
    whole = all(isinstance(value, int) for value in values)
    return np.array(values, np.int64 if whole else np.float64)


def _value(name: str, column: np.ndarray) -> str:
    """How a batch's column is read: DuckDB takes NaN for NULL, so it is put back where NULL cannot be."""
    if column.dtype.kind == "f" and name not in MAY_BE_NULL:
        return f"coalesce({name}, CAST('nan' AS DOUBLE))"
    return name
