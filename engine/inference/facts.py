"""One number of an inference attack, and the usual five that every threshold yields."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.inference.intervals import difference_interval, wilson_interval


@dataclass(frozen=True)
class Fact:
    """A number with how it was obtained; the columns of the `leakage` table without the run."""

    attack: str
    view: str
    class_label: int | None
    threshold_rule: str
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n_member: int
    n_nonmember: int


@dataclass(frozen=True)
class Outcome:
    """What one threshold rule did to the examples it is reported on."""

    true_positives: int
    """Members that it called members."""
    false_positives: int
    """Non-members that it called members."""
    n_member: int
    n_nonmember: int

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.n_member + other.n_member,
            self.n_nonmember + other.n_nonmember,
        )

    @property
    def tpr(self) -> float:
        """Share of members called members."""
        return self.true_positives / self.n_member

    @property
    def fpr(self) -> float:
        """Share of non-members called members."""
        return self.false_positives / self.n_nonmember

    @property
    def accuracy(self) -> float:
        """Balanced inference accuracy (Eq 15), 0.5 for a guess."""
        return 0.5 * (self.tpr + 1.0 - self.fpr)


def describe(
    outcome: Outcome, *, attack: str, view: str, class_label: int | None, rule: str, threshold: float | None
) -> Iterator[Fact]:
    """Inference accuracy (Eq 15), advantage (Eq 16), TPR, FPR and the threshold, with 95 % intervals over examples.

    The intervals count the examples' sampling only. An oracle threshold was chosen on these very examples, so its
    interval is around an optimistic number.
    """
    low, high = difference_interval(outcome)
    numbers = [
        ("inference_accuracy", outcome.accuracy, 0.5 + low / 2, 0.5 + high / 2),
        ("advantage", outcome.tpr - outcome.fpr, low, high),
        ("tpr", outcome.tpr, *wilson_interval(outcome.true_positives, outcome.n_member)),
        ("fpr", outcome.fpr, *wilson_interval(outcome.false_positives, outcome.n_nonmember)),
    ]
    if threshold is not None:
        numbers.append(("threshold", threshold, None, None))
    for metric, value, ci_low, ci_high in numbers:
        yield Fact(
            attack, view, class_label, rule, metric, value, ci_low, ci_high, outcome.n_member, outcome.n_nonmember
        )
