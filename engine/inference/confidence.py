"""Confidence threshold, one for all classes: I_B, I_A (and I_V) of the paper, Eq 12 to 15.

Reported with the paper's oracle threshold (chosen and reported on all examples) and held out (chosen on one half of
members and non-members, reported on the other).
"""

from collections.abc import Iterator

import numpy as np

from engine.inference.facts import Fact, describe
from engine.inference.scores import ViewScores
from engine.inference.thresholds import apply_threshold, best_threshold, split_rows
from engine.spec import Inference


def audit(scores: ViewScores, settings: Inference) -> Iterator[Fact]:
    """Facts of the global threshold on one view."""
    threshold, outcome = best_threshold(scores.member, scores.nonmember)
    yield from describe(
        outcome, attack="confidence", view=scores.view, class_label=None, rule="oracle", threshold=threshold
    )
    if min(len(scores.member), len(scores.nonmember)) < 2:
        return
    generator = np.random.default_rng([settings.seed, 0])
    halves = [split_rows(np.arange(len(side)), len(side) // 2, generator) for side in (scores.member, scores.nonmember)]
    (member_fit, member_rest), (nonmember_fit, nonmember_rest) = halves
    threshold, _ = best_threshold(scores.member[member_fit], scores.nonmember[nonmember_fit])
    outcome = apply_threshold(threshold, scores.member[member_rest], scores.nonmember[nonmember_rest])
    yield from describe(
        outcome, attack="confidence", view=scores.view, class_label=None, rule="heldout", threshold=threshold
    )
