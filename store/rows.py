"""What the store answers about single runs: one type for each question of `store.queries`. No duckdb, no torch.

A number of a *view* (what a model answers: `benign`, `adversarial`...) is named by the view and its *kind*: `train` and
`test` for accuracies on that split, `oracle` and `heldout` for what the confidence attack infers with a threshold that
was chosen on the very examples or on others. Shares are between 0 and 1; None: there is none, or it is not known.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.registry import CERTIFIED, headline_views

HEADLINE_VIEWS = headline_views()
"""Views whose numbers stand in the list of runs and in the table of views; `accuracies` and `leakage` have all."""
PLAIN_VIEWS = tuple(view for view in HEADLINE_VIEWS if view != CERTIFIED)
"""Of these, views that every run answers, whatever bounds there are of its network."""
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


class Kind(NamedTuple):
    """Runs alike in these take about equally long on one machine."""

    dataset: str
    size: str | None
    train_fraction: float
    network: str
    defense: str
    capacity: float
    steps: int | None


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
    population: str | None
    """What runs have in common that differ in the seed alone and draw their members by it; None of others."""
    state: str
    """queued, running, done, failed, diverged, cancelled."""
    priority: int
    attempts: int
    places: str | None
    """Where it may go, with commas: `local`, names of clusters; None: here, or it came in by import."""
    device: str | None
    created: float
    """This and the next two in seconds since 1970, UTC."""
    started: float | None
    """The latest start or resume."""
    ended: float | None
    """The latest end; None from a start to the next end."""
    together: int
    """Runs that its process began as one stack; its time is that of all of them."""
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
    def kind(self) -> Kind:
        """What it shares with runs that take about equally long."""
        return Kind(*(getattr(self, name) for name in Kind._fields))

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


class InferenceState(NamedTuple):
    """An inference attack that a run was asked for, and how far it is."""

    run_id: str
    attack: str
    own_settings: Mapping[str, Any]
    """The settings of `[inference]` that change its numbers."""
    state: str
    """queued, running, done, failed, cancelled."""
    error: str | None
    created: float
    """This and the next two in seconds since 1970, UTC."""
    started: float | None
    ended: float | None
    run_state: str | None
    """The state of the run, which is computed with its attacks where it is not done."""


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


class SeedsHistory(NamedTuple):
    """One training metric after a step, over the runs that were asked for: the seeds of a setting."""

    metric: str
    step: int
    mean: float
    low: float
    high: float
    """The lowest and the highest of them."""
    n_runs: int
    """How many got so far."""


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


class ImageRisk(NamedTuple):
    """How often the models of a population betray an image that they were trained on to an attack in a view."""

    population: str
    """Hash of all that its runs share: everything but the seed."""
    dataset: str
    network: str
    capacity: float
    defense: str
    epsilon: float
    evaluation_epsilon: float
    attack: str
    view: str
    threshold_rule: str
    """How the thresholds that keep 1 % FPR were chosen."""
    example: int
    label: int | None
    class_name: str | None
    risk: float
    """The share of the models trained on it in which it is found."""
    n_found: int
    n_models: int
    """Models trained on it."""


class RocPoint(NamedTuple):
    """A point of the curve "member if score >= threshold" of an attack in a view."""

    run_id: str
    attack: str
    """`margin`, or one with references."""
    view: str
    fpr: float
    tpr: float
    threshold: float | None
    """None at (0, 0), where nobody is a member."""


class ScoreBin(NamedTuple):
    """How many examples have a score of an attack in a view between two ends; the same ends for members and others."""

    run_id: str
    attack: str
    """`margin`, or one with references."""
    view: str
    low: float
    high: float
    """The first and the last bin also hold what lies beyond."""
    members: int
    nonmembers: int


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
