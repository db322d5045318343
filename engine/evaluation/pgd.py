"""Adversarial examples: projected gradient descent in the l-infinity ball (Madry et al. 2018; the paper's Eq 9, 19)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.memory import widest
from engine.models.stack import drawn, in_stack

TILE_BYTES = 8 << 20
"""Float32 pixels of one evaluation tile on a GPU; on a CPU a tile's activations should stay in the last-level cache."""


def pgd(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float | Tensor,
    step_size: float | Tensor,
    steps: int,
    random_start: bool = False,
    clip_start: bool = True,
    targeted: bool = False,
) -> Tensor:
    """PGD: `steps` ascents on the cross-entropy of y by the gradient's sign (Eq 9); the last iterate.

    x: images (batch, channels, height, width), float32 in [0, 1]. y: true classes (batch,).
    epsilon, step_size: in pixels of [0, 1]; tensors () in a stack of several budgets. random_start: begin
    uniformly in the epsilon ball, drawn from torch's generator. clip_start: keep that start within [0, 1]; the authors'
    Yale and Fashion-MNIST code lets it leave until the first projection, their CIFAR-10 code does not (protocol B1).
    targeted: descend instead (Eq 19), towards y, which are then classes other than the true ones.
    Returns images of x's shape, within epsilon of x and within [0, 1]. Only the input's gradient is computed, in
    float32; the model's mode (BatchNorm!) is the caller's.
    """
    adversarial = x + _noise(x, epsilon) if random_start else x.clone()
    if clip_start:
        adversarial = adversarial.clamp(0, 1)

    def objective(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, y, reduction="sum")

    ascent = -step_size if targeted else step_size
    return ascend(model, objective, adversarial, x, epsilon=epsilon, step_size=ascent, steps=steps)


def _noise(x: Tensor, epsilon: float | Tensor) -> Tensor:
    """Uniform numbers of x's shape between -epsilon and epsilon."""
    if isinstance(epsilon, Tensor):
        return torch.addcmul(-epsilon, drawn(x.shape, x, Tensor.uniform_), 2 * epsilon)
    return drawn(x.shape, x, lambda empty, **lot: empty.uniform_(-epsilon, epsilon, **lot))


def ascend(
    model: Callable[[Tensor], Tensor],
    objective: Callable[[Tensor], Tensor],
    start: Tensor,
    x: Tensor,
    *,
    epsilon: float | Tensor,
    step_size: float | Tensor,
    steps: int,
) -> Tensor:
    """Steps by the sign of the gradient of `objective(logits)`, a sum over the batch, from `start`; the last iterate.

    Each iterate is projected to within epsilon of the images x and within [0, 1]. step_size below 0 descends.
    """

    def gradient(images: Tensor) -> Tensor:
        return input_gradient(model, objective, images)

    return climb(gradient, start, x, epsilon=epsilon, step_size=step_size, steps=steps)


def climb(
    gradient: Callable[[Tensor], Tensor],
    start: Tensor,
    x: Tensor,
    *,
    epsilon: float | Tensor,
    step_size: float | Tensor,
    steps: int,
) -> Tensor:
    """The same by any gradient of the iterate, which is spent."""
    low, high = (x - epsilon).clamp(min=0), (x + epsilon).clamp(max=1)
    adversarial = start
    for _ in range(steps):
        uphill = gradient(adversarial)
        with torch.no_grad():
            adversarial = torch.clamp(adversarial + uphill.sign_().mul_(step_size), low, high)
    return adversarial.detach()


def input_gradient(model: Callable[[Tensor], Tensor], objective: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of `objective(logits)` to the images alone, taken in float32."""
    if in_stack():
        with torch.no_grad():  # nothing is kept for the weights
            return torch.func.grad(lambda images: objective(model(images).float()))(x)
    x.requires_grad_(True)
    return gradient_to(x, objective(model(x).float()))


def gradient_to(x: Tensor, value: Tensor) -> Tensor:
    """Gradient of a number to the images; 0 where the network cuts them off from it (`detach`, a comparison)."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)
    return gradient


def tile_size(model: nn.Module, image: Tensor) -> int:
    """Images per evaluation tile; it changes speed and memory, not results.

    CPU: as many as keep the largest layer's activations within about 2 MB, at least 4. GPU: bounded by pixels only,
    since there large tiles are faster. image: one image (channels, height, width) on the model's device.
    """
    if image.device.type != "cpu":
        return max(64, min(1024, TILE_BYTES // (4 * image.numel())))
    return int(min(256, max(4, (2 << 20) // (4 * widest(model, image)))))


@contextmanager
def frozen(model: nn.Module, batchnorm: str = "eval") -> Iterator[nn.Module]:
    """The model in inference mode with no gradient to its weights, so that autograd keeps nothing for them.

    batchnorm: `train` leaves BatchNorm in the mode that it is in. All else is in inference mode: an attack on a network
    that leaves out parts by lot (dropout) would be one on another network at each step.
    """
    was_training = model.training
    learning = [each for each in model.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.training]
    wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    if batchnorm == "train":
        for layer in learning:
            layer.train()
    for parameter in wanted:
        parameter.requires_grad_(False)
    try:
        yield model
    finally:
        model.train(was_training)
        for parameter in wanted:
            parameter.requires_grad_(True)
