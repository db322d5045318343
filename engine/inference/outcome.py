"""What a rule that calls members did: its hits and false alarms, and their shares."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What one rule did to the examples it is reported on; counts are means where it is averaged over splits."""

    true_positives: float
    """Members that it called members."""
    false_positives: float
    """Non-members that it called members."""
    n_member: float
    n_nonmember: float

    @classmethod
    def at(cls, true: np.ndarray, false: np.ndarray, place: int) -> "Outcome":
        """The outcome of one tau of a ranking's true and false positives (thresholds,)."""
        return cls(int(true[place]), int(false[place]), int(true[0]), int(false[0]))

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.n_member + other.n_member,
            self.n_nonmember + other.n_nonmember,
        )

    @property
    def tpr(self) -> float:
        """Share of members called members."""
        return self.true_positives / self.n_member

    @property
    def fpr(self) -> float:
        """Share of non-members called members."""
        return self.false_positives / self.n_nonmember

    @property
    def accuracy(self) -> float:
        """Balanced inference accuracy (Eq 15), 0.5 for a guess."""
        return 0.5 * (self.tpr + 1.0 - self.fpr)
