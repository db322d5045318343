"""The training loop: batches, schedule, history and exact resume, the same for every defense."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.data.datasets import Dataset, Split, pixels
from engine.evaluation.pgd import frozen, tile_size
from engine.evaluation.predictions import SPLITS
from engine.models.layout import as_kernels
from engine.models.precision import arithmetic, autocast, require_sound
from engine.models.stack import drawn
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
    require_sound(recipe.precision, model, pixels(data.train.images[0]))
    log_every = max(1, recipe.updates // HISTORY_POINTS)
    optimizer = build_optimizer(list(model.parameters()), recipe)
    state = TrainingState(model, optimizer, 0, torch.zeros(log_every, device=device))
    checkpoints.resume(folder, state, watcher.notice)
    batches = Batches(experiment, data.train)
    if (images := robust_share.robust_images(experiment, len(data.train.labels))) is not None:
        images = images.to(device)
    saved_at = time.monotonic()
    model.train()
    while state.step < recipe.updates:
        rows = batches.rows(state.step)
        update(state, data.train, rows, robust_share.robust_rows(recipe, rows, images), experiment)
        watcher.progress(state.step)
        if state.step % log_every == 0 or state.step == recipe.updates:
            metrics = measure(state.losses, state.step, recipe, lambda split: accuracy(model, getattr(data, split)))
            watcher.history(state.step, batches.epoch, metrics)
        stop = state.step < recipe.updates and watcher.should_stop()
        if stop or time.monotonic() - saved_at >= checkpoint_seconds:
            save_checkpoint(folder, state, watcher)
            saved_at = time.monotonic()
        if stop:
            raise Stopped
    return model.eval()


class Batches:
    """Which training images each update of a run is made on: every image once an epoch, in an order of its seed's."""

    def __init__(self, experiment: Experiment, split: Split):
        self.size = min(experiment.recipe.batch_size, len(split.labels))
        self.epoch = -1
        self._seed, self._count, self._device = experiment.seed, len(split.labels), split.labels.device

    def rows(self, step: int) -> Tensor:
        """int64 (size,): rows of the update number `step`, whose epoch becomes the current one."""
        epoch, batch = divmod(step, self._count // self.size)
        if epoch != self.epoch:
            self.epoch = epoch
            self._order = permutation(self._count, self._seed, "epoch", epoch).to(self._device)
        return self._order[batch * self.size : (batch + 1) * self.size]


def build_optimizer(parameters: Sequence[Tensor], recipe: Recipe, stacked: int = 0) -> torch.optim.Optimizer:
    """The recipe's optimiser, with L2 decay on kernels (two dimensions or more) or on all parameters.

    stacked: how many of a parameter's dimensions are not of one network.
    """
    groups = [{"params": list(parameters), "weight_decay": recipe.weight_decay}]
    if recipe.weight_decay and recipe.decays == "kernels":
        kernels = [parameter for parameter in parameters if parameter.ndim - stacked > 1]
        others = [parameter for parameter in parameters if parameter.ndim - stacked <= 1]
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
    x, y = batch(split, rows, recipe)
    x = as_kernels(state.model, x)
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


def batch(
    split: Split, rows: Tensor, recipe: Recipe, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Images as they are trained on, float32 (rows, channels, height, width), and their labels."""
    x, y = pixels(split.images[rows]), split.labels[rows]
    return crop_flip(x, recipe.padding, generator) if recipe.augmentation == "crop-flip" else x, y


@contextmanager
def thinned(model: nn.Module, share: float) -> Iterator[None]:
    """Leave out a share of the last linear layer's inputs while the model is in training mode, scaling up the others.

    Inverted dropout; attacks, which see the model in inference mode, see all of it.
    """
    if not share:
        yield
        return
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]

    def thin(layer: nn.Module, given: tuple[Tensor]) -> Tensor:
        (x,) = given
        if not layer.training:
            return x
        return x * drawn(x.shape, x, lambda empty, **lot: empty.bernoulli_(1 - share, **lot)).div(1 - share)

    hook = last.register_forward_pre_hook(thin)
    try:
        yield
    finally:
        hook.remove()


def crop_flip(x: Tensor, pad: int, generator: torch.Generator | None = None) -> Tensor:
    """Zero-pad `pad` pixels a side, crop back at a random place and flip half of the images; one draw an image.

    generator: torch's own by default.
    """
    n, _, height, width = x.shape
    padded = nn.functional.pad(x, (pad, pad, pad, pad))
    top, left = torch.randint(0, 2 * pad + 1, (2, n, 1), device=x.device, generator=generator)
    rows = top + torch.arange(height, device=x.device)
    columns = left + torch.arange(width, device=x.device)
    flipped = torch.rand(n, 1, device=x.device, generator=generator) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    image = torch.arange(n, device=x.device)[:, None, None]
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def measure(losses: Tensor, step: int, recipe: Recipe, accuracy_on: Callable[[str], float]) -> dict[str, float]:
    """Mean loss since the last history point, with accuracies at every tenth; `DivergedError` at a non-finite loss.

    losses: those of the latest updates, in a ring.
    """
    log_every = len(losses)
    count = step % log_every or log_every
    latest = losses[:count].cpu()
    finite = torch.isfinite(latest)
    if not finite.all():
        first = int((~finite).nonzero()[0])
        raise DivergedError(f"diverged at step {step - count + first + 1}: the loss is {latest[first]:g}")
    metrics = {"loss": latest.mean().item(), "learning_rate": recipe.learning_rate_at(step - 1)}
    if step % (10 * log_every) == 0 or step == recipe.updates:
        metrics |= {f"{split}_accuracy": accuracy_on(split) for split in SPLITS}
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
        checkpoints.save(folder, state.tensors(), state.step)
    except OSError as error:
        watcher.notice(f"checkpoint at step {state.step} not written ({error.strerror}); the one before it is kept")
