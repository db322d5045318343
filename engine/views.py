"""Asking a trained model: its logits on the images as they are and on their adversarial examples."""

from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from engine.attacks import frozen, pgd, tile_size
from engine.datasets import Dataset, Split, pixels
from engine.precision import arithmetic
from engine.predictions import SPLITS, Answers, Predictions
from engine.spec import Evaluation
from engine.training import DivergedError


def benign(model: nn.Module, x: Tensor, _y: Tensor, _evaluation: Evaluation) -> Tensor:
    """Logits (batch, classes) of the images themselves."""
    return model(x)


def adversarial(model: nn.Module, x: Tensor, y: Tensor, evaluation: Evaluation) -> Tensor:
    """Logits (batch, classes) of the untargeted PGD examples (Eq 9), started at the image, last iterate."""
    step_size = evaluation.step_size * evaluation.epsilon
    return model(pgd(model, x, y, epsilon=evaluation.epsilon, step_size=step_size, steps=evaluation.steps))


VIEWS: dict[str, Callable[[nn.Module, Tensor, Tensor, Evaluation], Tensor]] = {
    "benign": benign,
    "adversarial": adversarial,
}


def passes_per_image(view: str, evaluation: Evaluation) -> float:
    """Forward and backward passes that one image costs in a view."""
    return {"benign": 1.0, "adversarial": 2.0 * evaluation.steps + 1.0}[view]


def predict(
    model: nn.Module, data: Dataset, evaluation: Evaluation, on_tile: Callable[[str, int], None] = lambda *_: None
) -> Predictions:
    """Ask the model for every view of every image, in IEEE float32 and inference mode.

    on_tile: called with the view and the number of its images just done; it may raise to stop.
    """
    views = {}
    with frozen(model), arithmetic("float32", data.train.images.device):
        for view in evaluation.views:
            views[view] = {
                split: ask(model, getattr(data, split), view, evaluation, lambda done, view=view: on_tile(view, done))
                for split in SPLITS
            }
    splits = {split: getattr(data, split) for split in SPLITS}
    labels = {name: split.labels.cpu().numpy() for name, split in splits.items()}
    index = {name: split.index.cpu().numpy() for name, split in splits.items()}
    return Predictions(labels, index, views)


def ask(model: nn.Module, split: Split, view: str, evaluation: Evaluation, on_tile: Callable[[int], None]) -> Answers:
    """One view of one split, tile by tile so that activations stay in fast memory."""
    tile = tile_size(model, split.images[0])
    logits = []
    for images, labels in zip(split.images.split(tile), split.labels.split(tile), strict=True):
        answer = VIEWS[view](model, pixels(images), labels, evaluation)
        logits.append(answer.detach().float().cpu().numpy())
        on_tile(len(labels))
    whole = np.concatenate(logits)
    if not np.isfinite(whole).all():
        raise DivergedError(f"diverged: the trained model's {view} answers are not finite")
    return Answers.from_logits(whole)
