"""Natural training: cross-entropy on the images as they are (protocol B0)."""

from torch import Tensor, nn
from torch.nn import functional as F

from engine.spec.recipes import Recipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: Recipe, _epsilon: float, _step: int) -> Tensor:
    """Mean cross-entropy of the batch."""
    return F.cross_entropy(model(x).float(), y, label_smoothing=recipe.label_smoothing)
