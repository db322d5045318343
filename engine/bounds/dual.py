"""The dual bound of Wong and Kolter (2018), estimated with random projections (Wong et al. 2018): for training only.

The dual network relaxes every ReLU that may or may not be active to a band between two parallel lines of the same
slope. Seen forwards, a layer's numbers are then a centre plus independent deviations, one for each pixel and for each
band so far, and the bound's radius is the l1 norm of their weights. A deviation drawn from a Cauchy distribution of its
own width, for all at once, makes of that norm the scale of a Cauchy number at every neuron, and the median of the
absolute values of k such draws estimates it, with a relative error of about (pi / 2) / sqrt(k): one pass for each draw
instead of one for each pixel and neuron. Bands are estimated so; the margins behind the last layer are then taken
exactly, backwards, as in Wong et al.: their noise would drown the gradient. An estimate certifies nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from engine.bounds import walk
from engine.bounds.box import margin_rows
from engine.bounds.curves import Activation, Band
from engine.bounds.values import Affine, NoRuleError, Value
from engine.models.stack import drawn

FEW = 16
"""Draws up to which a median is found faster by comparing whole draws than number by number."""


def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor, projections: int, rivals: int = 0) -> Tensor:
    """Estimates (n, classes - 1) of the dual's lower bounds of the margins of y for images within [low, high].

    projections: Cauchy draws, from torch's global generator. rivals: if not 0, only so many margins (n, rivals), the
    smallest ones of the centre, since each costs a pass. Differentiable. Not a bound.
    """
    centre, radius = (high + low) / 2, (high - low) / 2
    bands: list[Band] = []
    walk.features(model, Projected(centre, radius * _cauchy(projections, radius), bands))
    return _through_bands(model, centre, radius, bands, y, rivals)


def _through_bands(model: nn.Module, centre: Tensor, radius: Tensor, bands: list, y: Tensor, rivals: int) -> Tensor:
    """The dual's lower bounds (n, classes - 1), exactly, in a network whose ReLUs are replaced by given bands.

    That network is affine: what a deviation weighs in a margin is the margin's gradient to where it begins.
    """
    widths = [radius, *(band.half for band in bands)]
    head: list[Tensor | None] = []

    def behind(*deviations: Tensor) -> Tensor:
        steps = zip(bands, deviations[1:], strict=True)
        features, *head[:] = walk.features(model, Relaxed(centre + deviations[0], steps))
        return features.centre

    features, weights_of = torch.func.vjp(behind, *(torch.zeros_like(width) for width in widths))
    rows, shift = margin_rows(*head, y)
    found = (rows @ features[..., None])[..., 0] + shift
    if rivals:
        found, nearest = found.topk(min(rivals, found.shape[1]), dim=1, largest=False)
        rows = rows.gather(1, nearest[..., None].expand(-1, -1, rows.shape[2]))
    weights = torch.vmap(weights_of)(rows.transpose(0, 1))
    reach = [(weight.abs() * width).flatten(2).sum(dim=2) for weight, width in zip(weights, widths, strict=True)]
    return found - sum(reach).T


def _cauchy(count: int, like: Tensor) -> Tensor:
    """Draws (count, 1, ...), shared by the images of a batch."""
    return drawn((count, 1, *like.shape[1:]), like, Tensor.cauchy_)


def median_size(draws: Tensor) -> Tensor:
    """The median (...) of the absolute values of draws (k, ...), the lower one of two; its gradient is that draw's."""
    if len(draws) > FEW:
        return draws.abs().median(dim=0).values
    with torch.no_grad():
        sizes = draws.abs()
        rest = list(sizes.unbind())
        for place in range((len(rest) + 1) // 2):
            for each in range(len(rest) - 1, place, -1):
                pair = rest[each - 1], rest[each]
                rest[each - 1], rest[each] = torch.minimum(*pair), torch.maximum(*pair)
        places = torch.arange(len(rest), device=draws.device).view(-1, *[1] * (draws.ndim - 1))
        chosen = (places * (sizes == rest[(len(rest) - 1) // 2])).amax(dim=0, keepdim=True)
    return draws.gather(0, chosen)[0].abs()


def band_of(curve: Activation, low: Tensor, high: Tensor) -> Band:
    """The band that holds an activation between low and high; `NoRuleError` where none is known."""
    if curve.band is None:
        raise NoRuleError
    return curve.band(low, high)


@dataclass(frozen=True)
class Projected(Value):
    """A centre (n, ...) and draws (k, n, ...) of the deviations from it."""

    method = "dual"
    centre: Tensor
    draws: Tensor
    bands: list[Band]
    """Those of all activations so far, in the order of the network's steps."""

    def radius(self) -> Tensor:
        """The estimated l1 norm of the deviations' weights (n, ...)."""
        return median_size(self.draws)

    def affine(self, step: Affine) -> "Projected":
        """Every draw goes the way of the centre, without the bias."""
        draws = step.apply(self.draws.flatten(0, 1)).unflatten(0, self.draws.shape[:2])
        return replace(self, centre=step(self.centre), draws=draws)

    def bend(self, curve: Activation) -> "Projected":
        """The curve's band: its slope on everything so far, and half its height as a new deviation."""
        radius = self.radius()
        slope, shift, half = band = band_of(curve, self.centre - radius, self.centre + radius)
        self.bands.append(band)
        draws = slope * self.draws + half * _cauchy(len(self.draws), half)
        return replace(self, centre=slope * self.centre + shift, draws=draws)

    def reshape(self, shape: torch.Size) -> "Projected":
        """Number by number the same."""
        return replace(self, centre=self.centre.reshape(shape), draws=self.draws.reshape(len(self.draws), *shape))

    def add(self, other: "Projected") -> "Projected":
        """Deviations that both have in common add up or cancel."""
        return replace(self, centre=self.centre + other.centre, draws=self.draws + other.draws)


@dataclass(frozen=True)
class Relaxed(Value):
    """One point: the centre, in a network with bands in place of its activations."""

    method = "dual"
    centre: Tensor
    steps: Iterator[tuple[Band, Tensor]]
    """Of each activation to come its band, and a deviation that begins behind it."""

    def affine(self, step: Affine) -> "Relaxed":
        """Exact."""
        return replace(self, centre=step(self.centre))

    def bend(self, _: Activation) -> "Relaxed":
        """The middle of the next band."""
        band, deviation = next(self.steps)
        return replace(self, centre=band.slope * self.centre + band.shift + deviation)

    def reshape(self, shape: torch.Size) -> "Relaxed":
        """Number by number the same."""
        return replace(self, centre=self.centre.reshape(shape))

    def add(self, other: "Relaxed") -> "Relaxed":
        """The sum."""
        return replace(self, centre=self.centre + other.centre)
