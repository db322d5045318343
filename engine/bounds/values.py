"""Sets of images, and of what a layer makes of them: what every bounding method sends through a network."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from engine.bounds.curves import Activation
from engine.models.networks import Standardise


class NoRuleError(Exception):
    """A step that a method has no rule for; the message, where there is one, says what about it."""


@dataclass(frozen=True)
class Affine:
    """A step x -> A x + b on batches of images or of features."""

    apply: Callable[[Tensor], Tensor]
    """x -> A x."""
    absolute: Callable[[Tensor], Tensor]
    """x -> |A| x."""
    bias: Tensor | None = None
    """b, in a shape that can be added to an answer."""
    layer: Callable[[], nn.Module] | None = None
    """Makes a module that does the step; None where there is none."""

    def __call__(self, x: Tensor) -> Tensor:
        """A x + b."""
        found = self.apply(x)
        return found if self.bias is None else found + self.bias


class Value(ABC):
    """A set of images, or of what a layer makes of them, for each of a batch.

    A step that it has no rule for raises `NoRuleError`.
    """

    method: ClassVar[str]
    """The method's name."""

    centre: Tensor
    """A point of each set (batch, ...)."""

    @abstractmethod
    def affine(self, step: Affine) -> Self:
        """The set behind an affine step."""

    @abstractmethod
    def bend(self, curve: Activation) -> Self:
        """A set that holds every point behind an activation."""

    @abstractmethod
    def reshape(self, shape: torch.Size) -> Self:
        """The same numbers in another shape (batch first)."""

    @abstractmethod
    def add(self, other: Self) -> Self:
        """All sums of a point of this set and a point of the other."""

    def max_pool(self, layer: nn.MaxPool2d) -> Self:  # noqa: ARG002
        """A set that holds the largest numbers of all windows."""
        raise NoRuleError

    def standardise(self, layer: Standardise) -> Self:  # noqa: ARG002
        """A set that holds every image after its own standardisation."""
        raise NoRuleError


@dataclass(frozen=True)
class SinglePoint(Value):
    """A set of one point: what the followed steps give for it, to be compared with what the network does."""

    method = "any method"
    centre: Tensor

    def affine(self, step: Affine) -> "SinglePoint":
        """The answer."""
        return SinglePoint(step(self.centre))

    def bend(self, curve: Activation) -> "SinglePoint":
        """The answer."""
        return SinglePoint(curve.layer(self.centre))

    def max_pool(self, layer: nn.MaxPool2d) -> "SinglePoint":
        """The answer."""
        return SinglePoint(layer(self.centre))

    def standardise(self, layer: Standardise) -> "SinglePoint":
        """The answer."""
        return SinglePoint(layer(self.centre))

    def reshape(self, shape: torch.Size) -> "SinglePoint":
        """The answer."""
        return SinglePoint(self.centre.reshape(shape))

    def add(self, other: "SinglePoint") -> "SinglePoint":
        """The sum."""
        return SinglePoint(self.centre + other.centre)
