"""Our numbers with their 95 % intervals, and the differences between two of them."""

import math
from dataclasses import dataclass

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
