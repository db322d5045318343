"""The correctness rule: answer "member" where the model is right. It chooses nothing, so nothing flatters it.

Its accuracy is one half plus half the gap between training and test accuracy, and a threshold can lose to it (G4).
"""

from collections.abc import Iterator

import numpy as np

from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference.facts import About, Outcome, Tested
from engine.inference.scores import by_class
from engine.registry import AttackRow
from engine.spec.experiment import Inference


def audit(
    predictions: Predictions, view: str, _settings: Inference, _generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested]:
    """Facts per class and for all examples."""
    labels = [predictions.labels[split] for split in SPLITS]
    member, nonmember = (predictions.views[view][split].correct(predictions.labels[split]) for split in SPLITS)
    for label, members, nonmembers in by_class(*labels):
        yield from About(attack.name, view, label).fixed(_outcome(member[members], nonmember[nonmembers]))
    yield from About(attack.name, view, None).fixed(_outcome(member, nonmember))


def _outcome(member: np.ndarray, nonmember: np.ndarray) -> Outcome:
    return Outcome(int(member.sum()), int(nonmember.sum()), len(member), len(nonmember))
