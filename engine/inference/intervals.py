"""Confidence intervals for shares and their differences, at 95 %, what luck alone reaches, and how often."""

import math

import numpy as np

from engine.inference.outcome import Outcome
from engine.inference.ranking import Ranking
from engine.wilson import Z95, wilson_interval

ONE_SIDED = 0.025
"""How often luck alone may be called leakage: the share of 95 % intervals that lie above the truth."""
FARTHEST = 37.0
"""Standard deviations beyond which a float64 knows no chance."""


def difference_interval(outcome: Outcome, z: float = Z95) -> tuple[float, float]:
    """Interval of TPR - FPR, two independent shares, from their Wilson intervals (Newcombe 1998, method 10)."""
    tpr_low, tpr_high = wilson_interval(outcome.true_positives, outcome.n_member, z)
    fpr_low, fpr_high = wilson_interval(outcome.false_positives, outcome.n_nonmember, z)
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


def chance_of_difference(outcome: Outcome) -> float:
    """Chance of a TPR that lies as far above the FPR where they are equal: that of the widest interval above 0."""
    low, high = 0.0, FARTHEST
    if outcome.tpr <= outcome.fpr:
        return 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if difference_interval(outcome, middle)[0] > 0 else (low, middle)
    return normal_tail(low)


def chance_of_oracle(advantage: float, lucky: float) -> float:
    """Chance that luck gives the best threshold so large an advantage; `lucky` is what it exceeds 2.5 times of 100.

    That best advantage is Smirnov's one-sided statistic, P(D > d) = exp(-d^2 / s^2) for some scale s; membership drawn
    by lot tells the scale for the very scores and their ties, but too seldom reaches far to tell the tail itself.
    """
    if advantage <= 0:
        return 1.0
    return ONE_SIDED ** ((advantage / lucky) ** 2) if lucky > 0 else 0.0


def chance_of_area(area: float, ranked: Ranking) -> float:
    """Chance of an AUC so far above one half where no score tells members apart."""
    error = area_error(ranked)
    return normal_tail((area - 0.5) / error) if error > 0 else 1.0


def area_error(ranked: Ranking) -> float:
    """Standard error of the AUC where no score tells members apart (Mann and Whitney, with ties); 0 if all are tied."""
    n, m = ranked.n_member, ranked.n_nonmember
    tied = np.diff(np.append(ranked.starts, n + m)).astype(float)
    return math.sqrt(max(0.0, (n + m) ** 3 - (tied**3).sum()) / (12.0 * n * m * (n + m) * max(1, n + m - 1)))


def normal_tail(z: float) -> float:
    """Chance that a standard normal number is above z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def chance_above(found: int, n: int, m: int, allowed: int) -> float:
    """Chance that as many of n members lie above all but so many of m non-members that no score tells apart.

    Of untied scores their number is beta-binomial, whatever the scores; ties only make it smaller.
    """
    logs = np.append(0.0, np.cumsum(np.log(np.arange(1, n + m + 1))))  # of factorials
    above, below = np.arange(found, n + 1), m - allowed - 1
    ways = logs[n] - logs[above] - logs[n - above]
    share = logs[above + allowed] + logs[n - above + below] - logs[n + m]
    whole = logs[allowed] + logs[below] - logs[m]
    return float(np.exp(ways + share - whole).sum())
