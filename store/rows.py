"""What the store answers with: one type for each question of `store.queries`. No duckdb, no torch.

A number of a *view* (what a model answers: `benign`, `adversarial`...) is named by the view and its *kind*: `train` and
`test` for accuracies on that split, `oracle` and `heldout` for what the confidence attack infers with a threshold that
was chosen on the very examples or on others. Shares are between 0 and 1; None: there is none, or it is not known.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.spec.recipes import ALL_VIEWS

HEADLINE_VIEWS = tuple(view for view in ALL_VIEWS if view != "targeted")
"""Views whose numbers stand in the list of runs and in the table of views; `accuracies` and `leakage` have all."""
SPLITS = ("train", "test")
RULES = {"oracle": "inference_accuracy", "heldout": "heldout_inference_accuracy"}
"""Threshold rules of the confidence attack -> how their columns end."""
BETWEEN_WARNINGS = " | "
"""What stands between the messages of a column `warnings`."""

ViewKey = tuple[str, str]
"""(view, kind) of a number."""


def column_of(view: str, kind: str) -> str:
    """The column in which a wide table has a number: `benign_train_accuracy`, `benign_heldout_inference_accuracy`."""
    return f"{view}_{RULES[kind]}" if kind in RULES else f"{view}_{kind}_accuracy"


class Run(NamedTuple):
    """A run with its headline numbers: a row of `runs`, or of `run`, which also fills the last four fields."""

    run_id: str
    submission: int
    """1, 2, 3...: the order in which runs were asked for."""
    name: str
    sweep: str | None
    """The first sweep that asked for it; None where it only came in by import."""
    dataset: str
    network: str
    capacity: float
    defense: str
    epsilon: float
    """Trained with."""
    evaluation_epsilon: float
    """Attacked and certified with."""
    seed: int
    train_fraction: float
    steps: int | None
    size: str | None
    """`HEIGHTxWIDTH` that images are scaled to; None: the data set's own."""
    certification: str | None
    """The method behind the certified view."""
    setting: str | None
    """How it departs from its recipe, in words."""
    state: str
    """queued, running, done, failed, diverged, cancelled."""
    priority: int
    attempts: int
    device: str | None
    created: float
    """This and the next two in seconds since 1970, UTC."""
    started: float | None
    """The latest start or resume."""
    ended: float | None
    """The latest end; None from a start to the next end."""
    error: str | None
    numbers: Mapping[ViewKey, float]
    """Accuracies, and what the confidence attack infers with an oracle's threshold."""
    leaks: Mapping[str, bool]
    """View -> whether that is told apart from a guess."""
    warnings: tuple[str, ...]
    """What to know before believing its numbers."""
    warned_views: tuple[str, ...]
    """Views whose numbers the warnings speak of."""
    sweeps: tuple[str, ...] = ()
    """Every sweep that it belongs to."""
    spec: Mapping[str, Any] = {}
    """The whole experiment, `Experiment.to_dict()`."""
    place: Mapping[str, Any] = {}
    """Where it runs; empty for a run that came in by import."""
    versions: Mapping[str, str] = {}
    """Releases that computed it."""

    @property
    def duration(self) -> float | None:
        """Seconds from its latest start to its end; None while it has not ended."""
        return None if self.started is None or self.ended is None else self.ended - self.started

    def accuracy(self, view: str, split: str) -> float | None:
        """The share of right answers."""
        return self.numbers.get((view, split))

    def inference_accuracy(self, view: str) -> float | None:
        """What the confidence attack infers with an oracle's threshold."""
        return self.numbers.get((view, "oracle"))


class SweepCounts(NamedTuple):
    """How many runs of a sweep there are, and in which state."""

    sweep: str
    runs: int
    queued: int
    running: int
    done: int
    failed: int
    diverged: int
    cancelled: int


class AccuracyFact(NamedTuple):
    """How often one run's answers of a view are right on a split."""

    run_id: str
    dataset: str | None
    network: str | None
    capacity: float | None
    defense: str | None
    epsilon: float | None
    seed: int | None
    state: str | None
    view: str
    split: str
    accuracy: float
    n: int
    """Examples."""
    calibration_error: float | None
    """Expected calibration error, 15 bins."""
    warnings: tuple[str, ...]


class LeakageFact(NamedTuple):
    """What one inference attack finds in one run's answers of a view."""

    run_id: str
    dataset: str | None
    network: str | None
    capacity: float | None
    defense: str | None
    epsilon: float | None
    seed: int | None
    attack: str
    view: str
    class_label: int | None
    """None: all classes."""
    threshold_rule: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    """The 95 % interval over examples."""
    n_member: int
    n_nonmember: int
    leaks: bool | None
    """Whether it is told apart from a guess; None where that means nothing."""
    warnings: tuple[str, ...]


class WarningFact(NamedTuple):
    """What a reader of a run's numbers must know before believing them."""

    run_id: str
    dataset: str | None
    network: str | None
    capacity: float | None
    defense: str | None
    epsilon: float | None
    seed: int | None
    topic: str
    view: str | None
    """Whose numbers it speaks of; None: all of the run's."""
    message: str


class HistoryPoint(NamedTuple):
    """One training metric after a step."""

    run_id: str
    step: int
    epoch: int
    metric: str
    value: float
    state: str | None


class Score(NamedTuple):
    """What the confidence attack sees of one example in a view."""

    run_id: str
    view: str
    example: int
    member: bool
    label: int
    confidence: float
    margin: float
    correct: bool
    risk: float | None
    """Chance of being a member, given the score."""


