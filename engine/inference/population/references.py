"""What models trained alike say of the same images, and which of it an attacker on one of them may use."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.validation import require

TILE = 1 << 21
"""Answers worked on at once: 16 MB of float64."""
JUDGES = 8
"""References that are targets themselves for the sake of a threshold, at most."""


@dataclass(frozen=True, eq=False)
class Side:
    """The references that trained on each image, or those that did not."""

    count: np.ndarray
    """int64 (images,)."""
    mean: np.ndarray
    """float64 (images, views): of their log-odds; 0 where there are none."""
    scatter: np.ndarray
    """float64 (images, views): sum of squares about the mean."""
    likelihood: np.ndarray
    """float64 (images, views): mean probability of the true class; 0 where there are none."""

    @property
    def freedom(self) -> int:
        """Degrees of freedom of all images together."""
        return int(np.maximum(self.count - 1, 0).sum())

    def of_view(self, view: int) -> "Side":
        """Of one view alone."""
        return Side(self.count, *(each[:, [view]] for each in (self.mean, self.scatter, self.likelihood)))


@dataclass(frozen=True, eq=False)
class References:
    """What an attacker's own models say of the images."""

    inside: Side
    outside: Side
    judges: Callable[[], Iterator["Target"]]
    """These models as targets of each other, where the target is not there; a few at most."""

    @property
    def online(self) -> bool:
        """Whether most images have references that trained on them."""
        return bool(np.median(self.inside.count) >= 1)

    @property
    def enough(self) -> bool:
        """Whether most images have references that did not train on them, without which there is no attack."""
        return bool(np.median(self.outside.count) >= 1)

    def of_view(self, view: int) -> "References":
        """Of one view alone."""
        return References(self.inside.of_view(view), self.outside.of_view(view), self.judges)


@dataclass(frozen=True, eq=False)
class Target:
    """A model under attack: what it says, what is known to the attacker, and the truth."""

    odds: np.ndarray
    """float64 (images, views)."""
    references: References
    member: np.ndarray
    """bool (images,)."""
    images: np.ndarray
    """int (images,): what they are called."""


@dataclass(frozen=True, eq=False)
class Population:
    """Models trained alike on different members; each is a target with others as its references."""

    views: tuple[str, ...]
    odds: np.ndarray
    """float64 (models, images, views): log-odds of the true class, log p - log(1 - p), in each view."""
    member: np.ndarray
    """bool (models, images): what each model trained on."""
    images: np.ndarray
    """int (images,): what the images are called."""

    @classmethod
    def of(cls, odds: Mapping[str, np.ndarray], member: np.ndarray, images: np.ndarray | None = None) -> "Population":
        """From log-odds (models, images) of each view.

        What is infinite, as of a softmax that is 1 in float32, becomes the largest finite number of its view.
        """
        shapes = {view: values.shape for view, values in odds.items()}
        for view, shape in shapes.items():
            require(shape == member.shape, view, shape, f"(models, images) as of the members, {member.shape}")
        called = np.arange(member.shape[1]) if images is None else images
        return cls(tuple(odds), np.stack([_finite(values) for values in odds.values()], axis=-1), member, called)

    def __len__(self) -> int:
        return len(self.member)

    def usable(self, target: int, *absent: int) -> np.ndarray:
        """Models (indices) that may be references of a target; absent: models that are not there at all.

        Neither a target nor its complement, which trained on just the other images: what the rest say of an image must
        not depend on the target's membership, and with the complement among them one could count it off.
        """
        left_out = {model for one in (target, *absent) for model in (one, *self._complements(one))}
        return np.array([model for model in range(len(self)) if model not in left_out], int)

    def target(self, model: int, *absent: int) -> Target:
        """A model as the target of the others."""
        return Target(self.odds[model], self.references(model, *absent), self.member[model], self.images)

    def references(self, target: int, *absent: int) -> References:
        """What is known to an attacker on the target."""
        models = self.usable(target, *absent)
        inside, outside = self.member[models], ~self.member[models]
        total = inside.sum(axis=0) + self.member[target]
        if len(models) > 1 and (total == total[0]).all():
            # Where as many models trained on each image, the others' number would tell the target's membership.
            inside, outside = (_first(side, side.sum(axis=0).min()) for side in (inside, outside))
        sides = (self._side(models, used) for used in (inside, outside))
        return References(*sides, lambda: self._judges(target, *absent))

    def _judges(self, target: int, *absent: int) -> Iterator[Target]:
        for model in self.usable(target, *absent)[:JUDGES].tolist():
            if (judge := self.target(model, target, *absent)).references.enough:
                yield judge

    def of_views(self, *views: str) -> "Population":
        """The same with some of its views alone."""
        chosen = [self.views.index(view) for view in views]
        return Population(views, self.odds[:, :, chosen], self.member, self.images)

    def _complements(self, model: int) -> list[int]:
        return np.flatnonzero((self.member != self.member[model]).all(axis=1)).tolist()

    def _side(self, models: np.ndarray, used: np.ndarray) -> Side:
        parts = [self._tile(models, used, tile) for tile in self._tiles(len(models))]
        return Side(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _tile(self, models: np.ndarray, used: np.ndarray, tile: slice) -> tuple[np.ndarray, ...]:
        odds, weights = self.odds[models, tile], used[:, tile, None].astype(float)
        count = used[:, tile].sum(axis=0)
        divisor = np.maximum(count, 1)[:, None]
        mean = (odds * weights).sum(axis=0) / divisor
        apart = (odds - mean) * weights
        likelihood = (probabilities(odds) * weights).sum(axis=0) / divisor
        return count, mean, (apart**2).sum(axis=0), likelihood

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
