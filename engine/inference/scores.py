"""What an attacker sees of one view: a score for every member and non-member, with its class."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.evaluation.predictions import SPLITS, Answers, Predictions, worst
from engine.validation import require


def modified_entropy(answers: Answers, labels: np.ndarray) -> np.ndarray:
    """float64 (examples,): minus the modified entropy of Song and Mittal (2021); a higher one speaks for membership.

    Mentr = -(1 - p_y) log p_y - sum over the other classes of p_i log(1 - p_i): low for a sure and right answer, high
    for a sure and wrong one. From logits sure answers differ up to 1 - p = 1e-154, whose square a float64 just holds.
    """
    logs = answers.log_probabilities()
    top = logs.argmax(axis=-1)[..., None]
    complements = _log_complements(logs, top)
    with np.errstate(divide="ignore"):
        np.put_along_axis(logs, top, np.log1p(-np.exp(np.take_along_axis(complements, top, -1))), axis=-1)
        true = np.arange(logs.shape[-1]) == labels.reshape(-1, *[1] * (logs.ndim - 1))
        weights, insides = np.where(true, np.exp(complements), np.exp(logs)), np.where(true, logs, complements)
    with np.errstate(invalid="ignore"):
        terms = np.where(weights > 0, weights * insides, 0.0)
    return worst(terms.sum(axis=-1))


def _log_complements(logs: np.ndarray, top: np.ndarray) -> np.ndarray:
    """log(1 - p) of log-probabilities (..., classes): the most probable's (top: its index) is what the others hold."""
    others = logs.copy()
    np.put_along_axis(others, top, -np.inf, axis=-1)
    highest = np.maximum(others.max(axis=-1, keepdims=True), np.finfo(float).min)  # all others may be ruled out
    with np.errstate(divide="ignore"):
        found = np.log1p(-np.minimum(np.exp(others), 0.5))
        held = highest + np.log(np.exp(others - highest).sum(axis=-1, keepdims=True))
    np.put_along_axis(found, top, held, axis=-1)
    return found


Score = Callable[[Answers, np.ndarray], np.ndarray]
"""Of answers and true classes: (examples,), higher for members."""


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
    def of(cls, predictions: Predictions, view: str, score: Score) -> "ViewScores":
        """One score of one view; `SpecError` where it is not one number for each example."""
        answers, labels = predictions.views[view], predictions.labels
        scores = [np.asarray(score(answers[split], labels[split])) for split in SPLITS]
        for found, split in zip(scores, SPLITS, strict=True):
            wanted = f"numbers of the shape {labels[split].shape}, none of them NaN"
            require(found.shape == labels[split].shape and found.dtype.kind in "fiub", "score", found.shape, wanted)
            require(found.dtype.kind != "f" or not np.isnan(found).any(), "score", "NaN", wanted)
        return cls(*scores, labels["train"], labels["test"])


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
