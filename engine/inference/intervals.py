"""Confidence intervals for shares and their differences, at 95 %."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.inference.facts import Outcome

Z95 = 1.959963984540054
"""97.5 % point of the normal distribution."""


def wilson_interval(successes: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927); it stays within [0, 1] and holds the share itself."""
    share = successes / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    radius = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    return max(0.0, min(share, centre - radius)), min(1.0, max(share, centre + radius))


def difference_interval(outcome: "Outcome") -> tuple[float, float]:
    """Interval of TPR - FPR, two independent shares, from their Wilson intervals (Newcombe 1998, method 10)."""
    tpr_low, tpr_high = wilson_interval(outcome.true_positives, outcome.n_member)
    fpr_low, fpr_high = wilson_interval(outcome.false_positives, outcome.n_nonmember)
    tpr, fpr = outcome.tpr, outcome.fpr
    low = tpr - fpr - math.hypot(tpr - tpr_low, fpr_high - fpr)
    high = tpr - fpr + math.hypot(tpr_high - tpr, fpr - fpr_low)
    return low, high
