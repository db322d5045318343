"""What an attacker sees of one view: a score for every member and non-member, with its class."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.predictions import Answers, Predictions, of_class, worst


def modified_entropy(answers: Answers, labels: np.ndarray) -> np.ndarray:
    """float64 (examples,): minus the modified entropy of Song and Mittal (2021); a higher one speaks for membership.

    Mentr = -(1 - p_y) log p_y - sum over the other classes of p_i log(1 - p_i): low for a sure and right answer, high
    for a sure and wrong one.
    """
    logs = answers.log_probabilities()
    true = of_class(logs, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        others = np.exp(logs) * np.log(np.maximum(-np.expm1(logs), np.finfo(float).tiny))
        return worst(-np.expm1(true) * true + others.sum(axis=-1) - of_class(others, labels))


SCORES: dict[str, Callable[[Answers, np.ndarray], np.ndarray]] = {
    "confidence": Answers.confidence,
    "entropy": modified_entropy,
    "margin": Answers.margin,
}
"""Scores by name: of answers and true classes (examples,)."""


@dataclass(frozen=True)
class ViewScores:
    """Scores of one kind for one view."""

    member: np.ndarray
    """(members,): float32 for the confidence, as stored, so a saved file gives the very same numbers; else float64."""
    nonmember: np.ndarray
    """(non-members,)."""
    member_label: np.ndarray
    """int64 (members,): true classes."""
    nonmember_label: np.ndarray
    """int64 (non-members,)."""

    @classmethod
    def of(cls, predictions: Predictions, view: str, score: str) -> "ViewScores":
        """One score of one view."""
        answers, labels = predictions.views[view], predictions.labels
        return cls(
            *(SCORES[score](answers[split], labels[split]) for split in ("train", "test")),
            labels["train"],
            labels["test"],
        )


def by_class(member_label: np.ndarray, nonmember_label: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each class that both sides have, with the rows of its members and non-members; one sort a side."""
    sides = []
    for labels in (member_label, nonmember_label):
        order = np.argsort(labels, kind="stable")
        values, starts = np.unique(labels[order], return_index=True)
        sides.append(dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True)))
    for label in sorted(sides[0].keys() & sides[1].keys()):
        yield label, sides[0][label], sides[1][label]


def fitting_size(n_member: int, n_nonmember: int, per_class: int) -> int:
    """Members, and as many non-members, that a class's attack is fitted on; half of the smaller side at most."""
    return min(per_class, min(n_member, n_nonmember) // 2)
