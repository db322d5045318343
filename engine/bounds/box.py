"""The box of images an attacker can reach, and what margins that hold everywhere in it say of an answer."""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.validation import SpecError


class BoundError(SpecError):
    """A network that a method cannot bound; one line saying why."""


def box(x: Tensor, epsilon: float, *, clip: bool = True) -> tuple[Tensor, Tensor]:
    """Lowest and highest pixels within epsilon of the images x; clip: and within [0, 1]."""
    low, high = x - epsilon, x + epsilon
    return (low.clamp(min=0), high.clamp(max=1)) if clip else (low, high)


def difference_rows(num_classes: int, y: Tensor) -> Tensor:
    """float32 (n, classes - 1, classes): rows that take the margins of y over the others, in their order."""
    identity = torch.eye(num_classes, device=y.device)
    return identity[y][:, None] - identity[wrong_classes(num_classes, y)]


def margin_rows(weight: Tensor, bias: Tensor | None, y: Tensor) -> tuple[Tensor, Tensor]:
    """A last linear layer merged with the differences: rows (n, classes - 1, features), biases (n, classes - 1)."""
    differences = difference_rows(len(weight), y).to(weight.dtype)
    rows = differences @ weight
    return rows, rows.new_zeros(rows.shape[:2]) if bias is None else differences @ bias


def wrong_classes(num_classes: int, y: Tensor) -> Tensor:
    """int64 (n, classes - 1): all classes but y, in their order."""
    others = torch.arange(num_classes - 1, device=y.device)
    return others + (others >= y[:, None])


def worst_logits(margins: Tensor, y: Tensor) -> Tensor:
    """Logits (n, classes) of the worst case that margins (n, classes - 1) allow: 0 for y, minus its margin for others.

    Their softmax at y is the certified worst-case confidence 1 / (1 + sum exp(-margin)); y has the highest one only if
    all margins are above 0, since a margin of exactly 0 is taken for the smallest one below.
    """
    others = -margins
    others = torch.where(others == 0, torch.finfo(others.dtype).tiny, others)
    shape = (len(y), margins.shape[1] + 1)
    wrong = wrong_classes(shape[1], y)
    return torch.zeros(shape, dtype=others.dtype, device=others.device).scatter(1, wrong, others)


def worst_loss(margins: Tensor) -> Tensor:
    """Certified worst-case cross-entropy (n,): log(1 + sum exp(-margin))."""
    return torch.logsumexp(F.pad(-margins, (1, 0)), dim=1)
