"""Robust training of some of the images: which ones they are, and the loss of a batch that holds both kinds."""

import torch
from torch import Tensor, nn

from engine import registry
from engine.seeds import permutation
from engine.spec.experiment import Experiment
from engine.spec.recipes import Recipe


def robust_images(experiment: Experiment, count: int) -> Tensor | None:
    """Bool (count,): the training images that the defense trains on; None where no image is always of one kind."""
    recipe = experiment.recipe
    if getattr(recipe, "robust_share", 1.0) == 1.0 or recipe.share_of == "batch":
        return None
    chosen = torch.zeros(count, dtype=torch.bool)
    chosen[permutation(count, experiment.seed, "robust")[: round(recipe.robust_share * count)]] = True
    return chosen


def robust_rows(recipe: Recipe, rows: Tensor, images: Tensor | None) -> Tensor | None:
    """Bool (batch,): which rows of a batch are trained robustly; None for all. images: those of `robust_images`."""
    if images is not None:
        return images[rows]
    share = getattr(recipe, "robust_share", 1.0)
    if share == 1.0:
        return None
    return torch.arange(len(rows), device=rows.device) < round(share * len(rows))  # a batch's order is drawn by lot


def loss(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    robust: Tensor | None,
    experiment: Experiment,
    step: int,
    epsilon: float | Tensor | None = None,
) -> Tensor:
    """The defense's loss on the robust rows and the plain cross-entropy on the others, as one mean over the batch.

    robust: bool (batch,), or None if all are. A BatchNorm layer sees the two kinds one after the other.
    epsilon: in place of the experiment's, in a stack of several budgets.
    """
    own, plain = (registry.DEFENSES[name].load() for name in (experiment.defense, registry.NATURAL))
    epsilon = experiment.epsilon if epsilon is None else epsilon
    if robust is None:
        return own(model, x, y, experiment.recipe, epsilon, step)
    total = x.new_zeros(())
    for part, chosen in ((own, robust), (plain, ~robust)):
        if count := int(chosen.sum()):
            mean = part(model, x[chosen], y[chosen], experiment.recipe, epsilon, step)
            total = total + mean * (count / len(x))
    return total
