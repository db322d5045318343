"""Interval bound propagation (Gowal et al. 2018): every number lies within a radius of a centre. Sound."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.bounds import walk
from engine.bounds.box import margin_rows, wrong_classes
from engine.bounds.curves import Activation
from engine.bounds.values import Affine, Value
from engine.models.networks import Standardise


def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor) -> Tensor:
    """Lower bounds (n, classes - 1) of the margins of y over the other classes, for all images within [low, high].

    The last linear layer is merged with the differences (elision). Differentiable; the model's mode is the caller's.
    """
    features, weight, bias = walk.features(model, Interval.between(low, high))
    rows, shift = margin_rows(weight, bias, y)
    return (rows @ features.centre[..., None] - rows.abs() @ features.radius[..., None])[..., 0] + shift


def loose_margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor) -> Tensor:
    """The same with differences taken after the last layer: lowest logit of y less highest of each other (DiffAI)."""
    logits = walk.logits(model, Interval.between(low, high))
    true = (logits.centre - logits.radius).gather(1, y[:, None])
    return true - (logits.centre + logits.radius).gather(1, wrong_classes(logits.centre.shape[1], y))


@dataclass(frozen=True)
class Interval(Value):
    """All points within the radius of the centre, both (n, ...)."""

    method = "ibp"
    centre: Tensor
    radius: Tensor

    @classmethod
    def between(cls, low: Tensor, high: Tensor) -> "Interval":
        """All numbers from low to high."""
        return cls((high + low) / 2, (high - low) / 2)

    def affine(self, step: Affine) -> "Interval":
        """Exact for each number by itself."""
        return Interval(step(self.centre), step.absolute(self.radius))

    def bend(self, curve: Activation) -> "Interval":
        """Exact."""
        return Interval.between(*curve.between(self.centre - self.radius, self.centre + self.radius))

    def max_pool(self, layer: nn.MaxPool2d) -> "Interval":
        """Exact: the largest number grows with each."""
        return Interval.between(layer(self.centre - self.radius), layer(self.centre + self.radius))

    def standardise(self, layer: Standardise) -> "Interval":
        """The interval of each image's centred pixels divided by that of its standard deviation."""
        axes, count = (1, 2, 3), self.centre[0].numel()
        centre = self.centre - self.centre.mean(axes, keepdim=True)
        # Of its own mean a pixel is one part in `count`, and so moves with it.
        radius = self.radius * (1 - 2 / count) + self.radius.mean(axes, keepdim=True)
        nearest, farthest = (centre.abs() - radius).clamp(min=0), centre.abs() + radius
        least, most = (
            end.square().mean(axes, keepdim=True).clamp(min=layer.variance_floor).rsqrt() for end in (farthest, nearest)
        )
        low, high = centre - radius, centre + radius
        return Interval.between(torch.minimum(low * least, low * most), torch.maximum(high * least, high * most))

    def reshape(self, shape: torch.Size) -> "Interval":
        """Number by number the same."""
        return Interval(self.centre.reshape(shape), self.radius.reshape(shape))

    def add(self, other: "Interval") -> "Interval":
        """Radii add up, whatever the two have in common."""
        return Interval(self.centre + other.centre, self.radius + other.radius)
