"""DiffAI training with boxes (Mirman et al. 2018; protocol B5)."""

from torch import Tensor, nn
from torch.nn import functional as F

from engine.bounds import interval
from engine.bounds.box import box
from engine.spec.recipes.settings import AbstractRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: AbstractRecipe, epsilon: float, step: int) -> Tensor:
    """(w * softplus(largest violation) + CE(logits)) / (w + 1); before `robust_start` the cross-entropy alone.

    The violation of a wrong class is minus its certified margin, the difference taken after the last layer; -1, that
    of the true class, is the least there is, so the term saturates once every margin exceeds 1.
    """
    plain = F.cross_entropy(model(x).float(), y)
    if step < recipe.robust_start:
        return plain
    low, high = box(x, recipe.epsilon_at(step, epsilon), clip=recipe.clip_input)
    violation = -interval.loose_margins(model, low, high, y).float()
    robust = F.softplus(violation.amax(dim=1).clamp(min=-1)).mean()
    return (recipe.robust_weight * robust + plain) / (recipe.robust_weight + 1)
