"""Activations that are bounded: how high and low they are on an interval, and parallel lines that hold them there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

NARROWEST = 1e-12
"""Width below which a band counts as this wide: its slope and gradient stay finite."""


class Band(NamedTuple):
    """slope * x + shift, give or take half (0 where nothing bends), for each number's own interval."""

    slope: Tensor
    shift: Tensor
    half: Tensor


@dataclass(frozen=True)
class Activation:
    """An activation, number by number: it rises, but falls to the left of its valley if it has one."""

    layer: nn.Module
    """The function."""
    valley: float | None = None
    band: Callable[[Tensor, Tensor], Band] | None = None
    """A band that holds the function between a low and a high end; None where no band is known."""

    def between(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The lowest and the highest value between low and high."""
        first, last = self.layer(low), self.layer(high)
        if self.valley is None:
            return first, last
        least = torch.minimum(first, last)
        bottom = self.layer(low.new_tensor(self.valley))
        return torch.where((low < self.valley) & (high > self.valley), bottom, least), torch.maximum(first, last)


def leaky(slope: float) -> Activation:
    """The leaky ReLU of that slope below 0; of slope 0, the ReLU."""
    layer = nn.LeakyReLU(slope) if slope else nn.ReLU()
    return Activation(layer, 0.0 if slope < 0 else None, partial(_hull, slope))


def _hull(slope: float, low: Tensor, high: Tensor) -> Band:
    """The chord of a leaky ReLU, and the parallel through its bend."""
    bends = (low < 0) & (high > 0)
    width = (high - low).clamp(min=NARROWEST)
    hull = torch.where(bends, (high - slope * low) / width, torch.where(high > 0, high.new_ones(()), slope))
    shift = torch.where(bends, (slope - hull) * low / 2, 0.0)
    return Band(hull, shift, shift.abs())


def _least_slope(
    layer: nn.Module, derivative: Callable[[Tensor], Tensor], dip: float | None, low: Tensor, high: Tensor
) -> Band:
    """The lines of the least slope between both ends: what is left of the function only rises (Singh et al. 2018).

    derivative: has no least value inside an interval but at the dip.
    """
    slope = torch.minimum(derivative(low), derivative(high))
    if dip is not None:
        slope = torch.where((low < dip) & (high > dip), derivative(low.new_tensor(dip)), slope)
    bottom, top = layer(low) - slope * low, layer(high) - slope * high
    return Band(slope, (top + bottom) / 2, (top - bottom) / 2)


def _smooth(
    layer: nn.Module, derivative: Callable[[Tensor], Tensor], valley: float | None = None, dip: float | None = None
) -> Activation:
    return Activation(layer, valley, partial(_least_slope, layer, derivative, dip))


def _gelu_slope(x: Tensor) -> Tensor:
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    return torch.special.ndtr(x) + x * density


def _sigmoid_slope(x: Tensor) -> Tensor:
    return torch.sigmoid(x) * torch.sigmoid(-x)


def _tanh_slope(x: Tensor) -> Tensor:
    return 1 - torch.tanh(x).square()


SIGMOID = _smooth(nn.Sigmoid(), _sigmoid_slope)
TANH = _smooth(nn.Tanh(), _tanh_slope)
GELU = _smooth(nn.GELU(), _gelu_slope, valley=-0.7517915246935645, dip=-math.sqrt(2))
GELU_BY_TANH = Activation(nn.GELU("tanh"), valley=-0.7524614220710162)
"""The approximation that some networks use; its slope has no closed form worth bounding."""
