"""Certified bounds: margins that hold for every image in a box, by propagation of our own or through auto_LiRPA."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from engine.bounds import graphs, interval, walk, zonotope
from engine.bounds.box import BoundError, box, worst_logits
from engine.evaluation import pgd
from engine.registry import CERTIFICATIONS
from engine.validation import SpecError


def margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor, method: str) -> Tensor:
    """Lower bounds (n, classes - 1), without gradient, of the margins of y for all images within [low, high].

    method: one of `CERTIFICATIONS`. The better, number by number, of the method's own bound and of interval
    propagation's where there is one, so that none is looser than that. model: in inference mode. Raises `BoundError`
    for a network that the method cannot bound, with the methods that can.
    """
    with torch.no_grad(), _with_remedy(model, low[0], method):
        found = _margins(model, low, high, y, method)
    if method == "ibp":
        return found
    with torch.no_grad(), contextlib.suppress(BoundError):
        found = torch.maximum(interval.margins(model, low, high, y), found)
    return found


def _margins(model: nn.Module, low: Tensor, high: Tensor, y: Tensor, method: str) -> Tensor:
    """The method's own bounds."""
    if method == "ibp":
        return interval.margins(model, low, high, y)
    if method == "dual":
        return zonotope.margins(model, low, high, y)
    from engine.bounds import lirpa  # auto_LiRPA takes a second to import

    return lirpa.margins(model, low, high, y, method)


def require(model: nn.Module, image: Tensor, method: str) -> None:
    """Refuse a network that the method cannot bound, as `margins` would; image: one (channels, height, width)."""
    with graphs.inference(model), _with_remedy(model, image, method):
        _require(model, image, method)


@torch.no_grad()
def _require(model: nn.Module, image: Tensor, method: str) -> None:
    """Send a set of that one image through the network; `BoundError`."""
    if method == "ibp":
        walk.logits(model, interval.Interval.between(image[None], image[None]))
    elif method == "dual":
        walk.logits(model, zonotope.Zonotope(image[None], {}))
    else:
        from engine.bounds import lirpa

        lirpa.Verifier(model, image, method)


@contextlib.contextmanager
def _with_remedy(model: nn.Module, image: Tensor, method: str) -> Iterator[None]:
    """Add to a refusal which other methods would bound the network, if any."""
    try:
        yield
    except BoundError as error:
        others = [other for other in CERTIFICATIONS if other != method and _bounded(model, image, other)]
        remedy = f" (use {', '.join(others)})" if others else ""
        raise BoundError(f"{error}{remedy}") from error


def _bounded(model: nn.Module, image: Tensor, method: str) -> bool:
    try:
        _require(model, image, method)
    except SpecError:
        return False
    return True


def tile_size(model: nn.Module, image: Tensor, num_classes: int, method: str) -> int:
    """Images that are bounded at once: speed and memory, not results. image: (channels, height, width)."""
    if method in ("ibp", "dual"):
        return pgd.tile_size(model, image)
    from engine.bounds import lirpa

    return lirpa.tile_size(model, image, num_classes, method)


__all__ = ["BoundError", "box", "margins", "require", "tile_size", "worst_logits"]
