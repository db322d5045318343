"""What must hold whatever the model: nothing an attack finds lies below a certified bound."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from engine import registry
from engine.evaluation.predictions import SPLITS, Answers, Predictions, of_class
from engine.validation import SpecError

ROUNDING = 1e-4
"""Part of the largest logit by which float32 arithmetic may miss a bound."""


class UnsoundError(SpecError):
    """A bound that an answer breaks; the message names the image."""


def check(predictions: Predictions) -> list[str]:
    """Lines on what is odd though possible; `UnsoundError` for an answer below a certified bound.

    Certified against benign, adversarial and targeted answers, class by class. PGD may end with a confidence above the
    one it started from: such images are counted.
    """
    for split in SPLITS:
        _certified(split, predictions.views, predictions.labels[split])
    if "adversarial" not in predictions.views:
        return []
    return [line for split in SPLITS for line in _raised(split, predictions.views, predictions.labels[split])]


def _certified(split: str, views: Mapping[str, Mapping[str, Answers]], labels: np.ndarray) -> None:
    bounds = [view for view in views if registry.VIEWS[view].bounds and views[view][split].logits is not None]
    for bounding, view in itertools.product(bounds, views):
        bound, answers = views[bounding][split], views[view][split]
        if view in bounds or answers.logits is None:
            continue
        rooms = _wrong_over_true(bound.logits, labels).reshape(len(labels), *[1] * (answers.logits.ndim - 2), -1)
        over = _wrong_over_true(answers.logits, labels) - rooms - ROUNDING * (1 + np.abs(answers.logits).max())
        if (over > 0).any():
            row = int(np.unravel_index(over.argmax(), over.shape)[0])
            raise UnsoundError(
                f"unsound: the {view} answer to {split} image {row} breaks its certified bound by {over.max():.3g}"
            )
        certain, right = bound.correct(labels).sum(), answers.correct(labels).sum()
        if certain > right:
            raise UnsoundError(f"unsound: {certain} {split} images are certified, only {right} are right ({view})")


def _wrong_over_true(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64: how much each class's logit lies above the true one's."""
    return logits.astype(np.float64) - of_class(logits, labels)[..., None]


def _raised(split: str, views: Mapping[str, Mapping[str, Answers]], labels: np.ndarray) -> Iterator[str]:
    benign, adversarial = views[registry.BENIGN][split], views["adversarial"][split]
    count = int((adversarial.margin(labels) > benign.margin(labels)).sum())
    if count:
        yield f"PGD left {count} of {len(labels)} {split} images with more confidence than it found"
    gained = int(adversarial.correct(labels).sum()) - int(benign.correct(labels).sum())
    if gained > 0:
        yield f"PGD left {gained} more {split} images right than it found"
