"""Training on the certified cross-entropy of the dual bound (Wong and Kolter 2018; Wong et al. 2018; protocol B4)."""

from torch import Tensor, nn
from torch.nn import functional as F

from engine.bounds import dual
from engine.bounds.box import box, worst_loss
from engine.spec.recipes.settings import DualRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: DualRecipe, epsilon: float, step: int) -> Tensor:
    """CE(worst-case logits), estimated by random projections at an epsilon that grows, plus a share of CE(logits)."""
    budget, kappa = recipe.epsilon_at(step, epsilon), recipe.kappa_at(step)
    begun = recipe.epsilon_at(step, 1.0) > 0
    plain = F.cross_entropy(model(x).float(), y) if kappa or not begun else 0.0
    if not begun:
        return plain
    low, high = box(x, budget, clip=recipe.clip_input)
    margins = dual.margins(model, low, high, y, recipe.projections, recipe.rivals)
    return kappa * plain + (1 - kappa) * worst_loss(margins.float()).mean()
