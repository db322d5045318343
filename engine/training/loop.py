"""The training loop: batches, schedule, history and exact resume, the same for every defense."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.data.datasets import Dataset, Split, pixels
from engine.evaluation.pgd import frozen, tile_size
from engine.models.precision import arithmetic, autocast
from engine.seeds import permutation, seed_torch
from engine.spec.experiment import Experiment
from engine.spec.recipes import Recipe
from engine.training import checkpoints, robust_share
from engine.training.checkpoints import TrainingState

HISTORY_POINTS = 200
"""Loss points of a whole run; accuracies are taken at every tenth of them."""
PROBE_IMAGES = 500
"""Images of each split on which the history's accuracies are measured."""


class DivergedError(RuntimeError):
    """The loss stopped being a finite number; the message names the step."""


class Stopped(Exception):  # noqa: N818
    """The run was asked to stop; its checkpoint is written and it can go on later."""


class Watcher:
    """What a training run tells and asks while it goes on; the default tells nobody and never stops."""

    def history(self, step: int, epoch: int, metrics: dict[str, float]) -> None:
        """Metrics after `step` updates."""

    def progress(self, step: int) -> None:
        """`step` updates are done."""

    def notice(self, message: str) -> None:
        """Something a person should know, in one line."""

    def should_stop(self) -> bool:
        """True asks training to write a checkpoint and raise `Stopped`."""
        return False


