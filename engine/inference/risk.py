"""Privacy risk score: how probable an example is a member, given its score (Song and Mittal 2021, section 5).

Posterior r = p(s | member) / (p(s | member) + p(s | non-member)) with equal priors and s the modified entropy, the two
densities being histograms of the class, or of all classes where a class is small. Nobody is counted in the histogram
that speaks of him: the examples are dealt into five parts, and each part is judged by the other four.
"""

import numpy as np

from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference.scores import ViewScores, by_class, modified_entropy

PARTS = 5
BIN = 40
"""Examples of the smaller side that a bin of a histogram holds on average; fewer than two bins would say nothing."""
MOST = 10
"""Bins of either side at most; with more, many examples would not make the posterior any surer."""
SEED = 0


def risks(predictions: Predictions, view: str) -> dict[str, np.ndarray]:
    """Split -> float32 (examples,), above one half where membership is the likelier."""
    scores = ViewScores.of(predictions, view, modified_entropy)
    everybody = _posteriors(scores.member, scores.nonmember)
    for _, *rows in by_class(scores.member_label, scores.nonmember_label):
        if min(map(len, rows)) * (PARTS - 1) >= 2 * BIN * PARTS:  # the other parts alone must fill two bins
            own = _posteriors(scores.member[rows[0]], scores.nonmember[rows[1]])
            for whole, place, values in zip(everybody, rows, own, strict=True):
                whole[place] = values
    return dict(zip(SPLITS, everybody, strict=True))


def _posteriors(member: np.ndarray, nonmember: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    sides = (member, nonmember)
    found = tuple(np.full(len(side), 0.5, np.float32) for side in sides)
    parts = [generator.permutation(len(side)) % PARTS for side in sides]
    for part in range(PARTS):
        others = [side[own != part] for side, own in zip(sides, parts, strict=True)]
        if min(map(len, others)) == 0:
            continue
        edges = _edges(*others)
        chances = [_chances(side, edges) for side in others]
        posterior = chances[0] / (chances[0] + chances[1])
        for side, own, filled in zip(sides, parts, found, strict=True):
            filled[own == part] = posterior[np.searchsorted(edges, side[own == part], side="right")]
    return found


def _edges(member: np.ndarray, nonmember: np.ndarray) -> np.ndarray:
    """Inner edges of bins: quantiles of both sides together, each side counting one half."""
    bins = max(1, min(len(member), len(nonmember), MOST * BIN) // BIN)
    scores, sizes = np.concatenate([member, nonmember]), np.array([len(member), len(nonmember)])
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(np.repeat(0.5 / sizes, sizes)[order])
    return np.unique(scores[order][np.searchsorted(reached, np.arange(1, bins) / bins)])


def _chances(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the scores in each bin (bins,), one more example taken to lie spread over all bins."""
    counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return (counts + 1 / len(counts)) / (len(scores) + 1)
