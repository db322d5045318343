"""Membership inference: telling from a model's answer whether an image was in its training set.

Each attack is one file with `audit(scores, settings) -> facts`; members are the training images, non-members the test
images. Nothing here needs torch, so anybody's prediction file can be audited anywhere.
"""

from collections.abc import Callable, Iterator

from engine.inference import confidence, confidence_class
from engine.inference.facts import Fact
from engine.inference.scores import ViewScores
from engine.predictions import Predictions
from engine.spec import Inference

ATTACKS: dict[str, Callable[[ViewScores, Inference], Iterator[Fact]]] = {
    "confidence": confidence.audit,
    "confidence-class": confidence_class.audit,
}


def audit(predictions: Predictions, settings: Inference) -> Iterator[Fact]:
    """Run every attack of the settings on every view of the predictions."""
    for view in predictions.views:
        scores = ViewScores.of(predictions, view)
        for attack in settings.attacks:
            yield from ATTACKS[attack](scores, settings)
