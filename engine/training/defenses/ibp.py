"""Interval bound propagation (Gowal et al. 2018; protocol B6): plain and certified cross-entropy, weights moving."""

from torch import Tensor, nn
from torch.nn import functional as F

from engine.bounds import interval
from engine.bounds.box import box, worst_loss
from engine.spec.recipes.settings import IBPRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: IBPRecipe, epsilon: float, step: int) -> Tensor:
    """CE(logits) * kappa + CE(certified worst-case logits) * (1 - kappa), epsilon and 1 - kappa growing together."""
    kappa = recipe.kappa_at(step)
    plain = F.cross_entropy(model(x).float(), y)
    if kappa == 1:
        return plain
    margins = interval.margins(model, *box(x, recipe.epsilon_at(step, epsilon), clip=recipe.clip_input), y)
    return kappa * plain + (1 - kappa) * worst_loss(margins.float()).mean()
