"""What is said of a prediction file while it is read: refusals, warnings that stay with its numbers, and notes."""

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.text import printable
from engine.validation import SpecError


class PredictionsError(SpecError):
    """A predictions file that cannot be used; one line saying what is wrong where."""


@dataclass
class PredictionFile:
    """A file being read: its arrays by key, as they are, and what was said about them on the way."""

    path: Path
    arrays: Mapping[str, np.ndarray]
    objects: tuple[str, ...] = ()
    """Keys of arrays of Python objects, which are not read: unpickling runs whatever a stranger wrote."""
    unused: tuple[str, ...] = ()
    """Keys that mean nothing here."""
    raw_scores: str = "under logits_SPLIT_VIEW"
    """Where such a file holds what is no probability."""
    notes: list[str] = field(default_factory=list)
    """Lines on how it was read that put no number in doubt."""
    doubts: dict[str, list[str]] = field(default_factory=dict)
    """View -> what to know before believing its numbers."""

    def refuse(self, words: str) -> typing.NoReturn:
        """Raise `PredictionsError` naming the file."""
        raise PredictionsError(printable(f"{self.path}: {words}"))

    def refuse_row(self, key: str, bad: np.ndarray, fault: str) -> None:
        """Refuse the file if an example is bad, bool (examples,), naming the first."""
        if bad.any():
            self.refuse(f"{key} row {int(bad.argmax())} {fault}")

    def doubt(self, view: str, words: str) -> None:
        """Warn of a view's numbers."""
        self.doubts.setdefault(view, []).append(words)


def listed(names: typing.Iterable[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    shown = list(names)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
