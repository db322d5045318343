"""What a run says: the only things that leave the science, and the only things the store takes in.

Every event is a frozen dataclass of plain numbers, text and numpy columns, so the same event travels through a pipe
to the engine service or, as one JSON line (`engine.event_lines`), home from a bare GPU node. Writing an event twice
changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engine.text import one_line


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
    together: int = 1
    """Runs that begin with it as one stack, itself included: its time is the time of all of them."""


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

    def of_run(self, run_id: str) -> "Leakage":
        """The event that tells it of a run."""
        return Leakage(run_id=run_id, **vars(self))


@dataclass(frozen=True, kw_only=True)
class Leakage(Fact, Event):
    """A fact of the run."""

    kind: ClassVar[str] = "leakage"


@dataclass(frozen=True, eq=False)
class ImageScores:
    """What an attack that compares with other models says of each image in one view: columns of equal length."""

    attack: str
    view: str
    threshold_rule: str
    """How the threshold behind `found` was chosen: `references`, or `oracle` where there are too few of them."""
    example: np.ndarray
    """int32: what `Scores` calls the image."""
    member: np.ndarray
    """bool."""
    score: np.ndarray
    """float32: higher for members."""
    found: np.ndarray
    """bool: is it called a member by the threshold that keeps 1 % FPR."""

    def of_run(self, run_id: str) -> "AttackScores":
        """The event that tells it of a run."""
        return AttackScores(run_id=run_id, **vars(self))


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackScores(ImageScores, Event):
    """Scores of the run's images."""

    kind: ClassVar[str] = "attack_scores"


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


SCORE_TYPES = {
    "example": np.int32,
    "member": np.bool_,
    "label": np.int32,
    "confidence": np.float32,
    "margin": np.float64,
    "correct": np.bool_,
    "risk": np.float32,
}
ATTACK_SCORE_TYPES = {"example": np.int32, "member": np.bool_, "score": np.float32, "found": np.bool_}
