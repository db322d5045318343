"""What else could have come out: seeded splits, shuffled membership and bootstrap samples of one ranking.

All draw from the generator given and work through chunks of replicates, so memory stays small whatever their number.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from engine.inference import ranking
from engine.inference.ranking import Ranking

CHUNK = 1 << 19
"""Examples times replicates worked on at once: a few megabytes, which caches hold."""
BOOTSTRAPS = 1000
PERMUTATIONS = 400
LOW_RATES = (0.01, 0.001)
"""False positive rates at which the true positive rate is told."""


def held_out(
    ranked: Ranking, fitted: tuple[int, int], splits: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives (splits,) among the rest of a threshold chosen on so many members and non-members."""

    def each(count: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.zeros((count, len(ranked.is_member)), np.int8)
        for side, k in zip((ranked.is_member, ~ranked.is_member), fitted, strict=True):
            mask = np.broadcast_to(np.arange(np.count_nonzero(side)) < k, (count, np.count_nonzero(side)))
            chosen[:, side] = generator.permuted(mask, axis=1)
        counts = ranked.positives(chosen)
        place, called = ranking.best(*counts)[:, None], sum(counts)
        # A tau is a fitted score: between two of those every score does as well on the fitted, but not on the rest.
        last = np.count_nonzero(called >= np.take_along_axis(called, place, 1), axis=1, keepdims=True) - 1
        place = np.where(place > 0, last, 0)
        true, false = ranked.positives(1 - chosen)
        return np.take_along_axis(true, place, 1)[:, 0], np.take_along_axis(false, place, 1)[:, 0]

    return _in_chunks(ranked, splits, each)


def best_by_luck(ranked: Ranking, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives (permutations,) of the best threshold where membership is drawn by lot."""

    def each(count: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = generator.permuted(np.broadcast_to(ranked.is_member, (count, len(ranked.is_member))), axis=1)
        true, false = ranked.positives(is_member=drawn)
        place = ranking.best(true, false)[:, None]
        return np.take_along_axis(true, place, 1)[:, 0], np.take_along_axis(false, place, 1)[:, 0]

    return _in_chunks(ranked, PERMUTATIONS, each)


def bootstrap(
    ranked: Ranking, generator: np.random.Generator, rates: Sequence[float] = LOW_RATES
) -> tuple[np.ndarray, ...]:
    """AUC and the TPR at each of the rates as other samples might have shown them, (resamples,) each.

    Of the AUC members and non-members are resampled apart. Only the members below each non-member count, so one running
    sum of the members' weights is all there is to do.
    """
    n, m = ranked.n_member, ranked.n_nonmember
    ends = np.append(ranked.starts, n + m)
    members_before = np.append(0, np.cumsum(ranked.is_member))[ends]
    tau = np.repeat(np.arange(len(ranked.starts)), np.diff(ends))[~ranked.is_member]
    below, up_to = members_before[tau], members_before[tau + 1]

    def each(count: int) -> tuple[np.ndarray, ...]:
        members = np.zeros((count, n + 1), np.int32)
        np.cumsum(_drawn_again(n, count, generator), axis=1, out=members[:, 1:])
        others = _drawn_again(m, count, generator)
        pairs = (2 * n - members[:, below] - members[:, up_to]) * others
        return (pairs.sum(axis=1) / (2 * n * m),)

    (areas,) = _in_chunks(ranked, BOOTSTRAPS, each)
    return areas, *(found_at(ranked, rate, generator) for rate in rates)


def found_at(ranked: Ranking, rate: float, generator: np.random.Generator) -> np.ndarray:
    """What the TPR may be at the tau that accuses just this share of all non-members there are: (resamples,).

    Of m non-members binomially many, b, lie above that tau: it stands between the b-th and the next, somewhere (a
    sample cannot say where), and the share of members above it has the spread of Jeffreys' interval. A bootstrap of the
    non-members moves tau likewise, but never above the highest of them, where a low rate's tau may well be.
    """
    true, false = ranked.positives()
    above = generator.binomial(ranked.n_nonmember, rate, BOOTSTRAPS)
    fewest, most = (ranking.within(true, false, above - less)[0] for less in (1, 0))
    found = fewest + (most - fewest) * generator.random(BOOTSTRAPS)
    return generator.beta(found + 0.5, ranked.n_member - found + 0.5)


def _drawn_again(n: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """How often each of n examples comes in samples of n with replacement: (count, n)."""
    draws = generator.integers(0, n, (count, n), dtype=np.int32)
    draws += (n * np.arange(count, dtype=np.int32))[:, None]
    return np.bincount(draws.ravel(), minlength=count * n).reshape(count, n)


def _in_chunks(
    ranked: Ranking, replicates: int, each: Callable[[int], tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, ...]:
    parts = [each(count) for count in _counts(replicates, max(1, CHUNK // len(ranked.is_member)))]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _counts(total: int, most: int) -> Iterator[int]:
    for start in range(0, total, most):
        yield min(most, total - start)
