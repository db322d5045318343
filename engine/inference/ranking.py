"""The rule `member iff score >= tau` at every tau at once: two samples sorted together, outcomes as running sums.

Weights make the same sums serve every resampling: a bootstrap counts examples more than once, a split some not at all,
a permutation calls others members.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Ranking:
    """Members and non-members in the order of their scores, lowest first."""

    taus: np.ndarray
    """(thresholds,): the distinct scores, growing, as stored."""
    starts: np.ndarray
    """int64 (thresholds,): place of the first example with each score."""
    is_member: np.ndarray
    """bool (examples,)."""

    @classmethod
    def of(cls, member: np.ndarray, nonmember: np.ndarray) -> "Ranking":
        """Sort scores (n,) and (m,), neither empty; a higher score speaks for membership."""
        scores = np.concatenate([member, nonmember])
        order = np.argsort(scores, kind="stable")
        scores = scores[order]
        starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
        return cls(scores[starts], starts, order < len(member))

    @property
    def n_member(self) -> int:
        """Members."""
        return int(np.count_nonzero(self.is_member))

    @property
    def n_nonmember(self) -> int:
        """Non-members."""
        return len(self.is_member) - self.n_member

    def positives(
        self, weights: np.ndarray | None = None, is_member: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """True and false positives of every tau: (..., thresholds) each, whole numbers.

        weights: how often each example counts, (..., examples); once by default. is_member: others' membership in the
        ranking's place, (..., examples).
        """
        is_member = self.is_member if is_member is None else is_member
        counted = is_member if weights is None else weights * is_member
        true = self._at_or_above(counted)
        every = len(self.is_member) - self.starts if weights is None else self._at_or_above(weights)
        return true, every - true

    def _at_or_above(self, counts: np.ndarray) -> np.ndarray:
        running = np.cumsum(counts, axis=-1, dtype=np.int64)
        below = np.where(self.starts > 0, running[..., self.starts - 1], 0)
        return running[..., -1:] - below


def best(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Index of the tau with the highest balanced accuracy (Eq 15), the smallest of equally good ones.

    So do the authors. The smallest tau calls everybody a member, so the accuracy found is never below one half. True
    and false positives (..., thresholds); whole numbers are compared, so equal accuracies compare equal.
    """
    return np.argmax(true * false[..., :1] - false * true[..., :1], axis=-1)


def auc(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Chance that a member scores above a non-member, ties counting one half (Mann and Whitney); (...)."""
    true_above, false_above = (_without_first(counts) for counts in (true, false))
    area = ((false - false_above) * (true + true_above)).sum(axis=-1)
    return area / (2.0 * true[..., 0] * false[..., 0])


def tpr_at(true: np.ndarray, false: np.ndarray, fpr: float) -> float:
    """Largest TPR of a single tau, infinity among them, whose false positive rate is at most fpr."""
    return float(within(true, false, allowed(fpr, int(false[0])))[0] / true[0])


def within(true: np.ndarray, false: np.ndarray, most: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives of the best tau with at most so many false ones, below 0 being none; (...) each.

    true, false: (thresholds,), of one ranking; most: whole numbers (...).
    """
    place = len(false) - np.searchsorted(false[::-1], most, side="right")
    return np.append(true, 0)[place], np.append(false, 0)[place]


def allowed(fpr: float, nonmembers: int) -> int:
    """False positives that a rate allows; 0.001 of 1000 must allow one, whatever the rounding."""
    return int(fpr * nonmembers * (1 + 1e-12))


def _without_first(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([counts[..., 1:], np.zeros_like(counts[..., :1])], axis=-1)
