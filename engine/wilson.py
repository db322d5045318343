"""Wilson's interval of a share, mostly at 95 %. Only the standard library: explorer and science share it."""

import math

Z95 = 1.959963984540054
"""97.5 % point of the normal distribution."""


def wilson_interval(successes: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927); it stays within [0, 1] and holds the share itself."""
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    radius = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n * n))
    return max(0.0, min(share, centre - radius)), min(1.0, max(share, centre + radius))
