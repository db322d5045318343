"""Confidence thresholds, one per class (section 5.2.5 of the paper, protocol A).

Held out: each class's threshold is chosen on k of its members and k of its non-members and reported on the rest; k is
500, or half of the smaller side. Oracle: chosen and reported on all of the class. The row without a class adds up the
classes' counts.
"""

from collections.abc import Iterator

import numpy as np

from engine.inference.facts import Fact, Outcome, describe
from engine.inference.scores import ViewScores
from engine.inference.thresholds import apply_threshold, best_threshold, split_rows
from engine.spec import Inference


def audit(scores: ViewScores, settings: Inference) -> Iterator[Fact]:
    """Facts per class and for all classes together; a class with no example on one side is left out."""
    outcomes: dict[str, list[Outcome]] = {"oracle": [], "heldout": []}
    for label, members, nonmembers in _by_class(scores):
        found = {"oracle": best_threshold(scores.member[members], scores.nonmember[nonmembers])}
        k = min(settings.per_class, min(len(members), len(nonmembers)) // 2)
        if k:
            found["heldout"] = _held_out(scores, members, nonmembers, k, [settings.seed, 1, label])
        for rule, (threshold, outcome) in found.items():
            outcomes[rule].append(outcome)
            yield from describe(
                outcome,
                attack="confidence-class",
                view=scores.view,
                class_label=label,
                rule=rule,
                threshold=threshold,
            )
    for rule, parts in outcomes.items():
        if parts:
            pooled = sum(parts[1:], parts[0])
            yield from describe(
                pooled, attack="confidence-class", view=scores.view, class_label=None, rule=rule, threshold=None
            )


def _held_out(
    scores: ViewScores, members: np.ndarray, nonmembers: np.ndarray, k: int, seed: list[int]
) -> tuple[float, Outcome]:
    generator = np.random.default_rng(seed)
    member_fit, member_rest = split_rows(members, k, generator)
    nonmember_fit, nonmember_rest = split_rows(nonmembers, k, generator)
    threshold, _ = best_threshold(scores.member[member_fit], scores.nonmember[nonmember_fit])
    return threshold, apply_threshold(threshold, scores.member[member_rest], scores.nonmember[nonmember_rest])


def _by_class(scores: ViewScores) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each class that both sides have, with the rows of its members and non-members; one sort a side."""
    sides = []
    for labels in (scores.member_label, scores.nonmember_label):
        order = np.argsort(labels, kind="stable")
        values, starts = np.unique(labels[order], return_index=True)
        sides.append(dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True)))
    for label in sorted(sides[0].keys() & sides[1].keys()):
        yield label, sides[0][label], sides[1][label]
