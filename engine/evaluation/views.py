"""Asking a trained model: its logits on the images as they are and on their adversarial examples.

All logits are divided by the evaluation's temperature once they are there: attacks and bounds see the model as it is.
A view asks one question of each image, the targeted one a question for each wrong class. Questions are answered in
tiles, so memory is bounded by the tile, whatever the number of images and of classes.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from engine import bounds, registry
from engine.data.datasets import Dataset, Split, pixels
from engine.evaluation import self_checks
from engine.evaluation.attack import Climbed, Tally, attack
from engine.evaluation.pgd import frozen, tile_size
from engine.evaluation.predictions import SPLITS, Answers, Predictions
from engine.models import memory
from engine.models.layout import as_kernels
from engine.models.precision import arithmetic
from engine.spec.experiment import Evaluation
from engine.training.loop import DivergedError


@dataclass(frozen=True, eq=False)
class Questions:
    """A tile's images (batch, channels, height, width), their true classes and the wrong ones asked about (batch,)."""

    x: Tensor
    y: Tensor
    target: Tensor

    @classmethod
    def of(cls, split: Split, numbers: Tensor, each: int) -> "Questions":
        """Questions by their numbers; each image has `each` of them, one for every wrong class."""
        image, wrong = numbers // each, numbers % each
        y = split.labels[image]
        return cls(pixels(split.images[image]), y, wrong + (wrong >= y))  # the true class is skipped


def benign(model: nn.Module, x: Tensor, _y: Tensor, _target: Tensor, _evaluation: Evaluation, _tally: Tally) -> Tensor:
    """Logits (batch, classes) of the images themselves."""
    return model(x)


def adversarial(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    _target: Tensor,
    evaluation: Evaluation,
    tally: Tally,
    climbed: Climbed | None = None,
) -> Tensor:
    """Logits (batch, classes) of the untargeted PGD examples (Eq 9), started at the image, last iterate."""
    _, logits, own = attack(model, x, y, evaluation, found=climbed)
    tally.add(own)
    return logits


def targeted(
    model: nn.Module,
    x: Tensor,
    _y: Tensor,
    target: Tensor,
    evaluation: Evaluation,
    tally: Tally,
    climbed: Climbed | None = None,
) -> Tensor:
    """Logits (batch, classes) of the PGD examples towards one wrong class each (Eq 19), as many and as large steps."""
    _, logits, own = attack(model, x, target, evaluation, targeted=True, found=climbed)
    tally.add(own)
    return logits


def certified(model: nn.Module, x: Tensor, y: Tensor, _target: Tensor, evaluation: Evaluation, _tally: Tally) -> Tensor:
    """Worst-case logits (batch, classes) that the certified margins of a whole box allow: 0 for the true class."""
    low, high = bounds.box(x, evaluation.epsilon)
    return bounds.worst_logits(bounds.margins(model, low, high, y, evaluation.certification), y)


def predict(
    model: nn.Module, data: Dataset, evaluation: Evaluation, on_tile: Callable[[str, int], None] = lambda *_: None
) -> Predictions:
    """Ask the model for every view of every image, in IEEE float32 and inference mode.

    on_tile: called with the view and the number of its images just done; it may raise to stop.
    """
    views: dict[str, dict[str, Answers]] = {}
    tallies = {view: {split: Tally() for split in SPLITS} for view in evaluation.views}
    with frozen(model), arithmetic("float32", data.train.images.device):
        for view in evaluation.views:
            told = partial(on_tile, view)
            views[view] = {
                name: ask(model, getattr(data, name), view, evaluation, data.num_classes, told, tallies[view][name])
                for name in SPLITS
            }
        return predictions_of(model, data, views, tallies)


def predictions_of(
    model: nn.Module,
    data: Dataset,
    views: Mapping[str, Mapping[str, Answers]],
    tallies: Mapping[str, Mapping[str, Tally]],
) -> Predictions:
    """All answers of a model with the images' labels and places, and what to know before believing them."""
    splits = {split: getattr(data, split) for split in SPLITS}
    labels = {name: split.labels.cpu().numpy() for name, split in splits.items()}
    index = {name: split.index.cpu().numpy() for name, split in splits.items()}
    answers = Predictions(labels, index, views, class_names=data.class_names)
    of_output = self_checks.of_output(model, splits)
    return replace(answers, warnings=(*data.warnings, *of_output, *self_checks.of_attacks(answers, tallies)))


def ask(
    model: nn.Module,
    split: Split,
    view: str,
    evaluation: Evaluation,
    num_classes: int,
    on_tile: Callable[[int], None] = lambda _: None,
    tally: Tally | None = None,
) -> Answers:
    """One view of one split, tile by tile so that activations stay in fast memory.

    The targeted view's answers have the shape (examples, classes - 1, classes): wrong classes in their order.
    tally: counts how the attack went.
    """
    asking = answering(model, split, view, evaluation, num_classes, on_tile, tally)
    try:
        next(asking)
        while True:
            asking.send(None)
    except StopIteration as end:
        return end.value


def answering(
    model: nn.Module,
    split: Split,
    view: str,
    evaluation: Evaluation,
    num_classes: int,
    on_tile: Callable[[int], None] = lambda _: None,
    tally: Tally | None = None,
    together: int = 1,
) -> Generator[Questions, Climbed | None, Answers]:
    """`ask`, pausing before each tile: yields its questions and takes where their PGD ends, or None if it is to climb.

    together: models that are asked at the same time, whose tiles share the memory.
    """
    row = registry.VIEWS[view]
    each = row.questions(num_classes)
    tile = max(1, _tile_size(model, split.images[0], view, evaluation, num_classes) // together)
    logits, start, end = [], 0, each * len(split.labels)
    while start < end:
        questions = Questions.of(split, torch.arange(start, min(start + tile, end), device=split.images.device), each)
        climbed = yield questions
        own = Tally()
        try:
            more = {} if climbed is None else {"climbed": climbed}
            x = as_kernels(model, questions.x)
            found = row.load()(model, x, questions.y, questions.target, evaluation, own, **more)
            logits.append(found.detach().float().cpu().numpy())
        except (RuntimeError, MemoryError) as error:
            if tile == 1 or not memory.is_short(error):
                raise
            tile = max(1, tile // 2)
            continue
        if tally is not None:
            tally.add(own)
        start += len(questions.y)
        on_tile(start // each - (start - len(questions.y)) // each)
    whole = np.concatenate(logits)
    if not np.isfinite(whole).all():
        raise DivergedError(f"diverged: the trained model's {view} answers are not finite")
    whole /= np.float32(evaluation.temperature)
    return Answers.from_logits(whole.reshape(-1, each, num_classes) if row.of_each_wrong_class else whole)


def _tile_size(model: nn.Module, image: Tensor, view: str, evaluation: Evaluation, num_classes: int) -> int:
    """Questions that a view asks at once."""
    if registry.VIEWS[view].bounds:
        return bounds.tile_size(model, image, num_classes, evaluation.certification)
    return tile_size(model, image)
