"""Student's t of each image, of which the normal is the one with endless degrees of freedom."""

from dataclasses import dataclass

import numpy as np
from scipy import special

TINY = 1e-30
"""Least variance: references that all answer alike still have a likelihood."""


@dataclass(frozen=True, eq=False)
class Student:
    """What is expected of a model's log-odds; all arrays (images,)."""

    mean: np.ndarray
    variance: np.ndarray
    """Square of the scale; of a normal the variance."""
    freedom: np.ndarray | float = np.inf

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """(images,)."""
        z = self._apart(values)
        if np.isscalar(self.freedom):
            return -0.5 * (z**2 + np.log(2 * np.pi)) - np.log(self._scale)
        half = self.freedom / 2
        whole = special.gammaln(half + 0.5) - special.gammaln(half) - 0.5 * np.log(2 * half * np.pi)
        return whole - (half + 0.5) * np.log1p(z**2 / (2 * half)) - np.log(self._scale)

    def log_below(self, values: np.ndarray) -> np.ndarray:
        """(images,): log of the chance of a smaller value."""
        z = self._apart(values)
        if np.isscalar(self.freedom):
            return special.log_ndtr(z)
        with np.errstate(divide="ignore"):  # far below there is no chance at all
            return np.log(special.stdtr(self.freedom, z))

    @property
    def _scale(self) -> np.ndarray:
        return np.sqrt(np.maximum(self.variance, TINY))

    def _apart(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self._scale
