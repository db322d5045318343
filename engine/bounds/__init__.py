"""Certified bounds: margins that hold for every image in a box, by propagation of our own or through auto_LiRPA."""

import torch
from torch import Tensor, nn

from engine import attacks
from engine.bounds import interval, zonotope
from engine.bounds.box import BoundError, box, worst_logits


def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor, method: str) -> Tensor:
    """Lower bounds (n, classes - 1), without gradient, of the margins of y for all images within [low, high].

    method: one of `CERTIFICATIONS`. The better, number by number, of the method's own bound and of interval
    propagation's, so that none is looser than that. model: in inference mode. Raises `BoundError` for a network that
    the method cannot bound.
    """
    with torch.no_grad():
        plain = interval.margins(model, low, high, y)
    if method == "ibp":
        return plain
    if method == "dual":
        return torch.maximum(plain, zonotope.margins(model, low, high, y))
    from engine.bounds import lirpa  # auto_LiRPA takes a second to import

    return torch.maximum(plain, lirpa.margins(model, low, high, y, method))


def tile_size(model: nn.Module, image: Tensor, num_classes: int, method: str) -> int:
    """Images that are bounded at once: speed and memory, not results. image: (channels, height, width)."""
    if method in ("ibp", "dual"):
        return attacks.tile_size(model, image)
    from engine.bounds import lirpa

    return lirpa.tile_size(model, image, num_classes, method)


__all__ = ["BoundError", "box", "margins", "tile_size", "worst_logits"]
