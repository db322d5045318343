"""Populations from the files in which runs keep their answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.evaluation import prediction_files
from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference.population.references import Population
from engine.validation import SpecError

LEAST = 4
"""Models of the smallest population: a target and its complement, and a reference of each side."""


def population(target: Path, others: Sequence[Path]) -> Population:
    """The answers in files by `engine.evaluation.predictions`, the target's first; `SpecError` where they do not fit.

    Others that are not there are left out. Images are told by their rows in the data set, which all files must share.
    """
    paths = [target, *(path for path in others if path != target and path.exists())]
    if len(paths) < LEAST:
        raise SpecError(f"{len(paths) - 1} other models of its population have answered; it takes {LEAST - 1} and more")
    columns = [_columns(prediction_files.load(path)) for path in paths]
    images, _, first = columns[0]
    for path, (own, _, odds) in zip(paths, columns, strict=True):
        if not np.array_equal(own, images) or odds.keys() != first.keys():
            raise SpecError(
                f"{path.parent.name}: answers in other views or about other images than {target.parent.name}"
            )
    odds = {view: np.stack([own[view] for *_, own in columns]) for view in first}
    return Population.of(odds, np.stack([member for _, member, _ in columns]), images)


def _columns(answers: Predictions) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Rows of the images in ascending order, which of them are members, and each view's log-odds."""
    rows = np.concatenate([answers.index[split] for split in SPLITS])
    member = np.repeat([True, False], [len(answers.index[split]) for split in SPLITS])
    order = np.argsort(rows, kind="stable")
    odds = {
        view: np.concatenate([splits[split].margin(answers.labels[split]) for split in SPLITS])[order]
        for view, splits in answers.views.items()
    }
    return rows[order], member[order], odds
