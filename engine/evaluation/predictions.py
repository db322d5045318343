"""A model's answers to every training and test image in each view, as arrays and as a file others can read.

The file is an npz whose keys extend the paper's: `output_{train,test}_{view}` (softmax, float32), `train_label`,
`test_label`; besides, `logits_{train,test}_{view}` (float32), `{train,test}_index`, the rows in the data set,
`class_names` (text) by class number, `train_robust` (bool) where a robust defense trained on a part of the images
only, and `warnings` (text (warnings, 3): topic, view or nothing, message).
Of the targeted view, which is large, only the logits are written. `engine.evaluation.prediction_files` reads it, and
strangers'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import registry
from engine.ownfiles import replacing
from engine.run_warnings import RunWarning
from engine.text import printable

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Answers:
    """One view of one split.

    The targeted view has an answer for each wrong class: its arrays are (examples, classes - 1, classes), and what is
    said of an example is the worst of its answers: the lowest confidence and margin; correct only if all are.
    """

    probabilities: np.ndarray
    """float32 (examples, classes): softmax."""
    logits: np.ndarray | None
    """float32 (examples, classes), or None in files that hold only the softmax."""

    @classmethod
    def from_logits(cls, logits: np.ndarray) -> "Answers":
        """Answers whose softmax is taken in float64 before it is rounded."""
        return cls(np.exp(log_softmax(logits)).astype(np.float32), logits)

    def rows(self, chosen: np.ndarray) -> "Answers":
        """The chosen examples' answers alone."""
        return Answers(self.probabilities[chosen], None if self.logits is None else self.logits[chosen])

    def log_probabilities(self) -> np.ndarray:
        """float64, of the answers' shape; minus infinity where a file's softmax is 0."""
        if self.logits is not None:
            return log_softmax(self.logits)
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities.astype(np.float64))

    def confidence(self, labels: np.ndarray) -> np.ndarray:
        """float32 (examples,): probability of the true class."""
        return worst(of_class(self.probabilities, labels))

    def correct(self, labels: np.ndarray) -> np.ndarray:
        """Bool (examples,): the true class is the most probable."""
        guesses = (self.probabilities if self.logits is None else self.logits).argmax(axis=-1)
        return worst(labels == guesses.T, axis=0)

    def margin(self, labels: np.ndarray) -> np.ndarray:
        """float64 (examples,): log-odds of the true class, log p - log(1 - p).

        From logits it is z_y - logsumexp of the others and never saturates; from a softmax alone it is infinite where
        the float32 confidence is 1 (or 0).
        """
        if self.logits is None:
            true = np.minimum(of_class(self.probabilities, labels), 1.0).astype(np.float64)  # files hold 1.0000001
            with np.errstate(divide="ignore"):
                return worst(np.log(true) - np.log1p(-true))
        true, others = of_class(self.logits, labels).astype(np.float64), self.logits.astype(np.float64)
        np.put_along_axis(others, _places(others, labels), -np.inf, axis=-1)
        top = np.maximum(others.max(axis=-1, keepdims=True), np.finfo(float).min)  # all others may be ruled out
        with np.errstate(divide="ignore"):
            return worst(true - (top[..., 0] + np.log(np.exp(others - top).sum(axis=-1))))


def are_probabilities(values: np.ndarray, tolerance: float) -> bool:
    """Whether all answers (..., classes) lie in [0, 1] and sum to one within the tolerance, as logits never do.

    Logarithms of probabilities are none: as logits they are as good as any.
    """
    if not np.isfinite(values).all() or values.min() < -tolerance or values.max() > 1 + tolerance:
        return False
    return bool((np.abs(values.sum(axis=-1, dtype=np.float64) - 1) <= tolerance).all())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """float64, over the last axis."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))


def of_class(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(examples,) or (examples, targets): what (..., classes) says of each example's class."""
    return np.take_along_axis(values, _places(values, labels), axis=-1)[..., 0]


def worst(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """(examples,): the lowest over an example's targets, where it has several."""
    return values.min(axis=axis) if values.ndim > 1 else values


def _places(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels (examples,) as indices of the last axis of values (examples, [targets,] classes)."""
    return np.broadcast_to(labels.reshape(-1, *[1] * (values.ndim - 1)), (*values.shape[:-1], 1))


@dataclass(frozen=True)
class Predictions:
    """All views of one model: `views[view][split]` with the labels and rows of both splits."""

    labels: Mapping[str, np.ndarray]
    """Split -> int64 (examples,)."""
    index: Mapping[str, np.ndarray]
    """Split -> int32 (examples,): rows in the data set as loaded."""
    views: Mapping[str, Mapping[str, Answers]]
    robust: np.ndarray | None = None
    """bool (training examples,): which of them a robust defense trained on; None where all were trained alike."""
    class_names: Sequence[str] = ()
    """By class number; empty where they are not known. What cannot be printed becomes `�`: a folder's name may have any
    bytes, and a stranger's file may hold a terminal's commands."""
    warnings: Sequence[RunWarning] = ()
    """What to know before believing them."""

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(map(printable, self.class_names)))

    @property
    def num_classes(self) -> int:
        """Classes the model tells apart."""
        return next(iter(self.views.values()))["train"].probabilities.shape[-1]

    def of_members(self, chosen: np.ndarray) -> "Predictions":
        """The same with the chosen training examples (bool) alone, and all test examples."""
        labels, index = ({**both, "train": both["train"][chosen]} for both in (self.labels, self.index))
        views = {view: {**splits, "train": splits["train"].rows(chosen)} for view, splits in self.views.items()}
        return Predictions(labels, index, views, class_names=self.class_names)


def save(path: Path, predictions: Predictions) -> None:
    """Write the npz under a temporary name and rename it."""
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        arrays[f"{split}_label"] = predictions.labels[split]
        arrays[f"{split}_index"] = predictions.index[split]
        for view, answers in predictions.views.items():
            if not registry.VIEWS[view].of_each_wrong_class:
                arrays[f"output_{split}_{view}"] = answers[split].probabilities
            if answers[split].logits is not None:
                arrays[f"logits_{split}_{view}"] = answers[split].logits
    if predictions.robust is not None:
        arrays["train_robust"] = predictions.robust
    if predictions.class_names:
        arrays["class_names"] = np.array(predictions.class_names, str)
    if predictions.warnings:
        rows = [(each.topic, each.view or "", each.message) for each in predictions.warnings]
        arrays["warnings"] = np.array(rows, str)
    with replacing(path) as stream:
        np.savez(stream, **arrays)
