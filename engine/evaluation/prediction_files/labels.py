"""True classes and their names, however a file writes them."""

from collections.abc import Sequence

import numpy as np

from engine.evaluation.prediction_files.archive import required
from engine.evaluation.prediction_files.faults import PredictionFile, listed

LARGEST = 2**31
"""No file has so many classes."""


def class_names(file: PredictionFile) -> tuple[str, ...]:
    """By class number; empty where the file has none."""
    names = file.arrays.get("class_names")
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind not in "US":
        file.refuse("class_names must be a text for each class, in the order of the answers' columns")
    return tuple(map(str, _text(names)))


def of_split(file: PredictionFile, split: str, names: Sequence[str]) -> np.ndarray:
    """int64 (examples,): class numbers from 0, from whole numbers, (n, 1) too, one-hot rows, or names of classes."""
    key = f"{split}_label"
    values = required(file, key)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or len(values) == 0 or values.dtype.kind not in "biufUS":
        file.refuse(f"{key} must be a list of whole numbers, is {values.dtype} {values.shape}")
    if values.dtype.kind in "US":
        return _named(file, key, values, names)
    if values.ndim == 2:
        one = (values == 0) | (values == 1)
        file.refuse_row(key, ~one.all(axis=1) | (values.sum(axis=1) != 1), "is not one-hot: a single 1 among 0")
        return values.argmax(axis=1).astype(np.int64)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(values.astype(np.float64)) < LARGEST) | (np.floor(values) != values)
    file.refuse_row(key, bad, f"is {values[bad.argmax()]}, not a whole number that a class could have")
    return values.astype(np.int64)


def check_range(file: PredictionFile, split: str, labels: np.ndarray, classes: int) -> None:
    """Refuse a class that the answers have no column for."""
    outside = (labels < 0) | (labels >= classes)
    hint = " (are classes numbered from 1?)" if labels.min() == 1 and labels.max() == classes else ""
    file.refuse_row(f"{split}_label", outside, f"is {labels[outside.argmax()]}, not 0..{classes - 1}{hint}")


def _named(file: PredictionFile, key: str, values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Numbers of classes that are called by name."""
    if values.ndim != 1:
        file.refuse(f"{key} must be a list of whole numbers or of names, is {values.dtype} {values.shape}")
    if not names:
        file.refuse(f"{key} holds names, such as {str(_text(values[:1])[0])!r}; class_names must list them by column")
    if len(set(names)) < len(names):
        file.refuse(f"class_names has a name twice, so the names in {key} cannot be told apart")
    place = {name: number for number, name in enumerate(names)}
    numbers = np.array([place.get(str(name), -1) for name in _text(values)], np.int64)
    unknown = numbers < 0
    first = str(_text(values)[unknown.argmax()])
    file.refuse_row(key, unknown, f"is {first!r}, which class_names does not have: {listed(names)}")
    return numbers


def _text(values: np.ndarray) -> np.ndarray:
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
