"""Distributional training: on images moved as far as the loss pays for it (Sinha et al. 2018; protocol B2).

What moving costs is the l1 distance, as in the code of the paper's authors; Sinha et al. take the squared l2 distance.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.evaluation.pgd import frozen, input_gradient
from engine.spec.recipes.settings import DistributionalRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: DistributionalRecipe, _epsilon: float, _step: int) -> Tensor:
    """Mean cross-entropy of the moved images; nothing keeps them within any epsilon but what moving costs."""
    answers = model(moved(model, x, y, recipe)).float()
    return F.cross_entropy(answers, y, label_smoothing=recipe.label_smoothing)


def moved(model: nn.Module, x: Tensor, y: Tensor, recipe: DistributionalRecipe) -> Tensor:
    """Images of x's shape in [0, 1], by ascents on ascent * (sum of CE) - gamma * ||x~ - x||_1.

    With g the scaled gradient, each is x~ + g - gamma * sign(x~ + g - x): the penalty is taken where the gradient
    leads. gamma: the recipe's, or by the authors' rule the mean of |g| over the batch.
    """
    with frozen(model, recipe.attack_batchnorm):
        adversarial = x.clone()
        for _ in range(recipe.attack_steps):
            gradient = recipe.ascent * input_gradient(
                model, lambda logits: F.cross_entropy(logits, y, reduction="sum"), adversarial
            )
            gamma = gradient.abs().mean() if recipe.gamma_rule == "batch-mean" else recipe.gamma
            with torch.no_grad():
                further = adversarial + gradient
                adversarial = (further - gamma * (further - x).sign()).clamp(0, 1)
    return adversarial.detach()
