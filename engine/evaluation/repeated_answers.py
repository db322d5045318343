"""Test images that were trained on, told by their answers: a model says the very same of the very same image.

Different images may be answered alike too, where answers say little: saturated or rounded rows, one row of a decision
tree's leaf, the one row of a model that ignores its input. Two rules keep those apart from copies:

* A row that holds enough digits is not met twice by chance, unless the model gives it to many images.
* Of rows that hold fewer, those met exactly twice are counted: both in train, both in test, or one in each. Whatever a
  model answers, and however members and others differ, of different images the last number is at most twice the
  geometric mean of the others (Cauchy and Schwarz), but for chance. Copies exceed it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.predictions import SPLITS, Answers, Predictions, log_softmax
from engine.run_warnings import RunWarning

MANY = 10
"""Images with one answer, above which the answer says nothing of them."""
ENOUGH_BITS = 48
"""Two float32 numbers: among 50,000 members and 10,000 others, 29 bits are used up by the number of pairs."""
EXACT_BITS, HALF_BITS = 24, 8
"""Digits of a float32, and those of a float16 that vary."""
COARSE = (*range(1, 101), 1_000, 10_000)
"""Fractions of these are rounded numbers, votes, or shares of a leaf, and hold hardly anything."""
ENOUGH_NUMBERS = 64
"""So many numbers of a row are looked at."""
SURE = 2.0
"""How much the root of a count may be off by chance: four standard deviations (Poisson)."""
Places = tuple[list[int], list[int]]
"""The rows of train and of test that have one answer."""


@dataclass(frozen=True)
class Repeats:
    """Answers of one view that are met again."""

    across: int
    """Test images with the answer of a train image."""
    within: tuple[int, int] = (0, 0)
    """Train images, and test images, with the answer of an earlier one of their split."""
    by_luck: float | None = None
    """Up to so many of `across` are luck; None where none is."""


def warnings(predictions: Predictions) -> Iterator[RunWarning]:
    """One warning where test images were trained on, by the view that shows most of them."""
    found = [found for view in predictions.views if (found := repeats(predictions, view))]
    if not found:
        return
    most, tests = max(found, key=lambda each: each.across), len(predictions.labels["test"])
    twice = [f"{count} {split}" for count, split in zip(most.within, SPLITS, strict=True) if count]
    if not most.across:
        yield RunWarning(
            "data",
            f"{' and '.join(twice)} answers repeat one of their own split to the last digit: there are fewer images "
            "than rows, and intervals are too narrow",
        )
        return
    how_many = "at least" if most.by_luck is None else "up to"
    luck = "" if most.by_luck is None else f" (luck explains {most.by_luck:.0f})"
    beside = f"; {' and '.join(twice)} answers repeat one of their own split" if twice else ""
    yield RunWarning(
        "membership",
        f"{how_many} {most.across} of {tests} test answers equal a train answer to the last digit{luck}: non-members "
        f"that were trained on hide leakage{beside}",
    )


def repeats(predictions: Predictions, view: str) -> Repeats | None:
    """What one view's answers tell of; None where no image is met again, or where it cannot be told."""
    places = _places(predictions.views[view])
    found = [_by_digits(predictions.views[view], places), _by_pairs(places)]
    return max((each for each in found if each), key=lambda each: each.across, default=None)


def _by_digits(answers: Mapping[str, Answers], places: Sequence[Places]) -> Repeats | None:
    """Rows with enough digits; None where none is met again, or more share one answer than are."""
    telling = [rows for rows in places if sum(map(len, rows)) > 1 and _bits(answers, rows) >= ENOUGH_BITS]
    few = [rows for rows in telling if max(map(len, rows)) <= MANY]
    crowded = sum(sum(map(len, rows)) for rows in telling if max(map(len, rows)) > MANY)
    across = sum(len(test) for train, test in few if train)
    within = tuple(sum(max(0, len(rows[side]) - 1) for rows in few) for side in (0, 1))
    found = Repeats(across if across > crowded else 0, within if sum(within) > crowded else (0, 0))
    return found if found.across or any(found.within) else None


def _by_pairs(places: Sequence[Places]) -> Repeats | None:
    """Rows met twice, whatever they hold; None where luck explains how many are met in train and in test."""
    kinds = Counter(tuple(map(len, rows)) for rows in places)
    luck = 2 * (math.sqrt(kinds[2, 0]) + SURE) * (math.sqrt(kinds[0, 2]) + SURE)
    if math.sqrt(kinds[1, 1]) <= math.sqrt(luck) + SURE:
        return None
    across = sum(len(test) for train, test in places if train and max(len(train), len(test)) <= MANY)
    return Repeats(across, by_luck=luck)


def _places(answers: Mapping[str, Answers]) -> list[Places]:
    places: dict[bytes, Places] = defaultdict(lambda: ([], []))
    for side, split in enumerate(SPLITS):
        values = np.ascontiguousarray(_stored(answers[split]) + 0.0)  # minus zero is zero
        for row, own in enumerate(values):
            places[own.tobytes()][side].append(row)
    return list(places.values())


def _stored(answers: Answers) -> np.ndarray:
    return answers.probabilities if answers.logits is None else answers.logits


def _bits(answers: Mapping[str, Answers], rows: Places) -> int:
    """How many bits of the image an answer can hold, by the distinct numbers in it."""
    split, row = ("train", rows[0][0]) if rows[0] else ("test", rows[1][0])
    own = _stored(answers[split])[row]
    values = np.unique(own[np.isfinite(own)])[-ENOUGH_NUMBERS:].astype(np.float32)
    with np.errstate(over="ignore"):
        half = values.astype(np.float16).astype(np.float32) == values
    smallest = np.where(half, *(float(np.finfo(kind).tiny) for kind in (np.float16, np.float32)))
    parts = np.abs(values.astype(np.float64))[:, None] * COARSE
    coarse = (np.abs(parts - np.rint(parts)) <= 2e-7 * parts).any(axis=1)
    bits = np.where(half, HALF_BITS, EXACT_BITS) * (~coarse & (np.abs(values) >= smallest))
    settled = answers[split].logits is None or np.allclose(log_softmax(own), own, atol=1e-3)
    return int(bits.sum() - (bits.max(initial=0) if settled else 0))  # one of them follows from the others
