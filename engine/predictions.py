"""A model's answers to every training and test image in each view, as arrays and as a file others can read.

The file is an npz whose keys extend the paper's: `output_{train,test}_{view}` (softmax, float32), `train_label`,
`test_label`; besides, `logits_{train,test}_{view}` (float32), `{train,test}_index`, the rows in the data set,
`class_names` (text) by class number, `train_robust` (bool) where a robust defense trained on a part of the images
only, and `warnings` (text (warnings, 3): topic, view or nothing, message).
Either of output and logits is enough to be read; of the targeted view, which is large, only the logits are written.
"""

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.recipes import ALL_VIEWS
from engine.run_warnings import RunWarning, printable
from engine.validation import SpecError

SPLITS = ("train", "test")


class PredictionsError(SpecError):
    """A predictions file that cannot be used; one line saying what is wrong where."""


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
        top = others.max(axis=-1, keepdims=True)
        return worst(true - (top[..., 0] + np.log(np.exp(others - top).sum(axis=-1))))


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
            if view != "targeted":
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
        present = [split for split in SPLITS if _stored(arrays, split, view)]
        if len(present) == 1:
            raise PredictionsError(f"{path}: holds {_stored(arrays, present[0], view)[0]} but not the other split's")
        if present:
            views[view] = {split: _answers(path, arrays, split, view, labels[split]) for split in SPLITS}
    if not views:
        raise PredictionsError(
            f"{path}: holds no output_train_VIEW and output_test_VIEW (softmax) nor logits_train_VIEW and "
            f"logits_test_VIEW, VIEW one of {ALL_VIEWS}"
        )
    widths = {f"{split} {view}": views[view][split].probabilities.shape[-1] for view in views for split in SPLITS}
    if len(set(widths.values())) > 1:
        raise PredictionsError(f"{path}: the views differ in their number of classes: {widths}")
    robust = arrays.get("train_robust")
    if robust is not None and (robust.shape != labels["train"].shape or robust.dtype != bool):
        raise PredictionsError(f"{path}: train_robust must be one true or false for each train_label")
    names = _class_names(path, arrays, next(iter(widths.values())))
    return Predictions(labels, index, views, robust, names, _warnings(arrays))


def _stored(arrays: Mapping[str, np.ndarray], split: str, view: str) -> list[str]:
    """The keys of one view of one split that are there: softmax, logits or both."""
    return [key for key in (f"output_{split}_{view}", f"logits_{split}_{view}") if key in arrays]


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


def _class_names(path: Path, arrays: Mapping[str, np.ndarray], classes: int) -> tuple[str, ...]:
    names = arrays.get("class_names")
    if names is None:
        return ()
    if names.shape != (classes,) or names.dtype.kind != "U":
        raise PredictionsError(f"{path}: class_names must be a text for each of the {classes} classes")
    return tuple(map(str, names))


def _warnings(arrays: Mapping[str, np.ndarray]) -> tuple[RunWarning, ...]:
    """Those of our own files; what is no such table says nothing."""
    rows = arrays.get("warnings", np.empty((0, 3), str))
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind != "U":
        return ()
    return tuple(RunWarning(topic, message, view or None) for topic, view, message in rows.tolist())


def _answers(path: Path, arrays: Mapping[str, np.ndarray], split: str, view: str, labels: np.ndarray) -> Answers:
    found = {key.partition("_")[0]: arrays[key] for key in _stored(arrays, split, view)}
    for kind, values in found.items():
        _check(path, f"{kind}_{split}_{view}", values, view, labels)
    first = next(iter(found.values()))
    outside = (labels < 0) | (labels >= first.shape[-1])
    _refuse_row(path, f"{split}_label", outside, f"is not 0..{first.shape[-1] - 1}")
    if "output" not in found:
        return Answers.from_logits(found["logits"])
    output, key = found["output"], f"output_{split}_{view}"
    _refuse_row(path, key, _any((output < 0) | (output > 1 + 1e-4)), "is not a softmax")
    _refuse_row(
        path, key, _any(np.abs(output.sum(axis=-1, keepdims=True, dtype=np.float64) - 1) > 1e-3), "does not sum to one"
    )
    logits = found.get("logits")
    if logits is not None and logits.shape != output.shape:
        raise PredictionsError(f"{path}: logits_{split}_{view} is {logits.shape}, {key} {output.shape}")
    return Answers(output, logits)


def _check(path: Path, key: str, values: np.ndarray, view: str, labels: np.ndarray) -> None:
    """Refuse anything but finite floats of one row (targeted: one row per wrong class) for each label."""
    right, wanted = values.ndim == 2, "(examples, classes)"
    if view == "targeted":
        right, wanted = values.ndim == 3 and values.shape[1] == values.shape[2] - 1, "(examples, classes - 1, classes)"
    if not right or values.shape[-1] < 2 or not np.issubdtype(values.dtype, np.floating):
        raise PredictionsError(f"{path}: {key} must be floats {wanted}, is {values.dtype} {values.shape}")
    if len(values) != len(labels):
        raise PredictionsError(f"{path}: {key} has {len(values)} rows, {len(labels)} labels")
    _refuse_row(path, key, _any(~np.isfinite(values)), "is not finite")


def _any(faults: np.ndarray) -> np.ndarray:
    """Bool (examples,): whether an example has a fault anywhere."""
    return faults.reshape(len(faults), -1).any(axis=1)


def _refuse_row(path: Path, key: str, bad: np.ndarray, fault: str) -> None:
    if bad.any():
        raise PredictionsError(f"{path}: {key} row {int(bad.argmax())} {fault}")
