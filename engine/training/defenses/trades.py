"""Difference-based training: the answers may not move within the ball (TRADES, Zhang et al. 2019; protocol B3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.evaluation.pgd import ascend, frozen
from engine.models.stack import drawn
from engine.spec.recipes.settings import TRADESRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: TRADESRecipe, epsilon: float, step: int) -> Tensor:
    """CE(F(x), y) + beta * KL(F(x) || F(x~)), means over the batch; x~ maximises the divergence near x."""
    adversarial = farthest(model, x, recipe, recipe.epsilon_at(step, epsilon))
    clean = model(x).float()
    target = F.log_softmax(clean if recipe.clean_gradient else clean.detach(), dim=1)
    plain = F.cross_entropy(clean, y, label_smoothing=recipe.label_smoothing)
    return plain + recipe.beta * divergence(target, model(adversarial).float()) / len(x)


def farthest(model: nn.Module, x: Tensor, recipe: TRADESRecipe, epsilon: float) -> Tensor:
    """Images of x's shape within epsilon of x, by ascents on the divergence from just beside x, network frozen."""
    with frozen(model, recipe.attack_batchnorm):
        with torch.no_grad():
            target = F.log_softmax(model(x).float(), dim=1)
        return ascend(
            model,
            lambda logits: divergence(target, logits),
            x + 0.001 * drawn(x.shape, x, Tensor.normal_),  # at x itself the divergence has no gradient
            x,
            epsilon=epsilon,
            step_size=epsilon * recipe.attack_step_size,
            steps=recipe.attack_steps,
        )


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Sum over the batch of KL(p || q), log p = target (batch, classes) and q the softmax of logits."""
    return (target.exp() * (target - F.log_softmax(logits, dim=1))).sum()
