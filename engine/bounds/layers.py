"""Steps of a network's code as layers, made of operators that auto_LiRPA bounds soundly."""

import torch
from torch import Tensor, nn


class Scaled(nn.Module):
    """x * scale + shift, by channel or by number, as a BatchNorm.

    shape: of one image or its features; scale and shift fit (1, *shape).
    """

    def __init__(self, scale: Tensor, shift: Tensor, shape: torch.Size) -> None:
        super().__init__()
        by_channel = torch.Size((shape[0], *[1] * (len(shape) - 1)))
        alike = torch.broadcast_shapes(scale.shape, shift.shape, (1, *by_channel)) == (1, *by_channel)
        own = by_channel if alike else shape
        self.inside = shape if alike and len(shape) == 3 else torch.Size((own.numel(), 1, 1))
        self.outside = shape
        self.norm = nn.BatchNorm2d(own.numel(), eps=0.0).to(scale).eval()
        with torch.no_grad():
            self.norm.weight.copy_(scale.expand(1, *own).flatten())
            self.norm.bias.copy_(shift.expand(1, *own).flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(n, *shape) -> the same."""
        if self.inside == self.outside:
            return self.norm(x)
        return self.norm(x.reshape(-1, *self.inside)).reshape(-1, *self.outside)


class Mean(nn.Module):
    """The mean over axes."""

    def __init__(self, axes: tuple[int, ...], keepdim: bool) -> None:
        super().__init__()
        self.axes, self.keepdim = axes, keepdim

    def forward(self, x: Tensor) -> Tensor:
        """Without these axes, or with 1 in their place."""
        return x.mean(self.axes, self.keepdim)


class View(nn.Module):
    """The same numbers of each image in another shape."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, *shape)."""
        return x.reshape(-1, *self.shape)


class Sum(nn.Module):
    """The sum of two branches."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Both of one shape."""
        return first + second
