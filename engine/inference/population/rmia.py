"""RMIA: by how much surer a model is of an image than others are (Zarifzadeh, Liu and Shokri, ICML 2024).

R(x) = p(x | target) / p(x), p being the probability of the true class. The published score of x is the share of other
images z with R(x) > gamma R(z), which grows with R(x) alone: R ranks as it does (BASE, Lassila et al. 2025).
"""

import numpy as np

from engine.inference import ranking
from engine.inference.population.references import References, probabilities
from engine.inference.ranking import Ranking
from engine.spec.experiment import Inference

TINY = 1e-30
SCALES = np.linspace(0, 1, 11)
"""Values of `a` that are tried."""
UNTUNED = 0.3
"""`a` where no reference can be attacked; the authors' on CIFAR-10."""


def attack(odds: np.ndarray, references: References, _settings: Inference) -> np.ndarray:
    """(images,): it has no settings; offline where the references know no members, with a tuned on one of them."""
    return online(odds, references) if references.online else offline(odds, references, tuned(references))


def online(odds: np.ndarray, references: References) -> np.ndarray:
    """(images,): log R with p(x) the mean over references of both sides, each side counting one half."""
    sides = references.inside, references.outside
    there = np.stack([side.count > 0 for side in sides])
    likelihoods = np.stack([side.likelihood[:, 0] for side in sides])
    return _log_ratio(odds, (likelihoods * there).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def offline(odds: np.ndarray, references: References, scale: float) -> np.ndarray:
    """(images,): log R with p(x) = ((1 + a) p_out(x) + 1 - a) / 2, from references that did not train on the image."""
    return _log_ratio(odds, ((1 + scale) * references.outside.likelihood[:, 0] + 1 - scale) / 2)


def tuned(references: References) -> float:
    """The a by which the others find most of the members of one of the references (AUC)."""
    judge = next(references.judges(), None)
    if judge is None:
        return UNTUNED

    def area(scale: float) -> float:
        scores = offline(judge.odds, judge.references, scale)
        return float(ranking.auc(*Ranking.of(scores[judge.member], scores[~judge.member]).positives()))

    return float(max(SCALES, key=area))


def share(log_ratios: np.ndarray, gamma: float = 2.0) -> np.ndarray:
    """(images,): the share of all images z with R(x) > gamma R(z), the calibrated score."""
    ordered = np.sort(log_ratios)
    return np.searchsorted(ordered, log_ratios - np.log(gamma), side="left") / len(ordered)


def _log_ratio(odds: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities(odds[:, 0]), TINY)) - np.log(np.maximum(likelihood, TINY))
