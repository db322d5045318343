"""Events as lines of JSON, and back: what a stranger wrote comes in only where the store could hold it."""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine import registry
from engine.events import (
    ATTACK_SCORE_TYPES,
    SCORE_TYPES,
    Accuracies,
    AttackEnded,
    AttackScores,
    AttackStarted,
    ClassNames,
    Event,
    History,
    Leakage,
    Notice,
    Progress,
    RunEnded,
    RunStarted,
    Scores,
    Warnings,
)
from engine.registry.rows import THRESHOLD_RULES
from engine.run_states import FINISHED
from engine.text import is_printable, one_line

KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        *(RunStarted, Progress, History, ClassNames, Warnings, Accuracies, Scores, Leakage, AttackScores),
        *(AttackStarted, AttackEnded, Notice, RunEnded),
    )
}
COLUMNS = {Scores: SCORE_TYPES, AttackScores: ATTACK_SCORE_TYPES}
CLOSED = {
    "view": registry.VIEWS,
    "split": ("train", "test"),
    "threshold_rule": THRESHOLD_RULES,
    "state": ("queued", *FINISHED),
}
"""Fields of which a stranger's line may have these words only: the store and every table know no others."""
WHOLE = 2**31
"""Whole numbers of events are below this."""
LAST_MOMENT = 253_402_300_800.0
"""The year 10000: no clock tells it, and no calendar shows it."""


def to_json(event: Event) -> str:
    """The event as one line of JSON; floats keep every digit."""
    plain = {
        field.name: value.tolist() if isinstance(value := getattr(event, field.name), np.ndarray) else value
        for field in dataclasses.fields(event)
    }
    return json.dumps({"kind": event.kind, **plain}, separators=(",", ":"))


def from_json(line: str, kinds: Mapping[str, type[Event]] = KINDS) -> Event:
    """The event that `to_json` wrote; ValueError for anything else, also for what the store could not hold."""
    try:
        fields = json.loads(line)
        cls = kinds[fields.pop("kind")]
        columns = COLUMNS.get(cls, {})
        fields |= {name: _column(name, fields[name], dtype) for name, dtype in columns.items()}
        event = cls(**fields)
        _check_types(event)
        _check_content(event)
        return event
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not an event: {one_line(str(error))}") from None


def _column(name: str, values: Any, dtype: type) -> np.ndarray:
    """A column of numbers of one kind; whole numbers pass as floats."""
    given = np.asarray(values)
    kinds = {"i": "i", "b": "b", "f": "fi"}[np.dtype(dtype).kind]
    if given.ndim != 1 or (given.size and given.dtype.kind not in kinds):
        raise TypeError(f"{name} is no column of {np.dtype(dtype).name}")
    if kinds == "i" and given.size and np.abs(given).max() >= WHOLE:
        raise TypeError(f"{name} has too large a number")
    with np.errstate(over="raise"):
        return given.astype(dtype)


def _check_types(event: Event) -> None:
    """TypeError unless every field is of its annotated kind; whole numbers pass as floats, columns were converted."""
    for name, hint in typing.get_type_hints(type(event)).items():
        origin = typing.get_origin(hint)
        if hint is ClassVar or origin is ClassVar or hint is np.ndarray:
            continue
        kinds = typing.get_args(hint) if origin is types.UnionType else (origin or hint,)
        value = getattr(event, name)
        if (isinstance(value, bool) and bool not in kinds) or not isinstance(
            value, (*kinds, int) if float in kinds else kinds
        ):
            raise TypeError(f"{name} is of another kind")
        if isinstance(value, int) and abs(value) >= WHOLE:
            raise TypeError(f"{name} is too large")
        if isinstance(value, str) and not is_printable(value):
            raise TypeError(f"{name} cannot be printed")
        if name in CLOSED and value not in CLOSED[name]:
            raise TypeError(f"{name} is none of {', '.join(CLOSED[name])}")
    if isinstance(moment := getattr(event, "time", 0), float) and not 0 <= moment < LAST_MOMENT:
        raise TypeError("time is no moment")


def _check_content(event: Event) -> None:
    """TypeError for lists, mappings and columns that the store could not hold or nobody could print."""
    if isinstance(event, History) and not all(map(_is_metric, event.metrics.items())):
        raise TypeError("metrics are not numbers")
    if isinstance(event, RunStarted) and not all(map(_is_word, [*event.versions, *event.versions.values()])):
        raise TypeError("versions are not texts that can be printed")
    if isinstance(event, RunStarted) and event.together < 1:
        raise TypeError("together is not at least 1")
    if isinstance(event, ClassNames) and not all(map(_is_word, event.names)):
        raise TypeError("names cannot be printed")
    if not all(_is_metric(own) or all(map(_is_word, own)) for own in getattr(event, "settings", {}).items()):
        raise TypeError("settings are neither numbers nor words")
    if isinstance(event, Warnings) and not all(map(_is_warning, event.warnings)):
        raise TypeError("warnings are not texts that can be printed")
    if len({len(getattr(event, name)) for name in COLUMNS.get(type(event), {})}) > 1:
        raise TypeError("columns differ in length")


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and is_printable(text)


def _is_metric(metric: tuple[str, Any]) -> bool:
    name, value = metric
    return _is_word(name) and isinstance(value, (int, float)) and (isinstance(value, float) or abs(value) < WHOLE)


def _is_warning(each: Any) -> bool:
    if not isinstance(each, Mapping) or each.keys() != {"topic", "message", "view"}:
        return False
    return all(map(_is_word, (each["topic"], each["message"], "" if each["view"] is None else each["view"])))


def read_lines(path: Path) -> Iterator[tuple[int, Event | None]]:
    """Each line's number with its event, or with None where the line cannot be read (a torn one, say)."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                yield number, from_json(line.decode())
            except ValueError:
                yield number, None
