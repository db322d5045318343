"""The rule `member iff score >= tau`: the best tau of two samples, and what a given tau does."""

import numpy as np

from engine.inference.facts import Outcome


def best_threshold(member: np.ndarray, nonmember: np.ndarray) -> tuple[float, Outcome]:
    """The tau with the highest balanced accuracy (Eq 15) among the observed scores, and its outcome on them.

    member, nonmember: scores (n,) and (m,), not empty. The smallest of equally good taus is taken, as in the authors'
    code; calling everybody a member is always among the candidates, so the accuracy is never below one half. One sort.
    """
    n, m = len(member), len(nonmember)
    scores = np.concatenate([member, nonmember])
    order = np.argsort(scores, kind="stable")
    scores = scores[order]
    first = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    members_before = np.concatenate([[0], np.cumsum(order < n)])[first]
    true_positives = n - members_before
    false_positives = m - (first - members_before)
    # TPR - FPR times n * m, in whole numbers: equal accuracies compare equal.
    best = int(np.argmax(true_positives * m - false_positives * n))
    return float(scores[first[best]]), Outcome(int(true_positives[best]), int(false_positives[best]), n, m)


def apply_threshold(threshold: float, member: np.ndarray, nonmember: np.ndarray) -> Outcome:
    """What `score >= threshold` answers; the threshold is compared in the scores' own precision."""
    tau = member.dtype.type(threshold)
    return Outcome(
        int(np.count_nonzero(member >= tau)), int(np.count_nonzero(nonmember >= tau)), len(member), len(nonmember)
    )


def split_rows(rows: np.ndarray, k: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """K of the rows at random to choose a threshold on, and the rest to report on."""
    shuffled = generator.permutation(rows)
    return shuffled[:k], shuffled[k:]
