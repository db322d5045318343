"""Reading a prediction file: our own npz, one of the paper's, or a stranger's; also a table, CSV or Parquet.

What is plain is put right and said: as a warning of the view where it bears on the numbers, else as a note. What
cannot be told is refused in one line. Nothing is ever unpickled.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import registry
from engine.evaluation.prediction_files import archive, labels, rows, table
from engine.evaluation.prediction_files.faults import PredictionFile, PredictionsError, listed
from engine.evaluation.predictions import SPLITS, Predictions
from engine.run_warnings import RunWarning
from engine.text import printable


@dataclass(frozen=True)
class Reading:
    """What a file holds, and how it was read."""

    predictions: Predictions
    notes: tuple[str, ...]
    """Lines on what was skipped or taken to mean something; none puts a number in doubt."""


def load(path: Path) -> Predictions:
    """The predictions alone; `PredictionsError` names the key and row of the first fault."""
    return read(path).predictions


def read(path: Path) -> Reading:
    """The predictions with notes on the reading; `PredictionsError` names the key and row of the first fault."""
    file = (table if path.suffix.lower() in table.SUFFIXES else archive).read(path)
    names = labels.class_names(file)
    of_split = {split: labels.of_split(file, split, names) for split in SPLITS}
    views = {view: found for view in registry.VIEWS if (found := rows.of_view(file, view, of_split))}
    if not views:
        others = f"; it holds {listed(file.unused)}" if file.unused else ""
        objects = f"; {file.objects[0]} is an array of Python objects, never unpickled" if file.objects else ""
        file.refuse(
            "holds no output_train_VIEW and output_test_VIEW (softmax) nor logits_train_VIEW and "
            f"logits_test_VIEW, VIEW one of {tuple(registry.VIEWS)}{others}{objects}"
        )
    classes = _classes(file, views, names)
    for split in SPLITS:
        labels.check_range(file, split, of_split[split], classes)
    found = Predictions(of_split, _index(file, of_split), views, _robust(file, of_split), names, _warnings(file))
    return Reading(found, tuple(map(printable, file.notes)))


def _classes(file: PredictionFile, views: dict, names: tuple[str, ...]) -> int:
    widths = {f"{split} {view}": views[view][split].probabilities.shape[-1] for view in views for split in SPLITS}
    classes = next(iter(widths.values()))
    if len(set(widths.values())) > 1:
        file.refuse(f"the views differ in their number of classes: {widths}")
    if names and len(names) != classes:
        file.refuse(f"class_names must be a text for each of the {classes} classes")
    return classes


def _index(file: PredictionFile, of_split: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows in the data set; as they come where the file does not say."""
    index = {}
    for split, own in of_split.items():
        index[split] = file.arrays.get(f"{split}_index", np.arange(len(own), dtype=np.int32))
        if index[split].shape != own.shape or not np.issubdtype(index[split].dtype, np.integer):
            file.refuse(f"{split}_index must be one whole number for each {split}_label")
    return index


def _robust(file: PredictionFile, of_split: dict[str, np.ndarray]) -> np.ndarray | None:
    robust = file.arrays.get("train_robust")
    if robust is not None and (robust.shape != of_split["train"].shape or robust.dtype != bool):
        file.refuse("train_robust must be one true or false for each train_label")
    return robust


def _warnings(file: PredictionFile) -> tuple[RunWarning, ...]:
    """Those that our own files hold, and what reading told; what is no such table says nothing."""
    told = file.arrays.get("warnings", np.empty((0, 3), str))
    if told.ndim != 2 or told.shape[1] != 3 or told.dtype.kind != "U":
        told = np.empty((0, 3), str)
    kept = [RunWarning(topic, message, view or None) for topic, view, message in told.tolist()]
    return (*kept, *(RunWarning("output", "; ".join(words), view) for view, words in file.doubts.items()))


__all__ = ["PredictionsError", "Reading", "load", "read"]
