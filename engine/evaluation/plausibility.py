"""How often the answers of a file are right, and whether a trained model could have given them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine import registry
from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference import ranking
from engine.inference.intervals import area_error, wilson_interval
from engine.inference.ranking import Ranking
from engine.run_warnings import RunWarning

SURE = 3.0
"""Standard errors by which an accuracy must lie below another to be called lower: once in 700 files by chance."""
SURER = 4.0
"""Standard errors by which an AUC must lie below one half to be called lower: once in 30 000 files by chance."""


@dataclass(frozen=True)
class RightShare:
    """Right answers of one view of one split, on one class or on all."""

    view: str
    split: str
    class_label: int | None
    correct: int
    n: int
    ci_low: float
    ci_high: float
    """Wilson's 95 % interval of the share."""


def accuracies(predictions: Predictions) -> Iterator[RightShare]:
    """Those of every view and split, each on all classes first, then on every class that the split has."""
    for view, answers in predictions.views.items():
        for split in SPLITS:
            labels = predictions.labels[split]
            correct = answers[split].correct(labels)
            yield _accuracy(view, split, None, int(correct.sum()), len(labels))
            right, there = np.bincount(labels, weights=correct), np.bincount(labels)
            for label in np.flatnonzero(there).tolist():
                yield _accuracy(view, split, label, int(right[label]), int(there[label]))


def warnings(predictions: Predictions) -> Iterator[RunWarning]:
    """One for each view whose train answers are hardly right, or less often right or less sure than those of test."""
    whole = {(own.view, own.split): own for own in accuracies(predictions) if own.class_label is None}
    for view in predictions.views:
        train, test = (whole[view, split] for split in SPLITS)
        said = []
        guess = float(np.bincount(predictions.labels["train"]).max() / train.n)
        if view == registry.BENIGN and guess < 1 and train.ci_low <= guess:
            said.append(
                f"train accuracy {_percent(train)} % is not told apart from a guess ({100 * guess:.1f} %): are the "
                "columns in the order of the labels, and the labels those of these rows?"
            )
        if _lower(train, test):
            said.append(
                f"train accuracy {_percent(train)} % lies below test accuracy {_percent(test)} %: are train and test "
                "swapped?"
            )
        elif view == registry.BENIGN:
            said += _less_sure(predictions, view)
        if said:
            yield RunWarning("accuracy", "; ".join(said), view)


def _accuracy(view: str, split: str, label: int | None, correct: int, n: int) -> RightShare:
    return RightShare(view, split, label, correct, n, *wilson_interval(correct, n))


def _less_sure(predictions: Predictions, view: str) -> Iterator[str]:
    """What is said where members' confidences rank below the others' beyond chance (Mann and Whitney, with ties)."""
    ranked = Ranking.of(*(predictions.views[view][split].confidence(predictions.labels[split]) for split in SPLITS))
    area, error = float(ranking.auc(*ranked.positives())), area_error(ranked)
    if 0.5 - area > SURER * error > 0:
        yield (
            f"others look more like members than members do (AUC {100 * area:.1f} %, {(0.5 - area) / error:.0f} "
            "standard errors below a guess): are train and test swapped?"
        )


def _lower(first: RightShare, second: RightShare) -> bool:
    """Whether a share lies below another beyond chance (two proportions, pooled)."""
    pooled = (first.correct + second.correct) / (first.n + second.n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / first.n + 1 / second.n))
    return second.correct / second.n - first.correct / first.n > SURE * error


def _percent(accuracy: RightShare) -> str:
    return f"{100 * accuracy.correct / accuracy.n:.1f}"