class ExposedExample(NamedTuple):
    """One training example, and what each view says of it."""

    run_id: str
    example: int
    label: int
    class_name: str | None
    risk: float | None
    """The highest of all views."""
    mean_risk: float | None
    confidences: Mapping[str, float]
    """By view."""
    risks: Mapping[str, float]
    """By view."""


class RocPoint(NamedTuple):
    """A point of the curve "member if margin >= threshold" of a view."""

    run_id: str
    view: str
    fpr: float
    tpr: float
    threshold: float | None
    """None at (0, 0), where nobody is a member."""


class PublishedFact(NamedTuple):
    """A number of the paper."""

    printed_in: str
    """table 6, figure 3, abstract, notebook (the authors', full precision)..."""
    dataset: str
    train_fraction: float | None
    defense: str
    epsilon: float | None
    """Nominal; for natural models the one of the evaluation."""
    epsilon_text: str | None
    """As printed."""
    capacity: float | None
    class_label: int | None
    metric: str
    attack: str | None
    view: str | None
    split: str | None
    threshold_rule: str | None
    value: float | None
    source: str
    """paper or notebook."""


class Summary(NamedTuple):
    """One number over the seeds of a setting."""

    mean: float
    std: float | None
    """Standard deviation over seeds; None of one seed."""
    ci_low: float | None
    ci_high: float | None
    """The 95 % interval, the wider of those over seeds and over examples."""
    ci_over: str | None
    """`seeds` or `examples`."""
    n_leaking: int | None
    """Seeds that are told apart from a guess, each by itself; None where that means nothing."""


class CurvePoint(NamedTuple):
    """One fact of a setting over its seeds, as in the tables `capacity` and `epsilon`."""

    dataset: str
    network: str
    defense: str
    epsilon: float
    evaluation_epsilon: float
    train_fraction: float
    capacity: float
    certification: str | None
    measure: str
    view: str
    split: str | None
    attack: str | None
    threshold_rule: str | None
    mean: float
    std: float | None
    ci_low: float | None
    ci_high: float | None
    ci_over: str | None
    n_seeds: int
    n_leaking: int | None
    published: float | None
    """What the paper prints of the very setting."""
    size: str | None
    setting: str | None
    settings: str
    """A hash of all settings but those that stand in columns of their own."""
    warnings: tuple[str, ...]
    """The distinct messages of all seeds."""

    @property
    def leaks(self) -> bool | None:
        """Whether it is told apart from a guess in most of the seeds."""
        return in_most_seeds(self.n_leaking, self.n_seeds)


class ClassFact(NamedTuple):
    """One fact of leakage of a setting over its seeds, for a class or for all of them."""

    dataset: str
    network: str
    defense: str
    epsilon: float
    evaluation_epsilon: float
    train_fraction: float
    capacity: float
    certification: str | None
    attack: str
    view: str
    class_label: int | None
    """None: all classes."""
    class_name: str | None
    threshold_rule: str
    measure: str
    mean: float
    std: float | None
    ci_low: float | None
    ci_high: float | None
    ci_over: str | None
    n_seeds: int
    n_leaking: int | None
    n_member: int
    n_nonmember: int
    """The fewest of all seeds."""
    published: float | None
    size: str | None
    setting: str | None
    settings: str
    warnings: tuple[str, ...]

    @property
    def leaks(self) -> bool | None:
        """Whether it is told apart from a guess in most of the seeds."""
        return in_most_seeds(self.n_leaking, self.n_seeds)


class ViewsRow(NamedTuple):
    """A setting over its seeds with all numbers of the paper's Tables 8 to 10, beside those that the paper prints."""

    dataset: str
    network: str
    defense: str
    epsilon: float
    evaluation_epsilon: float
    train_fraction: float
    capacity: float
    certification: str | None
    size: str | None
    n_seeds: int
    numbers: Mapping[ViewKey, Summary]
    paper_train_fraction: float | None
    paper_capacity: float | None
    papers: Mapping[ViewKey, float]
    """What the paper prints for the data set, defense and epsilon, whatever our network, size and share of images."""
    setting: str | None
    settings: str
    warnings: tuple[str, ...]
    warned_views: tuple[str, ...]

    def leaks(self, key: ViewKey) -> bool | None:
        """Whether a number is told apart from a guess in most of the seeds; None where that means nothing."""
        return in_most_seeds(self.numbers[key].n_leaking, self.n_seeds)


Row = (
    Run
    | SweepCounts
    | AccuracyFact
    | LeakageFact
    | WarningFact
    | HistoryPoint
    | Score
    | ExposedExample
    | RocPoint
    | PublishedFact
    | CurvePoint
    | ClassFact
    | ViewsRow
)
OverSeeds = CurvePoint | ClassFact | ViewsRow
"""Rows over the seeds of one setting."""
TYPES: dict[str, type[Row]] = {
    "runs": Run,
    "run": Run,
    "sweeps": SweepCounts,
    "capacity": CurvePoint,
    "epsilon": CurvePoint,
    "classes": ClassFact,
    "views": ViewsRow,
    "accuracies": AccuracyFact,
    "leakage": LeakageFact,
    "warnings": WarningFact,
    "history": HistoryPoint,
    "scores": Score,
    "exposed": ExposedExample,
    "roc": RocPoint,
    "published": PublishedFact,
}
"""Query -> what its rows are."""


def in_most_seeds(n_leaking: int | None, n_seeds: int) -> bool | None:
    """Whether something is told apart from a guess in more than half of the seeds; None where that means nothing."""
    return None if n_leaking is None else 2 * n_leaking > n_seeds
