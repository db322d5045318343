"""Our numbers with their 95 % intervals, and the differences between two of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from store.student import t_95
from store.summaries import FEWEST_SEEDS

SEEDS, EXAMPLES = "seeds", "examples"


@dataclass(frozen=True)
class Number:
    """One number of ours, as a share."""

    value: float
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; None where there is none."""
    over: str = ""
    """What the interval is taken over: `seeds`, `examples`; empty for a difference."""
    targets: tuple[tuple[int, float], ...] = ()
    """Of a mean over the models of a population: the seed and the number of each, by seed."""

    @classmethod
    def over_targets(cls, values: Mapping[int, float]) -> "Number":
        """The mean over models by seed, with Student's interval from three on."""
        mean, half = fmean(values.values()), _student(list(values.values()))
        ends = (None, None) if half is None else (max(0.0, mean - half), min(1.0, mean + half))
        return cls(mean, *ends, SEEDS, tuple(sorted(values.items())))

    def minus(self, other: "Number") -> "Number":
        """The difference with its interval.

        Over targets that both have, seed by seed: the same seed draws the same members, so what these make hard or easy
        stays out of the difference. Others are taken for independent (Newcombe 1998, method 10): two numbers of the
        same images are no further apart by luck than that, so it errs on the side of "not told apart".
        """
        if self.targets and other.targets:
            return self._paired(dict(self.targets), dict(other.targets))
        value = self.value - other.value
        if None in (self.low, self.high, other.low, other.high):
            return Number(value)
        below = math.hypot(self.value - self.low, other.high - other.value)
        above = math.hypot(self.high - self.value, other.value - other.low)
        return Number(value, value - below, value + above)

    @staticmethod
    def _paired(own: Mapping[int, float], others: Mapping[int, float]) -> "Number":
        apart = [own[seed] - others[seed] for seed in own.keys() & others.keys()]
        if (half := _student(apart)) is None:
            return Number(fmean(own.values()) - fmean(others.values()))
        mean = fmean(apart)
        return Number(mean, mean - half, mean + half, SEEDS)

    @property
    def sign(self) -> int:
        """1 or -1 of a difference whose interval lies wholly on one side of 0, else 0."""
        if self.low is None or self.low <= 0 <= self.high:
            return 0
        return 1 if self.value > 0 else -1


def _student(values: list[float]) -> float | None:
    """Half of the 95 % interval of a mean; None of too few values."""
    if len(values) < FEWEST_SEEDS:
        return None
    return t_95(len(values) - 1) * stdev(values) / math.sqrt(len(values))
