"""The epsilon of differential privacy that an attack's success disproves, at 95 % confidence.

It speaks of the procedure that was attacked, settings and all; a model chosen among many is another procedure's.
"""

import math

import numpy as np
from scipy import special  # scipy.stats takes another second to import, in the process of every attack

CONFIDENCE = 0.95
MOST = 64.0
"""Epsilon above which bisection does not look."""


def clopper_pearson(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact interval of a share."""
    tail = (1 - confidence) / 2
    low = special.betaincinv(successes, trials - successes + 1, tail) if successes > 0 else 0.0
    high = special.betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return float(low), float(high)


def from_rates(true: int, members: int, false: int, nonmembers: int, delta: float = 0.0) -> float:
    """Lower end of epsilon from one threshold fixed beforehand; 0 where nothing is disproved.

    epsilon >= ln((TPR - delta) / FPR), and the same of the other side's mistakes: of both the larger one. Each of the
    two shares lies below, or above, its end with 97.5 %, so both do with 95 %.
    """
    tpr, fpr = clopper_pearson(true, members), clopper_pearson(false, nonmembers)
    found = 0.0
    for right, wrong in ((tpr[0], fpr[1]), (1 - fpr[1], 1 - tpr[0])):
        if right > delta:
            found = max(found, math.log((right - delta) / wrong))
    return found


def gaussian(true: int, members: int, false: int, nonmembers: int) -> float:
    """Lower end of mu of Gaussian differential privacy (Dong, Roth and Su 2022) from one threshold; at least 0."""
    tpr, fpr = clopper_pearson(true, members), clopper_pearson(false, nonmembers)
    return max(0.0, float(special.ndtri(1 - fpr[1]) - special.ndtri(1 - tpr[0])))


def one_run(guesses: int, right: int, images: int, delta: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """Lower end of epsilon from one model whose members were drawn by a coin each (Steinke, Nasr, Jagielski 2023).

    Of so many images the attacker guessed those of which he was surest, so many of them right.
    """

    def chance(epsilon: float) -> float:
        """Of so many right guesses, at most, for any procedure with this epsilon and delta."""
        beyond = special.bdtrc(np.arange(right - 1, -2, -1), guesses, 1 / (1 + math.exp(-epsilon)))
        if delta == 0:
            return float(beyond[0])
        worst = (beyond[1:] - beyond[0]) / np.arange(1, right + 1)
        return float(beyond[0] + 2 * images * delta * worst.max(initial=0.0))

    if chance(0.0) > 1 - confidence:
        return 0.0
    low, high = 0.0, MOST
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) <= 1 - confidence else (low, middle)
    return low
