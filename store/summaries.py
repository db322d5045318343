"""What the store answers over the seeds of one setting, beside what the paper prints of it. No duckdb, no torch."""

from collections.abc import Mapping
from typing import NamedTuple

from store.rows import SPLITS, ViewKey

FEWEST_SEEDS = 3
"""Seeds from which an interval over them counts: with two, Student's factor of 12.7 lets anything be inside."""


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
    metric: str
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


class SeedsFact(NamedTuple):
    """One fact of leakage of a setting on all classes, with the value of each seed."""

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
    threshold_rule: str
    metric: str
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
    steps: int | None
    """Updates trained for."""
    by_seed: Mapping[int, float]
    accuracies: Mapping[ViewKey, float]
    """On both splits in the plain views, means over the seeds."""
    size: str | None
    setting: str | None
    settings: str
    warnings: tuple[str, ...]


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
    metric: str
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


class ClassRisk(NamedTuple):
    """How well an attack with references tells the members of a class, in the mean over a population's models."""

    population: str
    dataset: str
    network: str
    capacity: float
    defense: str
    epsilon: float
    evaluation_epsilon: float
    attack: str
    view: str
    threshold_rule: str
    """How the thresholds that keep 1 % FPR, of all classes together, were chosen."""
    class_label: int | None
    """None: all classes."""
    class_name: str | None
    tpr: float
    """The share of the class's members that are called so."""
    fpr: float
    """The share of its others that are called members by the same thresholds."""
    std: float | None
    """Of the difference of the two from model to model; None of one model."""
    n_models: int
    n_member: int
    """Of the model that has fewest; so the next."""
    n_nonmember: int


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


def collapsed(accuracies: Mapping[ViewKey, float]) -> bool:
    """Whether a model gives one class to every image, by its accuracies: most are wrong, and no attack changes any."""
    benign, attacked = ([accuracies.get((view, split)) for split in SPLITS] for view in ("benign", "adversarial"))
    return benign == attacked and benign[0] is not None and benign[0] < 0.5


def in_most_seeds(n_leaking: int | None, n_seeds: int) -> bool | None:
    """Whether something is told apart from a guess in more than half of the seeds; None where that means nothing."""
    return None if n_leaking is None else 2 * n_leaking > n_seeds
