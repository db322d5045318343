"""What models trained alike say of the same images, and which of it an attacker on one of them may use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.validation import require

TILE = 1 << 21
"""Answers worked on at once: 16 MB of float64."""


@dataclass(frozen=True, eq=False)
class Side:
    """The references that trained on each image, or those that did not."""

    count: np.ndarray
    """int64 (images,)."""
    mean: np.ndarray
    """float64 (images, views): of their log-odds; 0 where there are none."""
    scatter: np.ndarray
    """float64 (images, views): sum of squares about the mean."""
    cross: np.ndarray
    """float64 (views, views): sum of the products about the mean, over all images."""
    likelihood: np.ndarray
    """float64 (images, views): mean probability of the true class; 0 where there are none."""

    @property
    def freedom(self) -> int:
        """Degrees of freedom of all images together."""
        return int(np.maximum(self.count - 1, 0).sum())


@dataclass(frozen=True, eq=False)
class References:
    """What an attacker's own models say of the images."""

    inside: Side
    outside: Side


@dataclass(frozen=True, eq=False)
class Population:
    """Models trained alike on different members; each is a target with others as its references."""

    views: tuple[str, ...]
    odds: np.ndarray
    """float64 (models, images, views): log-odds of the true class, log p - log(1 - p), in each view."""
    member: np.ndarray
    """bool (models, images): what each model trained on."""

    @classmethod
    def of(cls, odds: Mapping[str, np.ndarray], member: np.ndarray) -> "Population":
        """From log-odds (models, images) of each view.

        What is infinite, as of a softmax that is 1 in float32, becomes the largest finite number of its view.
        """
        shapes = {view: values.shape for view, values in odds.items()}
        for view, shape in shapes.items():
            require(shape == member.shape, view, shape, f"(models, images) as of the members, {member.shape}")
        return cls(tuple(odds), np.stack([_finite(values) for values in odds.values()], axis=-1), member)

    def __len__(self) -> int:
        return len(self.member)

    def usable(self, target: int, apart_from: int | None = None) -> np.ndarray:
        """Models (indices) that may be references of a target.

        Neither the target nor its complement, which trained on just the other images: what the rest say of an image
        must not depend on the target's membership, and with the complement among them one could count it off.
        """
        left_out = {target, *self._complements(target)}
        if apart_from is not None:
            left_out |= {apart_from, *self._complements(apart_from)}
        return np.array([model for model in range(len(self)) if model not in left_out], int)

    def references(self, target: int, apart_from: int | None = None) -> References:
        """What is known to an attacker on the target; apart_from: a model that is not there at all."""
        models = self.usable(target, apart_from)
        inside, outside = self.member[models], ~self.member[models]
        total = inside.sum(axis=0) + self.member[target]
        if len(models) > 1 and (total == total[0]).all():
            # Where as many models trained on each image, the others' number would tell the target's membership.
            inside, outside = (_first(side, side.sum(axis=0).min()) for side in (inside, outside))
        return References(*(self._side(models, used) for used in (inside, outside)))

    def of_views(self, *views: str) -> "Population":
        """The same with some of its views alone."""
        chosen = [self.views.index(view) for view in views]
        return Population(views, self.odds[:, :, chosen], self.member)

    def _complements(self, model: int) -> list[int]:
        return np.flatnonzero((self.member != self.member[model]).all(axis=1)).tolist()

    def _side(self, models: np.ndarray, used: np.ndarray) -> Side:
        parts = [self._tile(models, used, tile) for tile in self._tiles(len(models))]
        count, mean, scatter, cross, likelihood = zip(*parts, strict=True)
        whole = (np.concatenate(part) for part in (count, mean, scatter))
        return Side(*whole, np.sum(cross, axis=0), np.concatenate(likelihood))

    def _tile(self, models: np.ndarray, used: np.ndarray, tile: slice) -> tuple[np.ndarray, ...]:
        odds, weights = self.odds[models, tile], used[:, tile, None].astype(float)
        count = used[:, tile].sum(axis=0)
        divisor = np.maximum(count, 1)[:, None]
        mean = (odds * weights).sum(axis=0) / divisor
        apart = (odds - mean) * weights
        likelihood = (probabilities(odds) * weights).sum(axis=0) / divisor
        cross = np.einsum("miv,miw->vw", apart, apart)
        return count, mean, (apart**2).sum(axis=0), cross, likelihood

    def _tiles(self, models: int) -> Iterator[slice]:
        images = self.member.shape[1]
        step = max(1, TILE // max(1, models * len(self.views)))
        for start in range(0, images, step):
            yield slice(start, start + step)


def probabilities(odds: np.ndarray) -> np.ndarray:
    """The probabilities that log-odds stand for."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-odds))


def _first(side: np.ndarray, most: int) -> np.ndarray:
    """The first models (models, images) of each image, so many at most."""
    return side & (np.cumsum(side, axis=0) <= most)


def _finite(values: np.ndarray) -> np.ndarray:
    values = values.astype(float)
    finite = values[np.isfinite(values)]
    ends = (finite.min(), finite.max()) if finite.size else (-1.0, 1.0)
    return np.clip(values, *ends)
