"""LiRA: the likelihood ratio of membership (Carlini et al., IEEE S&P 2022), of one view or of all together.

An image's log-odds under models that trained on it, and under those that did not, are taken for normal. How far they
spread is one number for all images (`global`), one for each image (`image`), or, with few references, a compromise: a
normal-inverse-gamma prior fitted to all images, by which each side is a Student's t (`nig`; BaVarIA, arXiv 2603.11799).
"""

from collections.abc import Callable

import numpy as np
from scipy import special, stats

from engine.inference.population.references import References, Side
from engine.spec.experiment import Inference

TINY = 1e-30
"""Least variance: references that all answer alike still have a likelihood."""


def attack(odds: np.ndarray, references: References, settings: Inference) -> np.ndarray:
    """(images,): the online attack with the variance of the settings."""
    return online(odds, references, settings.variance)


def online(odds: np.ndarray, references: References, variance: str) -> np.ndarray:
    """(images,): log of the likelihood as a member over that as a non-member; odds (images, 1) are the target's."""
    inside, outside = both_means(references)
    spread = SPREADS[variance]
    return sum(
        sign * spread(side, mean[:, 0]).log_density(odds[:, 0])
        for sign, side, mean in ((1, references.inside, inside), (-1, references.outside, outside))
    )


def offline(odds: np.ndarray, references: References, variance: str) -> np.ndarray:
    """(images,): log of the chance that a model that did not train on the image is less sure; odds (images, 1)."""
    outside = references.outside
    return SPREADS[variance](outside, outside.mean[:, 0]).log_below(odds[:, 0])


def joint(odds: np.ndarray, references: References) -> np.ndarray:
    """(images,): the same ratio of two normals over all views at once, of one shrunk covariance each; (images, views).

    The covariance is that about each image's own mean, shrunk towards a multiple of the identity by the oracle
    approximating rule (Chen, Wiesel, Eldar and Hero 2010, Eq 23).
    """
    score = np.zeros(len(odds))
    for sign, side, mean in zip((1, -1), (references.inside, references.outside), both_means(references), strict=True):
        covariance = shrunk(side.cross / max(side.freedom, 1), side.freedom)
        # The mean of n references is itself off by a covariance / n.
        factor = np.linalg.cholesky(covariance)
        apart = np.linalg.solve(factor, (odds - mean).T)
        width = 1 + 1 / np.maximum(side.count, 1)
        logs = -0.5 * ((apart**2).sum(axis=0) / width + odds.shape[1] * np.log(width))
        score += sign * (logs - np.log(np.diag(factor)).sum())
    return score


def shrunk(covariance: np.ndarray, samples: int) -> np.ndarray:
    """A covariance (views, views) of so many samples, shrunk towards a multiple of the identity."""
    size = len(covariance)
    scale, square = np.trace(covariance) / size, float((covariance**2).mean())
    above, below = square + scale**2, (samples + 1) * (square - scale**2 / size)
    share = 1.0 if below <= 0 else min(above / below, 1.0)
    return (1 - share) * covariance + (share * scale + TINY) * np.eye(size)


def both_means(references: References) -> tuple[np.ndarray, np.ndarray]:
    """Means (images, views) of both sides; where an image has no reference on one, the other's and the usual gap."""
    inside, outside = references.inside, references.outside
    both = (inside.count > 0) & (outside.count > 0)
    gap = (inside.mean[both] - outside.mean[both]).mean(axis=0) if both.any() else 0.0
    return (
        np.where(inside.count[:, None] > 0, inside.mean, outside.mean + gap),
        np.where(outside.count[:, None] > 0, outside.mean, inside.mean - gap),
    )


class _Student:
    """Student's t of each image; with endless degrees of freedom a normal."""

    def __init__(self, mean: np.ndarray, variance: np.ndarray, freedom: np.ndarray | float):
        self.mean, self.scale, self.freedom = mean, np.sqrt(np.maximum(variance, TINY)), freedom

    def log_density(self, values: np.ndarray) -> np.ndarray:
        z = (values - self.mean) / self.scale
        if np.isscalar(self.freedom):
            return -0.5 * (z**2 + np.log(2 * np.pi)) - np.log(self.scale)
        half = self.freedom / 2
        whole = special.gammaln(half + 0.5) - special.gammaln(half) - 0.5 * np.log(2 * half * np.pi)
        return whole - (half + 0.5) * np.log1p(z**2 / (2 * half)) - np.log(self.scale)

    def log_below(self, values: np.ndarray) -> np.ndarray:
        z = (values - self.mean) / self.scale
        return special.log_ndtr(z) if np.isscalar(self.freedom) else stats.t.logcdf(z, self.freedom)


def _global(side: Side, mean: np.ndarray) -> _Student:
    return _Student(mean, np.full(len(mean), pooled(side)), np.inf)


def _image(side: Side, mean: np.ndarray) -> _Student:
    variance = side.scatter[:, 0] / np.maximum(side.count, 1)
    return _Student(mean, np.where(side.count > 1, variance, pooled(side)), np.inf)


def _nig(side: Side, mean: np.ndarray) -> _Student:
    """The predictive t of a normal-inverse-gamma prior whose four numbers are the moments of all images.

    A prior of the mean that all images share would draw images together that differ; its weight kappa is what the
    variance within images has of that between them.
    """
    count, scatter = side.count, side.scatter[:, 0]
    seen = count > 0
    variance = pooled(side)
    centre = mean[seen].mean() if seen.any() else 0.0
    between = mean[seen].var() - (variance / count[seen]).mean() if seen.any() else 0.0
    kappa0 = variance / between if between > variance * 1e-6 else 1e6
    alpha0 = _shape(count, scatter, variance)
    beta0 = (alpha0 - 1) * variance
    kappa, alpha = kappa0 + count, alpha0 + count / 2
    beta = beta0 + scatter / 2 + kappa0 * count * (mean - centre) ** 2 / (2 * kappa)
    own = np.where(seen, (kappa0 * centre + count * mean) / kappa, mean)
    return _Student(own, beta * (kappa + 1) / (alpha * kappa), 2 * alpha)


def _shape(count: np.ndarray, scatter: np.ndarray, variance: float) -> float:
    """Alpha of the inverse gamma whose variances differ as much as the images' do, beyond what luck gives."""
    known = count > 1
    if not known.any() or variance <= TINY:
        return LARGEST_SHAPE
    freedom = count[known] - 1
    ratio = float(((scatter[known] / freedom / variance) ** 2 / (1 + 2 / freedom)).mean())
    return float(np.clip(2 + 1 / max(ratio - 1, 1e-9), 2, LARGEST_SHAPE))


LARGEST_SHAPE = 1e4
"""Of the inverse gamma: from there on it is one variance for all images."""


def pooled(side: Side) -> float:
    """Variance about each image's own mean, over all images together."""
    return max(float(side.scatter.sum()) / max(side.freedom, 1), TINY)


SPREADS: dict[str, Callable[[Side, np.ndarray], _Student]] = {"global": _global, "image": _image, "nig": _nig}
"""Rules for the variance by name."""
