"""Training methods: each file holds one loss, `loss(model, x, y, recipe, epsilon, step) -> scalar tensor`.

model: the network, in training mode. x: a batch of images, float32 in [0, 1]. y: true classes. recipe: that defense's
settings. epsilon: the budget of the experiment. step: the update's number, from 0. The loss is a mean over the batch.
"""

from collections.abc import Callable

from torch import Tensor, nn

from engine.spec.recipes import Recipe
from engine.training.defenses import abstract, distributional, dual, ibp, natural, pgd, trades

Loss = Callable[[nn.Module, Tensor, Tensor, Recipe, float, int], Tensor]

LOSSES: dict[str, Loss] = {
    "natural": natural.loss,
    "pgd": pgd.loss,
    "distributional": distributional.loss,
    "trades": trades.loss,
    "dual": dual.loss,
    "abstract": abstract.loss,
    "ibp": ibp.loss,
}
