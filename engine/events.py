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

from engine import registry
from engine.run_states import FINISHED
from engine.text import is_printable, one_line


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to one run."""

    kind: ClassVar[str] = ""
    WORDS: ClassVar[tuple[str, ...]] = ()
    """Fields for people to read, which may quote any file or error; each is made one printable line."""
    run_id: str

    def __post_init__(self) -> None:
        """What reaches the log, the store and the screen from here on cannot command a terminal."""
        for name in self.WORDS:
            if isinstance(text := getattr(self, name), str):
                object.__setattr__(self, name, one_line(text))


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A process began (or resumed) the run."""

    kind: ClassVar[str] = "run_started"
    WORDS: ClassVar = ("device",)
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
    WORDS: ClassVar = ("label",)
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
    """Expected calibration error (`engine.evaluation.calibration`); None where it was not measured."""


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


@dataclass(frozen=True)
class Fact:
    """One number of a membership-inference attack on one view, and how it was obtained."""

    attack: str
    view: str
    class_label: int | None
    """The class it speaks of; None for all classes."""
    threshold_rule: str
    """`oracle`: chosen on the examples reported on; `heldout`: on others; `references`: on other models; `none`."""
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    leaks: bool | None
    """Whether it is told apart from what a guess reaches; None for numbers of which that means nothing."""
    n_member: int
    n_nonmember: int


@dataclass(frozen=True, kw_only=True)
class Leakage(Fact, Event):
    """A fact of the run."""

    kind: ClassVar[str] = "leakage"


@dataclass(frozen=True, kw_only=True)
class AttackStarted(Event):
    """An inference attack begins on the run's answers; what it found of them before is forgotten."""

    kind: ClassVar[str] = "attack_started"
    attack: str
    settings: Mapping[str, Any]
    """The settings of `[inference]` that change its numbers."""
    time: float


@dataclass(frozen=True, kw_only=True)
class AttackEnded(Event):
    """All that an inference attack finds is told (`done`), or it `failed`, which leaves the run as it is."""

    kind: ClassVar[str] = "attack_ended"
    WORDS: ClassVar = ("error",)
    attack: str
    settings: Mapping[str, Any]
    state: str
    time: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """A line for the log that a person should see, such as an unreadable checkpoint that was passed over."""

    kind: ClassVar[str] = "notice"
    WORDS: ClassVar = ("message",)
    time: float
    message: str


@dataclass(frozen=True, kw_only=True)
class JobEnded(Event):
    """The last that a job says."""

    STAGE: ClassVar[str] = ""
    """What it computed: `answers` or `facts`."""
    WORDS: ClassVar = ("error",)
    state: str
    time: float
    error: str | None = None
    """One line saying why, for `failed` and `diverged`."""


@dataclass(frozen=True, kw_only=True)
class RunEnded(JobEnded):
    """The run stopped: `done`, `failed`, `diverged`, or `queued` when it was asked to stop and will go on later."""

    kind: ClassVar[str] = "run_ended"
    STAGE: ClassVar = "answers"


@dataclass(frozen=True, kw_only=True)
class AttacksEnded(JobEnded):
    """Attacks on kept answers stopped: `done`, with an error where some failed; `failed`, or `queued` to go on."""

    kind: ClassVar[str] = "attacks_ended"
    STAGE: ClassVar = "facts"


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        *(RunStarted, Progress, History, ClassNames, Warnings, Accuracies, Scores, Leakage),
        *(AttackStarted, AttackEnded, Notice, RunEnded),
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
CLOSED = {
    "view": registry.VIEWS,
    "split": ("train", "test"),
    "threshold_rule": ("oracle", "heldout", "references", "none"),
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


def from_json(line: str) -> Event:
    """The event that `to_json` wrote; ValueError for anything else, also for what the store could not hold."""
    try:
        fields = json.loads(line)
        cls = KINDS[fields.pop("kind")]
        if cls is Scores:
            fields |= {name: _column(name, fields[name], dtype) for name, dtype in SCORE_TYPES.items()}
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
    if isinstance(event, ClassNames) and not all(map(_is_word, event.names)):
        raise TypeError("names cannot be printed")
    if not all(_is_metric(own) or all(map(_is_word, own)) for own in getattr(event, "settings", {}).items()):
        raise TypeError("settings are neither numbers nor words")
    if isinstance(event, Warnings) and not all(map(_is_warning, event.warnings)):
        raise TypeError("warnings are not texts that can be printed")
    if isinstance(event, Scores) and len({len(getattr(event, name)) for name in SCORE_TYPES}) != 1:
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
