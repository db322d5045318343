"""Our numbers with their 95 % intervals, and the differences between two of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SEEDS, EXAMPLES = "seeds", "examples"
FEWEST_SEEDS = 3
"""Seeds from which an interval over them counts: with two, Student's factor of 12.7 lets anything be inside."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Number:
    """One number of ours, as a share."""

    value: float
    low: float | None = None
    high: float | None = None
    """Ends of the 95 % interval; None where there is none."""
    over: str = ""
    """What the interval is taken over: `seeds`, `examples`; empty for a difference."""

    def minus(self, other: "Number") -> "Number":
        """The difference with its interval, the two taken for independent (Newcombe 1998, method 10).

        Two numbers of the same images are no further apart by luck than that, so it errs on the side of "not told
        apart".
        """
        value = self.value - other.value
        if None in (self.low, self.high, other.low, other.high):
            return Number(value)
        below = math.hypot(self.value - self.low, other.high - other.value)
        above = math.hypot(self.high - self.value, other.value - other.low)
        return Number(value, value - below, value + above)

    @property
    def sign(self) -> int:
        """1 or -1 of a difference whose interval lies wholly on one side of 0, else 0."""
        if self.low is None or self.low <= 0 <= self.high:
            return 0
        return 1 if self.value > 0 else -1


def with_wider(value: float, over_seeds: Interval | None, over_examples: Interval | None) -> Number:
    """The number with the wider of its intervals: one over seeds leaves out that other examples may be drawn."""
    found = {SEEDS: over_seeds, EXAMPLES: over_examples}
    known = {name: ends for name, ends in found.items() if ends is not None and None not in ends}
    if not known:
        return Number(value)
    over, (low, high) = max(known.items(), key=lambda each: each[1][1] - each[1][0])
    return Number(value, max(0.0, low), min(1.0, high), over)


def of_examples(rows: Sequence[Interval]) -> Interval | None:
    """The mean interval over examples of several seeds; it is as wide as one's, for all look at the same examples."""
    if not rows or any(None in ends for ends in rows):
        return None
    low, high = (sum(ends) / len(rows) for ends in zip(*rows, strict=True))
    return low, high
