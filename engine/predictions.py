"""A model's answers to every training and test image in each view, as arrays and as a file others can read.

The file is an npz whose keys extend the paper's: `output_{train,test}_{view}` (softmax, float32), `train_label`,
`test_label`; besides, `logits_{train,test}_{view}` (float32) and `{train,test}_index`, the rows in the data set.
"""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.validation import SpecError

SPLITS = ("train", "test")
ALL_VIEWS = ("benign", "adversarial", "targeted", "certified")


class PredictionsError(SpecError):
    """A predictions file that cannot be used; one line saying what is wrong where."""


@dataclass(frozen=True)
class Answers:
    """One view of one split."""

    probabilities: np.ndarray
    """float32 (examples, classes): softmax."""
    logits: np.ndarray | None
    """float32 (examples, classes), or None in files that hold only the softmax."""

    @classmethod
    def from_logits(cls, logits: np.ndarray) -> "Answers":
        """Answers whose softmax is taken in float64 before it is rounded."""
        wide = logits.astype(np.float64)
        wide -= wide.max(axis=1, keepdims=True)
        powers = np.exp(wide)
        return cls((powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), logits)

    def confidence(self, labels: np.ndarray) -> np.ndarray:
        """float32 (examples,): probability of the true class."""
        return self.probabilities[np.arange(len(labels)), labels]

    def correct(self, labels: np.ndarray) -> np.ndarray:
        """Bool (examples,): the true class is the most probable."""
        return (self.probabilities if self.logits is None else self.logits).argmax(axis=1) == labels

    def margin(self, labels: np.ndarray) -> np.ndarray:
        """float64 (examples,): log-odds of the true class, log p - log(1 - p).

        From logits it is z_y - logsumexp of the others and never saturates; from a softmax alone it is infinite where
        the float32 confidence is 1 (or 0).
        """
        rows = np.arange(len(labels))
        if self.logits is None:
            true = self.confidence(labels).astype(np.float64)
            with np.errstate(divide="ignore"):
                return np.log(true) - np.log1p(-true)
        wide = self.logits.astype(np.float64)
        true = wide[rows, labels].copy()
        wide[rows, labels] = -np.inf
        top = wide.max(axis=1, keepdims=True)
        return true - (top[:, 0] + np.log(np.exp(wide - top).sum(axis=1)))


@dataclass(frozen=True)
class Predictions:
    """All views of one model: `views[view][split]` with the labels and rows of both splits."""

    labels: Mapping[str, np.ndarray]
    """Split -> int64 (examples,)."""
    index: Mapping[str, np.ndarray]
    """Split -> int32 (examples,): rows in the data set as loaded."""
    views: Mapping[str, Mapping[str, Answers]]

    @property
    def num_classes(self) -> int:
        """Classes the model tells apart."""
        return next(iter(self.views.values()))["train"].probabilities.shape[1]


def save(path: Path, predictions: Predictions) -> None:
    """Write the npz under a temporary name and rename it."""
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        arrays[f"{split}_label"] = predictions.labels[split]
        arrays[f"{split}_index"] = predictions.index[split]
        for view, answers in predictions.views.items():
            arrays[f"output_{split}_{view}"] = answers[split].probabilities
            if answers[split].logits is not None:
                arrays[f"logits_{split}_{view}"] = answers[split].logits
    temporary = path.with_name(f"{path.name}.partial")
    with open(temporary, "wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def load(path: Path) -> Predictions:
    """Read our own npz or one of the paper's; `PredictionsError` names the key and row of the first fault."""
    arrays = _read_arrays(path)
    labels, index = {}, {}
    for split in SPLITS:
        labels[split] = _labels(path, arrays, split)
        index[split] = arrays.get(f"{split}_index", np.arange(len(labels[split]), dtype=np.int32))
        if index[split].shape != labels[split].shape or not np.issubdtype(index[split].dtype, np.integer):
            raise PredictionsError(f"{path}: {split}_index must be one whole number for each {split}_label")
    views = {}
    for view in ALL_VIEWS:
        present = [split for split in SPLITS if f"output_{split}_{view}" in arrays]
        if len(present) == 1:
            raise PredictionsError(f"{path}: holds output_{present[0]}_{view} but not the other split's")
        if present:
            views[view] = {split: _answers(path, arrays, split, view, labels[split]) for split in SPLITS}
    if not views:
        raise PredictionsError(f"{path}: holds no output_train_VIEW and output_test_VIEW, VIEW one of {ALL_VIEWS}")
    widths = {f"{split} {view}": views[view][split].probabilities.shape[1] for view in views for split in SPLITS}
    if len(set(widths.values())) > 1:
        raise PredictionsError(f"{path}: the views differ in their number of classes: {widths}")
    return Predictions(labels, index, views)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise PredictionsError(f"{path}: holds one array; an npz of several named ones is needed")
        with archive:
            return {name: archive[name] for name in archive.files}
    except PredictionsError:
        raise
    except OSError as error:
        raise PredictionsError(f"{path}: {error.strerror or 'not a readable npz file'}") from None
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError, AttributeError, zipfile.LargeZipFile) as error:
        raise PredictionsError(f"{path}: not a readable npz file ({str(error).splitlines()[0]})") from None


def _labels(path: Path, arrays: Mapping[str, np.ndarray], split: str) -> np.ndarray:
    key = f"{split}_label"
    if key not in arrays:
        raise PredictionsError(f"{path}: holds no {key}")
    labels = arrays[key]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or len(labels) == 0:
        raise PredictionsError(f"{path}: {key} must be a list of whole numbers, is {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)


def _answers(path: Path, arrays: Mapping[str, np.ndarray], split: str, view: str, labels: np.ndarray) -> Answers:
    key = f"output_{split}_{view}"
    values = arrays[key]
    if values.ndim != 2 or values.shape[1] < 2 or not np.issubdtype(values.dtype, np.floating):
        raise PredictionsError(f"{path}: {key} must be floats (examples, classes), is {values.dtype} {values.shape}")
    if len(values) != len(labels):
        raise PredictionsError(f"{path}: {key} has {len(values)} rows, {split}_label {len(labels)}")
    _refuse_row(path, key, ~np.isfinite(values).all(axis=1), "is not finite")
    _refuse_row(path, key, (values < 0).any(axis=1) | (values > 1 + 1e-4).any(axis=1), "is not a softmax")
    _refuse_row(path, key, np.abs(values.sum(axis=1, dtype=np.float64) - 1) > 1e-3, "does not sum to one")
    _refuse_row(path, f"{split}_label", (labels < 0) | (labels >= values.shape[1]), f"is not 0..{values.shape[1] - 1}")
    logits = arrays.get(f"logits_{split}_{view}")
    if logits is not None:
        if logits.shape != values.shape or not np.issubdtype(logits.dtype, np.floating):
            raise PredictionsError(
                f"{path}: logits_{split}_{view} is {logits.dtype} {logits.shape}, {key} {values.shape}"
            )
        _refuse_row(path, f"logits_{split}_{view}", ~np.isfinite(logits).all(axis=1), "is not finite")
    return Answers(values, logits)


def _refuse_row(path: Path, key: str, bad: np.ndarray, fault: str) -> None:
    if bad.any():
        raise PredictionsError(f"{path}: {key} row {int(bad.argmax())} {fault}")