def train(
    model: nn.Module,
    data: Dataset,
    experiment: Experiment,
    folder: Path,
    watcher: Watcher,
    *,
    checkpoint_seconds: float = 30.0,
) -> nn.Module:
    """Train `model` in place on `data.train` (both on one device), from the folder's checkpoint if there is one.

    Raises `DivergedError` at a non-finite loss and `Stopped` when the watcher asks for it. A checkpoint that cannot be
    written (a full disk) is said and training goes on from memory.
    """
    recipe, device = experiment.recipe, data.train.images.device
    if recipe.channels_last and device.type == "cuda":
        model.to(memory_format=torch.channels_last)
    log_every = max(1, recipe.updates // HISTORY_POINTS)
    state = TrainingState(model, build_optimizer(model, recipe), 0, torch.zeros(log_every, device=device))
    checkpoints.resume(folder, state, watcher.notice)
    batch = min(recipe.batch_size, len(data.train.labels))
    batches_per_epoch = len(data.train.labels) // batch
    if (images := robust_share.robust_images(experiment, len(data.train.labels))) is not None:
        images = images.to(device)
    saved_at = time.monotonic()
    epoch = -1
    model.train()
    while state.step < recipe.updates:
        if state.step // batches_per_epoch != epoch:
            epoch = state.step // batches_per_epoch
            order = permutation(len(data.train.labels), experiment.seed, "epoch", epoch).to(device)
        start = state.step % batches_per_epoch * batch
        rows = order[start : start + batch]
        update(state, data.train, rows, robust_share.robust_rows(recipe, rows, images), experiment)
        watcher.progress(state.step)
        if state.step % log_every == 0 or state.step == recipe.updates:
            watcher.history(state.step, epoch, measure(state, data, recipe))
        stop = state.step < recipe.updates and watcher.should_stop()
        if stop or time.monotonic() - saved_at >= checkpoint_seconds:
            save_checkpoint(folder, state, watcher)
            saved_at = time.monotonic()
        if stop:
            raise Stopped
    return model.eval()


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser, with L2 decay on kernels (two dimensions or more) or on all parameters."""
    groups = [{"params": list(model.parameters()), "weight_decay": recipe.weight_decay}]
    if recipe.weight_decay and recipe.decays == "kernels":
        kernels = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
        groups = [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others}]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.learning_rate, fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)


def update(state: TrainingState, split: Split, rows: Tensor, robust: Tensor | None, experiment: Experiment) -> None:
    """One optimiser step on the given rows, of which `robust` are trained robustly (None: all).

    All its randomness comes from the experiment's seed and the step.
    """
    recipe = experiment.recipe
    seed_torch(split.images.device, experiment.seed, "step", state.step)
    x, y = pixels(split.images[rows]), split.labels[rows]
    if recipe.augmentation == "crop-flip":
        x = crop_flip(x, recipe.padding)
    if recipe.channels_last and x.device.type == "cuda":
        x = x.contiguous(memory_format=torch.channels_last)
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.learning_rate_at(state.step)
    state.optimizer.zero_grad(set_to_none=True)
    with arithmetic(recipe.precision, x.device), thinned(state.model, recipe.dropout):
        with autocast(recipe.precision, x.device):
            loss = robust_share.loss(state.model, x, y, robust, experiment, state.step)
        loss.backward()
    if recipe.gradient_clip:
        nn.utils.clip_grad_norm_(state.model.parameters(), recipe.gradient_clip)
    state.optimizer.step()
    state.losses[state.step % len(state.losses)] = loss.detach()
    state.step += 1


@contextmanager
def thinned(model: nn.Module, share: float) -> Iterator[None]:
    """Leave out a share of the last linear layer's inputs while the model is in training mode, scaling up the others.

    Inverted dropout; attacks, which see the model in inference mode, see all of it.
    """
    if not share:
        yield
        return
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    hook = last.register_forward_pre_hook(lambda layer, x: nn.functional.dropout(x[0], share, layer.training))
    try:
        yield
    finally:
        hook.remove()


def crop_flip(x: Tensor, pad: int) -> Tensor:
    """Zero-pad `pad` pixels a side, crop back at a random place and flip half of the images; one draw an image."""
    n, _, height, width = x.shape
    padded = nn.functional.pad(x, (pad, pad, pad, pad))
    top, left = torch.randint(0, 2 * pad + 1, (2, n, 1), device=x.device)
    rows = top + torch.arange(height, device=x.device)
    columns = left + torch.arange(width, device=x.device)
    flipped = torch.rand(n, 1, device=x.device) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    image = torch.arange(n, device=x.device)[:, None, None]
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def measure(state: TrainingState, data: Dataset, recipe: Recipe) -> dict[str, float]:
    """Mean loss since the last history point, with accuracies at every tenth; `DivergedError` at a non-finite loss."""
    log_every = len(state.losses)
    count = state.step % log_every or log_every
    losses = state.losses[:count].cpu()
    finite = torch.isfinite(losses)
    if not finite.all():
        first = int((~finite).nonzero()[0])
        raise DivergedError(f"diverged at step {state.step - count + first + 1}: the loss is {losses[first]:g}")
    metrics = {"loss": losses.mean().item(), "learning_rate": recipe.learning_rate_at(state.step - 1)}
    if state.step % (10 * log_every) == 0 or state.step == recipe.updates:
        metrics["train_accuracy"] = accuracy(state.model, data.train)
        metrics["test_accuracy"] = accuracy(state.model, data.test)
    return metrics


def accuracy(model: nn.Module, split: Split, limit: int = PROBE_IMAGES) -> float:
    """Share of the first `limit` images of the split that the model gets right, in inference mode."""
    images, labels = split.images[:limit], split.labels[:limit]
    with frozen(model), torch.no_grad(), arithmetic("float32", images.device):
        tile = tile_size(model, images[0])
        right = sum(
            (model(pixels(x)).argmax(1) == y).sum() for x, y in zip(images.split(tile), labels.split(tile), strict=True)
        )
    return int(right) / len(labels)


def save_checkpoint(folder: Path, state: TrainingState, watcher: Watcher) -> None:
    """Write a checkpoint; a disk that will not take it is said, and training goes on."""
    try:
        checkpoints.save(folder, state)
    except OSError as error:
        watcher.notice(f"checkpoint at step {state.step} not written ({error.strerror}); the one before it is kept")
