"""Inference networks, one kind for each class (`model-infer`, section 5.2.5): they read a view's whole answers.

For each class networks are fitted on k members and k non-members and reported on the rest; k is 500, or half of the
smaller side. Their input are the log-probabilities of an example's answer, of the targeted view those of all its
answers in the order of the wrong classes. Numbers are means over seeded splits; an AUC or a TPR at low FPR ranks each
example by what the networks say of it that had not seen it, each example by about as many of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.predictions import SPLITS, Answers, Predictions
from engine.inference import networks, resampling
from engine.inference.facts import About, Repeated, Tested
from engine.inference.networks import Task
from engine.inference.ranking import Ranking
from engine.inference.scores import by_class, fitting_size
from engine.registry import AttackRow
from engine.spec.experiment import Inference

LOWEST = -10.0
"""Log-probabilities are cut off here: outliers would drown the differences that count."""
FEWEST = 2
"""Members and non-members without which a class has no network: one to fit on, one to tell when to stop."""


class _Enough(Exception):  # noqa: N818
    """No more networks are wanted."""


@dataclass(frozen=True, eq=False)
class ClassSplits:
    """One class's examples, members first, and which of them each split fits on."""

    label: int
    features: np.ndarray
    """float32 (examples, features)."""
    member: np.ndarray
    """bool (examples,)."""
    fitted: np.ndarray
    """bool (splits, examples)."""
    judged: np.ndarray
    """bool (splits, examples): whom a split's networks have a say on in a ranking: of those that they had not seen the
    same share of members as of non-members. A mean over more splits varies less, so that the tails of the two kinds,
    and with them the TPR at low FPR, would differ where nothing else does."""


def features(answers: Answers) -> np.ndarray:
    """float32 (examples, features): log-probabilities, of several answers one after another."""
    logs = np.maximum(answers.log_probabilities(), LOWEST)
    return logs.reshape(len(logs), -1).astype(np.float32)


def audit(
    predictions: Predictions,
    view: str,
    settings: Inference,
    generator: np.random.Generator,
    attack: AttackRow,
    go_on: Callable[[int, int], bool] = lambda *_: True,
) -> Iterator[Tested]:
    """Facts per class and for all classes together; a class with under two of a kind to fit on is left out.

    go_on: asked again and again while networks are fitted, with the number of classes done and of all; where it says
    no, the other classes are left out too.
    """
    classes = list(_splits(predictions, view, settings, generator))
    if not classes:
        return
    seed = int(generator.integers(1 << 31))
    repeated, everything = [], []
    for own, odds in _answered(classes, settings, seed, go_on):
        found = repeated_of(own, odds)
        repeated.append(found)
        about, ranked = About(attack.name, view, own.label), _ranked([(own, odds)])
        yield from about.held_out(found)
        yield from about.curve(ranked, resampling.bootstrap(ranked, generator), rule="heldout")
        everything.append((own, odds))
    if not everything:
        return
    about, ranked = About(attack.name, view, None), _ranked(everything)
    yield from about.held_out(sum(repeated[1:], repeated[0]))
    yield from about.curve(ranked, resampling.bootstrap(ranked, generator), rule="heldout")


def _answered(
    classes: Sequence[ClassSplits], settings: Inference, seed: int, go_on: Callable[[int, int], bool]
) -> Iterator[tuple[ClassSplits, np.ndarray]]:
    """Each class with its networks' log-odds (splits, examples); as many classes at once as fill a stack."""
    tasks_at_once = networks.stack_size(classes[0].features.shape[1], settings.restarts)
    together = max(1, tasks_at_once // settings.network_splits)
    for start in range(0, len(classes), together):

        def on_round(done: int = start) -> None:
            if not go_on(done, len(classes)):
                raise _Enough

        some = classes[start : start + together]
        tasks = [
            Task(own.features[fitted], own.member[fitted], (seed, own.label, split))
            for own in some
            for split, fitted in enumerate(own.fitted)
        ]
        try:
            fitted = iter(networks.fit(tasks, settings.restarts, on_round))
        except _Enough:
            return
        for own in some:
            yield own, np.array([next(fitted).log_odds(own.features) for _ in own.fitted])


def _splits(
    predictions: Predictions, view: str, settings: Inference, generator: np.random.Generator
) -> Iterator[ClassSplits]:
    sides = [features(predictions.views[view][split]) for split in SPLITS]
    for label, *rows in by_class(*(predictions.labels[split] for split in SPLITS)):
        k = fitting_size(len(rows[0]), len(rows[1]), settings.per_class)
        if k < FEWEST:
            continue
        orders = [
            generator.permuted(np.broadcast_to(np.arange(len(own)), (settings.network_splits, len(own))), axis=1)
            for own in rows
        ]
        unseen = 1 - k / min(map(len, rows))
        first = [len(own) - round(unseen * len(own)) for own in rows]
        yield ClassSplits(
            label,
            np.concatenate([side[own] for side, own in zip(sides, rows, strict=True)]),
            np.repeat([True, False], [len(own) for own in rows]),
            np.concatenate([order < k for order in orders], axis=1),
            np.concatenate([order >= place for order, place in zip(orders, first, strict=True)], axis=1),
        )


def repeated_of(own: ClassSplits, odds: np.ndarray) -> Repeated:
    """What the networks of each split answer on the rest; log-odds (splits, examples) of 0 and above say "member"."""
    positive = (odds >= 0) & ~own.fitted
    fitted = int((own.fitted[0] & own.member).sum()), int((own.fitted[0] & ~own.member).sum())
    whole = int(own.member.sum()), int((~own.member).sum())
    return Repeated((positive & own.member).sum(axis=1), (positive & ~own.member).sum(axis=1), fitted, whole)


def _ranked(found: Sequence[tuple[ClassSplits, np.ndarray]]) -> Ranking:
    """Examples by their mean log-odds over the splits that judge them; those that none does are left out."""
    member, score = [], []
    for own, odds in found:
        count = own.judged.sum(axis=0)
        member.append(own.member[count > 0])
        score.append((np.where(own.judged, odds, 0.0).sum(axis=0) / np.maximum(count, 1))[count > 0])
    members, scores = np.concatenate(member), np.concatenate(score)
    return Ranking.of(scores[members], scores[~members])
