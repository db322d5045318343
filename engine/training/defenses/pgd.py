"""PGD adversarial training: cross-entropy on adversarial examples only (Madry et al. 2018; protocol B1)."""

from torch import Tensor, nn
from torch.nn import functional as F

from engine.evaluation.pgd import frozen, pgd
from engine.spec.recipes.settings import PGDRecipe


def loss(model: nn.Module, x: Tensor, y: Tensor, recipe: PGDRecipe, epsilon: float, step: int) -> Tensor:
    """Mean cross-entropy of the batch's PGD examples, made against the current model."""
    budget = recipe.epsilon_at(step, epsilon)
    with frozen(model, recipe.attack_batchnorm):
        adversarial = pgd(
            model,
            x,
            y,
            epsilon=budget,
            step_size=budget * recipe.attack_step_size,
            steps=recipe.attack_steps,
            random_start=recipe.random_start,
            clip_start=recipe.clip_start,
        )
    return F.cross_entropy(model(adversarial).float(), y, label_smoothing=recipe.label_smoothing)
