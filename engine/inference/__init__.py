"""Membership inference: telling from a model's answer whether an image was in its training set.

Each attack is one row of `engine.registry` with its `audit(predictions, view, settings, generator, row)`, which gives
tested facts; members are the training images, non-members the test images.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.evaluation.predictions import SPLITS, Predictions
from engine.events import Fact, ImageScores
from engine.inference.many_classes import corrected
from engine.inference.population.references import Population
from engine.inference.scores import fitting_size
from engine.registry import ATTACKS, AttackRow
from engine.spec.experiment import Inference


def scarcity(predictions: Predictions, settings: Inference) -> str | None:
    """A warning where inference networks see fewer of a class than they are meant to; None where they see enough."""
    counts = [np.bincount(predictions.labels[split], minlength=predictions.num_classes) for split in SPLITS]
    sizes = [fitting_size(*sides, settings.per_class) for sides in zip(*counts, strict=True)]
    if not any(ATTACKS[attack].slow for attack in settings.attacks) or min(sizes) >= settings.per_class:
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
            row = ATTACKS[attack]
            yield from _audit(predictions, view, settings, row, **({"go_on": go_on} if row.slow else {}))
            if row.score and not row.by_class and predictions.robust is not None:
                yield from _groups_apart(predictions, view, settings, row)


def audit_in(
    population: Population,
    settings: Inference,
    on_attack: Callable[[str, str], None] = lambda *_: None,
    views: Sequence[str] | None = None,
) -> Iterator[Fact | ImageScores]:
    """Run every attack of the settings on the first model of a population, in every view or those named.

    The scores of images stand behind their facts.
    """
    for view in population.views if views is None else views:
        for attack in settings.attacks:
            on_attack(attack, view)
            row = ATTACKS[attack]
            found = list(row.load()(population, view, settings, _generator(settings, row.name, view), row))
            yield from corrected(fact for fact in found if isinstance(fact, Fact))
            yield from (scores for scores in found if isinstance(scores, ImageScores))


def _groups_apart(predictions: Predictions, view: str, settings: Inference, attack: AttackRow) -> Iterator[Fact]:
    """`SCORE-robust` and `SCORE-plain`: the members that were trained robustly, and the others, against all others."""
    for group, chosen in (("robust", predictions.robust), ("plain", ~predictions.robust)):
        if chosen.any():
            own = replace(attack, name=f"{attack.name}-{group}")
            yield from _audit(predictions.of_members(chosen), view, settings, own)


def _audit(
    predictions: Predictions, view: str, settings: Inference, attack: AttackRow, **asking: Callable[[int, int], bool]
) -> Iterator[Fact]:
    generator = _generator(settings, attack.name, view)
    return corrected(attack.load()(predictions, view, settings, generator, attack, **asking))


def _generator(settings: Inference, attack: str, view: str) -> np.random.Generator:
    return np.random.default_rng([settings.seed, zlib.crc32(f"{attack} {view}".encode())])
