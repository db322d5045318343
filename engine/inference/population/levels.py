"""LiRA's moments by empirical Bayes: an image's own count for as much as its references are many.

An image's level is its mean log-odds over all references, which says how hard it is. What membership adds (the gap),
how much that differs from image to image, and how far the references of either side spread are told by the tenth of all
images whose levels are nearest. An image's own gap is drawn towards theirs by the share of its variance that is luck
(Efron and Morris 1973). Where both sides spread alike, the level's luck is independent of the gap's.
"""

import numpy as np

from engine.inference.population.references import References
from engine.inference.population.student import TINY, Student

WINDOW = 0.1
"""Share of all images that tell of those in their middle."""


class _Neighbours:
    """Means over the images nearest in level."""

    def __init__(self, level: np.ndarray) -> None:
        place, reach = np.arange(len(level)), max(1, int(len(level) * WINDOW / 2))
        self._order = np.argsort(level, kind="stable")
        self._ends = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(level))

    def mean(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(images,): weighted mean around each image; over all images where nothing around it has weight."""
        sums = [self._sum(values * weights), self._sum(weights)]
        overall = (values * weights).sum() / max(weights.sum(), 1)
        return np.where(sums[1] > 0.5, sums[0] / np.maximum(sums[1], 1), overall)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        running = np.concatenate([[0.0], np.cumsum(values[self._order])])
        low, high = self._ends
        found = np.empty(len(values))
        found[self._order] = running[high] - running[low]
        return found


def sides(references: References) -> tuple[Student, Student]:
    """What is expected of a model that trained on each image, and of one that did not."""
    pair = references.inside, references.outside
    n_in, n_out = (side.count.astype(float) for side in pair)
    n, both = np.maximum(n_in + n_out, 1), ((n_in > 0) & (n_out > 0)).astype(float)
    level = (n_in * pair[0].mean[:, 0] + n_out * pair[1].mean[:, 0]) / n
    gap = (pair[0].mean[:, 0] - pair[1].mean[:, 0]) * both
    near = _Neighbours(level)
    usual = near.mean(gap, both)
    scatter = near.mean((gap - usual) ** 2, both)
    freedom = [np.maximum(side.count - 1, 0).astype(float) for side in pair]
    spread = [near.mean(side.scatter[:, 0] / np.maximum(own, 1), own) for side, own in zip(pair, freedom, strict=True)]
    known = [bool(own.any()) for own in freedom]
    if not any(known):  # one reference of each side: all that gaps differ by is taken for luck
        spread = [scatter / 2] * 2
    elif not all(known):
        spread = [spread[known.index(True)]] * 2
    luck = spread[0] / np.maximum(n_in, 1) + spread[1] / np.maximum(n_out, 1)
    truth = np.maximum(scatter - near.mean(luck, both), 0)
    share = both * truth / np.maximum(truth + luck, TINY)
    gap, left = usual + share * (gap - usual), truth * (1 - share)
    off = (n_in * spread[0] + n_out * spread[1]) / n**2
    return (
        Student(level + gap * n_out / n, spread[0] + off + left * (n_out / n) ** 2),
        Student(level - gap * n_in / n, spread[1] + off + left * (n_in / n) ** 2),
    )
