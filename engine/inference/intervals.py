"""Confidence intervals for shares and their differences, at 95 %, and what luck alone reaches."""

import math
from typing import TYPE_CHECKING

import numpy as np

from engine.shares import wilson_interval

if TYPE_CHECKING:
    from engine.inference.facts import Outcome


def difference_interval(outcome: "Outcome") -> tuple[float, float]:
    """Interval of TPR - FPR, two independent shares, from their Wilson intervals (Newcombe 1998, method 10)."""
    tpr_low, tpr_high = wilson_interval(outcome.true_positives, outcome.n_member)
    fpr_low, fpr_high = wilson_interval(outcome.false_positives, outcome.n_nonmember)
    tpr, fpr = outcome.tpr, outcome.fpr
    low = tpr - fpr - math.hypot(tpr - tpr_low, fpr_high - fpr)
    high = tpr - fpr + math.hypot(tpr_high - tpr, fpr - fpr_low)
    return low, high


def oracle_by_luck(n: int, m: int) -> tuple[float, float]:
    """Mean and 95 % point of the oracle accuracy on n members and m non-members that no score tells apart.

    For many untied scores it is 0.5 + D/2 with D the one-sided statistic of Smirnov (protocol G3).
    """
    unit = math.sqrt(1 / n + 1 / m)
    return 0.5 + math.sqrt(math.pi / 32) * unit, 0.5 + 0.5 * math.sqrt(math.log(20) / 2) * unit


def rate_by_luck(n: int, m: int, allowed: int) -> float:
    """97.5 % point of the share of n members above all but so many of m non-members that no score tells apart.

    Of untied scores their number is beta-binomial, whatever the scores; ties only make it smaller.
    """
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, n + m + 1))))  # of factorials
    found, below = np.arange(n + 1), m - allowed - 1
    ways = logs[n] - logs[found] - logs[n - found]
    share = logs[found + allowed] + logs[n - found + below] - logs[n + m]
    whole = logs[allowed] + logs[below] - logs[m]
    return float(np.searchsorted(np.cumsum(np.exp(ways + share - whole)), 0.975)) / n
