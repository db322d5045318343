"""From the columns and values of an answer to typed rows: the one place where columns are read by name."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from engine.registry import VIEWS
from store.queries import QUERIES
from store.rows import (
    BETWEEN_WARNINGS,
    HEADLINE_VIEWS,
    PLAIN_VIEWS,
    RULES,
    SPLITS,
    ExposedExample,
    Run,
    ViewKey,
    column_of,
)
from store.summaries import SeedsFact, Summary, ViewsRow

Read = Callable[[Sequence[Any]], Any]


def _by_key(names: Mapping[Any, str], at: Mapping[str, int]) -> Read:
    """Reads the values of several columns by their keys; those without a value are left out."""
    places = [(key, at[name]) for key, name in names.items()]
    return lambda row: {key: row[index] for key, index in places if row[index] is not None}


def _summaries(names: Mapping[ViewKey, str], at: Mapping[str, int]) -> Read:
    """The same for numbers over seeds, which have a column for each part; the last of a row is None."""
    places = [(key, [at.get(name, len(at)) for name in _parts(column)]) for key, column in names.items()]
    return lambda row: {key: Summary(*(row[index] for index in own)) for key, own in places if row[own[0]] is not None}


def _parts(column: str) -> list[str]:
    """The columns of a number over seeds, in the order of `Summary`."""
    return [column if part == "mean" else f"{column}_{part}" for part in Summary._fields]


_ORACLE = {(view, kind): column_of(view, kind) for view in HEADLINE_VIEWS for kind in (*SPLITS, "oracle")}
_ALL = _ORACLE | {(view, "heldout"): column_of(view, "heldout") for view in HEADLINE_VIEWS}
WIDE: dict[tuple[type[Any], str], Mapping[Any, str]] = {
    (Run, "numbers"): _ORACLE,
    (Run, "leaks"): {view: f"{view}_leaks" for view in HEADLINE_VIEWS},
    (ExposedExample, "confidences"): {view: f"{view}_confidence" for view in VIEWS},
    (ExposedExample, "risks"): {view: f"{view}_risk" for view in VIEWS},
    (SeedsFact, "accuracies"): {(view, split): column_of(view, split) for view in PLAIN_VIEWS for split in SPLITS},
    (ViewsRow, "numbers"): _ALL,
    (ViewsRow, "papers"): {key: f"paper_{column}" for key, column in _ORACLE.items()},
}
"""Fields that stand for several columns: the column of each key."""
TEXTS: dict[str, Callable[[str | None], Any]] = {
    "warnings": lambda text: tuple(text.split(BETWEEN_WARNINGS)) if text else (),
    "by_seed": lambda text: {int(seed): value for seed, value in json.loads(text or "{}").items()},
    **dict.fromkeys(("warned_views", "sweeps"), lambda text: tuple(text.split()) if text else ()),
    **dict.fromkeys(("spec", "place", "versions", "own_settings"), lambda text: json.loads(text) if text else {}),
}
"""Columns of one text that says several things: how it is read."""


def decode(query: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Any]:
    """The rows of a query's answer, typed."""
    return list(map(_reader(QUERIES[query].row, tuple(columns)), rows))


def columns(kind: type[Any]) -> list[str]:
    """The columns that a type is read from, in the order of its fields."""
    found: list[str] = []
    for field in kind._fields:
        for key, column in WIDE.get((kind, field), {None: field}).items():
            parts = _parts(column) if (kind, field) == (ViewsRow, "numbers") else [column]
            found += [name for name in parts if not name.endswith("n_leaking") or key is None or key[1] in RULES]
    return found


@lru_cache
def _reader(kind: type[Any], columns: tuple[str, ...]) -> Read:
    """What makes a typed row of the values in these columns."""
    at = {name: index for index, name in enumerate(columns)}
    nothing = len(columns)
    pick = itemgetter(*(at.get(field, nothing) for field in kind._fields))
    made: list[tuple[int, Read]] = []
    for index, field in enumerate(kind._fields):
        if names := WIDE.get((kind, field)):
            made.append((index, (_summaries if (kind, field) == (ViewsRow, "numbers") else _by_key)(names, at)))
        elif field in TEXTS:
            made.append((index, _text(TEXTS[field], at.get(field, nothing))))

    def read(row: Sequence[Any]) -> Any:
        known = (*row, None)
        values = list(pick(known))
        for index, make in made:
            values[index] = make(known)
        return kind._make(values)

    return read


def _text(read: Callable[[str | None], Any], index: int) -> Read:
    return lambda row: read(row[index])
