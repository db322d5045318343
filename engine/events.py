"""What a run says: the only things that leave the science, and the only things the store takes in.

Every event is a frozen dataclass of plain numbers, text and numpy columns, so the same event travels through a pipe
to the engine service or, as one JSON line, home from a bare GPU node. Writing an event twice changes nothing.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FINISHED = ("done", "failed", "diverged", "cancelled")
"""The states in which a run stays until somebody asks for it again."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to one run."""

    kind: ClassVar[str] = ""
    run_id: str


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A process began (or resumed) the run."""

    kind: ClassVar[str] = "run_started"
    experiment: Mapping[str, Any]
    """The whole experiment (`Experiment.to_dict()`), so that the event alone can recreate the run's row."""
    device: str
    """Where it runs: `cpu`, `cuda:0`, `mps`, with the name of the device behind a space where there is one."""
    time: float
    """Seconds since 1970, UTC."""
    versions: Mapping[str, str]
    """Releases of python, torch, numpy and mia-explore that computed it."""


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """How far the run is; for the eyes only, never stored."""

    kind: ClassVar[str] = "progress"
    phase: str
    """`load`, `train`, `predict` or `infer`."""
    label: str
    """The current unit for people, such as `step 300/2000`."""
    fraction: float
    """Share of the whole run's work that is done, 0 to 1."""
    rate: float
    """Images per second in this phase; 0 while unknown."""


@dataclass(frozen=True, kw_only=True)
class History(Event):
    """Training metrics at one step; steps of one run only grow, a resumed run repeats some of them exactly."""

    kind: ClassVar[str] = "history"
    step: int
    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ClassNames(Event):
    """What the classes of the run's data are called, by number: those of a folder by its subfolders."""

    kind: ClassVar[str] = "class_names"
    names: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Warnings(Event):
    """All that a reader of the run's numbers must know; what was told before is forgotten."""

    kind: ClassVar[str] = "warnings"
    warnings: Sequence[Mapping[str, Any]]
    """Of each `RunWarning` its topic, its message and its view (None: all)."""


@dataclass(frozen=True, kw_only=True)
class Accuracies(Event):
    """Share of correct answers of one view on one split (`train` or `test`)."""

    kind: ClassVar[str] = "accuracies"
    view: str
    split: str
    accuracy: float
    n: int
    calibration_error: float | None = None
    """Expected calibration error (`engine.calibration`); None where it was not measured."""


@dataclass(frozen=True, kw_only=True)
class Scores(Event):
    """One view's answer for every example: columns of equal length, members first, then non-members."""

    kind: ClassVar[str] = "scores"
    view: str
    example: np.ndarray
    """int32: index of the image in its split of the data set as loaded."""
    member: np.ndarray
    """bool: was it in the training set of this run."""
    label: np.ndarray
    """int32: true class."""
    confidence: np.ndarray
    """float32: probability given to the true class."""
    margin: np.ndarray
    """float64: log-odds of the true class, which do not saturate at 1."""
    correct: np.ndarray
    """bool: is the true class the most probable."""
    risk: np.ndarray
    """float32: chance that the example is a member given its score, before anything is known one half."""


@dataclass(frozen=True, kw_only=True)
class Leakage(Event):
    """One number of a membership-inference attack on one view."""

    kind: ClassVar[str] = "leakage"
    attack: str
    view: str
    class_label: int | None
    """The class it speaks of; None for all classes."""
    threshold_rule: str
    """`oracle` (chosen on the examples it is reported on), `heldout` (on others) or `none` (nothing was chosen)."""
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    leaks: bool | None
    """Whether the interval lies above what a guess reaches; None for numbers of which that means nothing."""
    n_member: int
    n_nonmember: int


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A line for the log that a person should see, such as an unreadable checkpoint that was passed over."""

    kind: ClassVar[str] = "notice"
    time: float
    message: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """The run stopped: `done`, `failed`, `diverged`, or `queued` when it was asked to stop and will go on later."""

    kind: ClassVar[str] = "run_ended"
    state: str
    time: float
    error: str | None = None
    """One line saying why, for `failed` and `diverged`."""


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        *(RunStarted, Progress, History, ClassNames, Warnings, Accuracies, Scores, Leakage),
        *(Notice, RunEnded),
    )
}
SCORE_TYPES = {
    "example": np.int32,
    "member": np.bool_,
    "label": np.int32,
    "confidence": np.float32,
    "margin": np.float64,
    "correct": np.bool_,
    "risk": np.float32,
}


def to_json(event: Event) -> str:
    """The event as one line of JSON; floats keep every digit."""
    plain = {
        field.name: value.tolist() if isinstance(value := getattr(event, field.name), np.ndarray) else value
        for field in dataclasses.fields(event)
    }
    return json.dumps({"kind": event.kind, **plain}, separators=(",", ":"))


def from_json(line: str) -> Event:
    """The event that `to_json` wrote; ValueError for anything else."""
    try:
        fields = json.loads(line)
        cls = KINDS[fields.pop("kind")]
        if cls is Scores:
            fields |= {name: np.asarray(fields[name], dtype) for name, dtype in SCORE_TYPES.items()}
        event = cls(**fields)
        _check_types(event)
        return event
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not an event: {error}") from None


def _check_types(event: Event) -> None:
    """TypeError unless every field is of its annotated kind; whole numbers pass as floats, columns were converted."""
    for name, hint in typing.get_type_hints(type(event)).items():
        origin = typing.get_origin(hint)
        if origin is ClassVar or hint is np.ndarray:
            continue
        kinds = typing.get_args(hint) if origin is types.UnionType else (origin or hint,)
        value = getattr(event, name)
        if (isinstance(value, bool) and bool not in kinds) or not isinstance(
            value, (*kinds, int) if float in kinds else kinds
        ):
            raise TypeError(f"{name} is {value!r}")
    if isinstance(event, History) and not all(isinstance(value, (int, float)) for value in event.metrics.values()):
        raise TypeError("metrics are not numbers")
    if isinstance(event, ClassNames) and not all(isinstance(name, str) and name.isprintable() for name in event.names):
        raise TypeError("names cannot be printed")
    if isinstance(event, Warnings) and not all(_is_warning(each) for each in event.warnings):
        raise TypeError("warnings are not texts that can be printed")
    if isinstance(event, Scores) and len({len(getattr(event, name)) for name in SCORE_TYPES}) != 1:
        raise TypeError("columns differ in length")


def _is_warning(each: Any) -> bool:
    if not isinstance(each, Mapping) or each.keys() != {"topic", "message", "view"}:
        return False
    texts = [each["topic"], each["message"], "" if each["view"] is None else each["view"]]
    return all(isinstance(text, str) and text.isprintable() for text in texts)


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
