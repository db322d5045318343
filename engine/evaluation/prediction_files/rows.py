"""A view's rows of probabilities or logits, checked and put right where it is plain what is meant."""

from collections.abc import Mapping

import numpy as np

from engine import registry
from engine.evaluation.prediction_files.archive import KINDS
from engine.evaluation.prediction_files.faults import PredictionFile
from engine.evaluation.predictions import SPLITS, Answers, are_probabilities

EXACT = 1e-3
"""Rows that sum to one within this are taken as they are: that far float16 and float32 are off."""
TOLERANCE = 1e-2
"""Rows that sum to one within this were rounded or cut short, and are divided by their sums."""
BOUND = TOLERANCE + EXACT
"""The same for sums of floats: 0.33 + 0.33 + 0.33 lies farther from one than 0.01."""
AGREEING = 0.02
"""Probabilities nearer than this to the softmax of the logits beside them are that, rounded."""


def of_view(file: PredictionFile, view: str, labels: Mapping[str, np.ndarray]) -> dict[str, Answers] | None:
    """One view's answers by split; None where the file has none of them.

    Probabilities that go by the name of logits are read as what they are: squashed once more, every confidence would
    lie near one over the number of classes.
    """
    present = [split for split in SPLITS if stored(file, split, view)]
    if len(present) == 1:
        file.refuse(f"holds {stored(file, present[0], view)[0]} but not the other split's")
    if not present:
        return None
    arrays = {split: {} for split in SPLITS}
    for split in SPLITS:
        for kind in KINDS:
            if (key := f"{kind}_{split}_{view}") in file.arrays:
                values = _values(file, key, kind, view, len(labels[split]))
                arrays[split][kind] = _of_percentages(file, key, view, values)
    _tell_probabilities(file, view, arrays)
    return {split: _answers(file, split, view, arrays[split]) for split in SPLITS}


def stored(file: PredictionFile, split: str, view: str) -> list[str]:
    """The keys of one view of one split that are there: softmax, logits or both."""
    return [key for kind in KINDS if (key := f"{kind}_{split}_{view}") in file.arrays]


def _values(file: PredictionFile, key: str, kind: str, view: str, examples: int) -> np.ndarray:
    """Refuse anything but floats of one row (targeted: one row for each wrong class) for each label."""
    values = file.arrays[key]
    several = registry.VIEWS[view].of_each_wrong_class
    if not several and np.issubdtype(values.dtype, np.floating) and values.shape in ((examples,), (examples, 1)):
        values = _two_columns(file, key, kind, values.reshape(-1, 1))
    right, wanted = values.ndim == 2, "(examples, classes)"
    if several:
        right, wanted = values.ndim == 3 and values.shape[1] == values.shape[2] - 1, "(examples, classes - 1, classes)"
    if not right or values.shape[-1] < 2 or not np.issubdtype(values.dtype, np.floating):
        file.refuse(f"{key} must be floats {wanted}, is {values.dtype} {values.shape}")
    if len(values) != examples:
        file.refuse(f"{key} has {len(values)} rows, {examples} labels")
    broken = ~np.isfinite(values)
    if kind == "logits":  # minus infinity rules a class out
        broken = np.isnan(values) | np.isposinf(values) | ~np.isfinite(values).any(axis=-1, keepdims=True)
    file.refuse_row(key, _any(broken), "is not finite")
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _of_percentages(file: PredictionFile, key: str, view: str, values: np.ndarray) -> np.ndarray:
    """A hundredth of rows that all sum to 100, which no softmax and hardly any logits do; others as they are."""
    if not are_probabilities(values / 100, BOUND):
        return values
    file.doubt(view, f"{key} sums to 100 in every row and was read as percentages")
    return values / 100


def _two_columns(file: PredictionFile, key: str, kind: str, values: np.ndarray) -> np.ndarray:
    """(examples, 2) of one column about class 1: of a sigmoid, or its logit."""
    file.notes.append(
        f"{key} is one column, taken as {'the probability' if kind == 'output' else 'the logit'} of class 1"
    )
    others = 1 - values if kind == "output" else np.zeros_like(values)
    return np.concatenate([others, values], axis=1)


def _tell_probabilities(file: PredictionFile, view: str, arrays: Mapping[str, dict[str, np.ndarray]]) -> None:
    """Move probabilities that are called logits to where they belong."""
    called = [split for split in SPLITS if "logits" in arrays[split]]
    found = [split for split in called if are_probabilities(arrays[split]["logits"], BOUND)]
    if not found:
        return
    keys = [f"logits_{split}_{view}" for split in found]
    if found != called:
        (other,) = set(called) - set(found)
        file.refuse(f"{keys[0]} holds probabilities, but logits_{other}_{view} does not")
    for split in found:
        probabilities = arrays[split].pop("logits")
        arrays[split].setdefault("output", probabilities)
    file.doubt(view, f"{' and '.join(keys)} hold probabilities, not logits, and were read as such, without a softmax")


def _answers(file: PredictionFile, split: str, view: str, found: Mapping[str, np.ndarray]) -> Answers:
    if "output" not in found:
        return Answers.from_logits(found["logits"])
    logits, key = found.get("logits"), f"output_{split}_{view}"
    if logits is not None and logits.shape != found["output"].shape:
        file.refuse(f"logits_{split}_{view} is {logits.shape}, {key} {found['output'].shape}")
    answers = Answers(_summing_to_one(file, view, key, found["output"]), logits)
    if logits is not None:
        other = np.abs(Answers.from_logits(logits).probabilities - answers.probabilities) > AGREEING
        if rows := int(_any(other).sum()):
            file.doubt(
                view,
                f"{rows} of {len(logits)} rows of {key} are not the softmax of logits_{split}_{view}: confidences are "
                "the one's, margins and accuracies the other's",
            )
    return answers


def _summing_to_one(file: PredictionFile, view: str, key: str, output: np.ndarray) -> np.ndarray:
    """Rows of probabilities, rounded ones divided by their sums; a refusal says how far a row is off."""
    elsewhere = f"raw scores and log-probabilities belong {file.raw_scores}"
    outside = _any((output < 0) | (output > 1 + EXACT))
    if outside.any():
        row = output[outside.argmax()]
        value = row.min() if row.min() < 0 else row.max()
        file.refuse_row(key, outside, f"is not a softmax: it holds {value:.6g}; {elsewhere}")
    sums = output.sum(axis=-1, keepdims=True, dtype=np.float64)
    off = np.abs(sums - 1)
    bad = _any(off > BOUND)
    if bad.any():
        own = sums[bad.argmax()].ravel()
        worst = own[np.abs(own - 1).argmax()]
        said = f"does not sum to one: to {worst:.6g}, allowed is {TOLERANCE:g} more or less"
        file.refuse_row(key, bad, f"{said} (rounded confidences: divide each row by its sum; {elsewhere})")
    rounded = off > EXACT
    if not rounded.any():
        return output
    file.doubt(
        view,
        f"{_any(rounded).sum()} of {len(output)} rows of {key} sum to one only within {off.max():.2g} (rounded or cut "
        "short?) and were divided by their sums",
    )
    return np.where(rounded, output / sums, output).astype(output.dtype)


def _any(faults: np.ndarray) -> np.ndarray:
    """Bool (examples,): whether an example has a fault anywhere."""
    return faults.reshape(len(faults), -1).any(axis=1)
