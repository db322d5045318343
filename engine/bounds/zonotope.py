"""The dual bound of Wong and Kolter (2018), exactly: every deviation from the centre is followed by itself. Sound.

It is same-slope CROWN with intermediate bounds of the same kind, seen forwards (see `engine.bounds.dual`): one small
pass for each pixel and for each ReLU that may or may not be active, which on small images is many times faster than
going backwards from each neuron.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from engine.bounds import walk
from engine.bounds.box import margin_rows
from engine.bounds.curves import Activation
from engine.bounds.dual import band_of
from engine.bounds.values import Affine, Value

TOGETHER = 128
"""Deviations that go through a layer at once, so that they stay in fast memory."""

_numbers = count()


@torch.no_grad()
def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor) -> Tensor:
    """Lower bounds (n, classes - 1) of the margins of y for all images within [low, high], without gradient."""
    found = []
    for lowest, highest, label in zip(low, high, y, strict=True):
        centre, radius = (highest + lowest) / 2, (highest - lowest) / 2
        features, weight, bias = walk.features(model, Zonotope(centre[None], dict(_fresh(radius))))
        rows, shift = margin_rows(weight, bias, label[None])
        reach = sum((block @ rows[0].T).abs().sum(dim=0) for block in features.blocks.values())
        found.append(features.centre @ rows[0].T - reach + shift)
    return torch.cat(found)


@dataclass(frozen=True)
class Zonotope(Value):
    """A centre (1, ...) and the deviations from it, each times a number of its own in [-1, 1]."""

    method = "dual"
    centre: Tensor
    blocks: dict[int, Tensor]
    """Blocks of deviations (count, ...) by number, so that branches that meet again know those they share."""

    def radius(self) -> Tensor:
        """How far the set reaches from its centre (1, ...)."""
        each = (block.abs().sum(dim=0, keepdim=True) for block in self.blocks.values())
        return sum(each, start=torch.zeros_like(self.centre))

    def affine(self, step: Affine) -> "Zonotope":
        """Exact."""
        return Zonotope(step(self.centre), {key: step.apply(block) for key, block in self.blocks.items()})

    def bend(self, curve: Activation) -> "Zonotope":
        """The curve's band; half its height is a new deviation of each neuron that may bend."""
        radius = self.radius()
        slope, shift, half = band_of(curve, self.centre - radius, self.centre + radius)
        blocks = {key: slope * block for key, block in self.blocks.items()}
        return Zonotope(slope * self.centre + shift, blocks | dict(_fresh(half[0])))

    def reshape(self, shape: torch.Size) -> "Zonotope":
        """Number by number the same."""
        blocks = {key: block.reshape(len(block), *shape[1:]) for key, block in self.blocks.items()}
        return Zonotope(self.centre.reshape(shape), blocks)

    def add(self, other: "Zonotope") -> "Zonotope":
        """Deviations that both have in common add up or cancel."""
        blocks = dict(self.blocks)
        for key, block in other.blocks.items():
            blocks[key] = blocks[key] + block if key in blocks else block
        return Zonotope(self.centre + other.centre, blocks)


def _fresh(half: Tensor) -> Iterator[tuple[int, Tensor]]:
    """A deviation of each number by as much as its half (...), where that is not 0, in numbered blocks."""
    for places in half.flatten().nonzero()[:, 0].split(TOGETHER):
        block = half.new_zeros(len(places), half.numel())
        block.scatter_(1, places[:, None], half.flatten()[places, None])
        yield next(_numbers), block.unflatten(1, half.shape)
