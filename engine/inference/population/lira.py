"""LiRA: the likelihood ratio of membership in one view (Carlini et al., IEEE S&P 2022).

An image's log-odds under models that trained on it, and under those that did not, are taken for normal. How far they
spread is one number for all images (`global`) or one for each image (`image`), both published. With few references
these lose most of what there is; then there are a compromise, by which each side is a Student's t (`nig`: a
normal-inverse-gamma prior fitted to all images; BaVarIA, arXiv 2603.11799), and moments that images of one level share
(`level`, see `levels`).
"""

from collections.abc import Callable

import numpy as np

from engine.inference.population import levels
from engine.inference.population.references import References, Side
from engine.inference.population.student import TINY, Student
from engine.spec.experiment import Inference

Sides = tuple[Student, Student]
"""What is expected of a model that trained on each image, and of one that did not."""


def attack(odds: np.ndarray, references: References, settings: Inference) -> np.ndarray:
    """(images,): with the variance of the settings; offline where the references know no members."""
    return (online if references.online else offline)(odds, references, settings.variance)


def online(odds: np.ndarray, references: References, variance: str) -> np.ndarray:
    """(images,): log of the likelihood as a member over that as a non-member; odds (images, 1) are the target's."""
    inside, outside = SPREADS[variance](references)
    return inside.log_density(odds[:, 0]) - outside.log_density(odds[:, 0])


def offline(odds: np.ndarray, references: References, variance: str) -> np.ndarray:
    """(images,): log of the chance that a model that did not train on the image is less sure; odds (images, 1)."""
    return SPREADS[variance](references)[1].log_below(odds[:, 0])


def both_means(references: References) -> tuple[np.ndarray, np.ndarray]:
    """Means (images, views) of both sides; where an image has no reference on one, the other's and the usual gap."""
    inside, outside = references.inside, references.outside
    both = (inside.count > 0) & (outside.count > 0)
    gap = (inside.mean[both] - outside.mean[both]).mean(axis=0) if both.any() else 0.0
    return (
        np.where(inside.count[:, None] > 0, inside.mean, outside.mean + gap),
        np.where(outside.count[:, None] > 0, outside.mean, inside.mean - gap),
    )


def _apart(rule: Callable[[Side, np.ndarray], Student]) -> Callable[[References], Sides]:
    """A rule that looks at each side by itself, from its mean (images,)."""

    def sides(references: References) -> Sides:
        inside, outside = (mean[:, 0] for mean in both_means(references))
        return rule(references.inside, inside), rule(references.outside, outside)

    return sides


def _global(side: Side, mean: np.ndarray) -> Student:
    return Student(mean, np.full(len(mean), pooled(side)))


def _image(side: Side, mean: np.ndarray) -> Student:
    variance = side.scatter[:, 0] / np.maximum(side.count, 1)
    return Student(mean, np.where(side.count > 1, variance, pooled(side)))


def _nig(side: Side, mean: np.ndarray) -> Student:
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
    return Student(own, beta * (kappa + 1) / (alpha * kappa), 2 * alpha)


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


SPREADS: dict[str, Callable[[References], Sides]] = {
    "level": levels.sides,
    "nig": _apart(_nig),
    "global": _apart(_global),
    "image": _apart(_image),
}
"""Rules for the moments of both sides by name."""
