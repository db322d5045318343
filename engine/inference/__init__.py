"""Membership inference: telling from a model's answer whether an image was in its training set.

Each attack is one file with `audit(predictions, view, settings, generator) -> tested facts`; members are the training
images, non-members the test images.
"""

import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference import gap, model_class, threshold, threshold_class
from engine.inference.facts import Fact, Tested
from engine.inference.many_classes import corrected
from engine.inference.scores import SCORES, fitting_size
from engine.spec.experiment import Inference

ATTACKS: dict[str, Callable[[Predictions, str, Inference, np.random.Generator], Iterator[Tested]]] = {
    **{score: partial(threshold.audit, attack=score, score=score) for score in SCORES},
    **{f"{score}-class": partial(threshold_class.audit, attack=f"{score}-class", score=score) for score in SCORES},
    "model-class": partial(model_class.audit, attack="model-class"),
    "gap": partial(gap.audit, attack="gap"),
}
FITTING = ("model-class",)
"""Attacks that fit networks, which takes long where classes are many."""


def scarcity(predictions: Predictions, settings: Inference) -> str | None:
    """A warning where inference networks see fewer of a class than they are meant to; None where they see enough."""
    counts = [np.bincount(predictions.labels[split], minlength=predictions.num_classes) for split in SPLITS]
    sizes = [fitting_size(*sides, settings.per_class) for sides in zip(*counts, strict=True)]
    if "model-class" not in settings.attacks or min(sizes) >= settings.per_class:
        return None
    return (
        f"inference networks see {min(sizes) or 'no'} members and as many non-members of the smallest class "
        f"instead of {settings.per_class}: they find less than they could"
    )


def audit(
    predictions: Predictions,
    settings: Inference,
    on_attack: Callable[[str, str], None] = lambda *_: None,
    go_on: Callable[[int, int], bool] = lambda *_: True,
) -> Iterator[Fact]:
    """Run every attack of the settings on every view of the predictions.

    Each attack draws from a generator of its own, so that leaving one out changes nothing for the others.
    on_attack: called with attack and view before each; it may raise to stop.
    go_on: asked by an attack that fits networks, with the classes done and all, whether to fit more.
    """
    for view in predictions.views:
        for attack in settings.attacks:
            on_attack(attack, view)
            asking = {"go_on": go_on} if attack in FITTING else {}
            generator = _generator(settings, attack, view)
            yield from corrected(ATTACKS[attack](predictions, view, settings, generator, **asking))
            if attack in SCORES and predictions.robust is not None:
                yield from _groups_apart(predictions, view, settings, attack)


def _groups_apart(predictions: Predictions, view: str, settings: Inference, score: str) -> Iterator[Fact]:
    """`SCORE-robust` and `SCORE-plain`: the members that were trained robustly, and the others, against all others."""
    for group, chosen in (("robust", predictions.robust), ("plain", ~predictions.robust)):
        if chosen.any():
            attack = f"{score}-{group}"
            part, generator = predictions.of_members(chosen), _generator(settings, attack, view)
            yield from corrected(threshold.audit(part, view, settings, generator, attack=attack, score=score))


def _generator(settings: Inference, attack: str, view: str) -> np.random.Generator:
    return np.random.default_rng([settings.seed, zlib.crc32(f"{attack} {view}".encode())])
