"""Training many runs at once, as one stack: each with its own images, random numbers, weights, history and end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from engine import bounds
from engine.data.datasets import Dataset, pixels
from engine.models.precision import arithmetic, autocast, require_sound
from engine.models.stack import Stack
from engine.seeds import seed_of
from engine.spec.experiment import Experiment
from engine.training import checkpoints, robust_share
from engine.training.loop import (
    HISTORY_POINTS,
    Batches,
    DivergedError,
    Stopped,
    Watcher,
    accuracy,
    batch,
    build_optimizer,
    measure,
    thinned,
)


@dataclass(frozen=True, eq=False)
class Trainee:
    """One run of a stack: what `loop.train` is given for a run by itself."""

    model: nn.Module
    data: Dataset
    experiment: Experiment
    folder: Path
    watcher: Watcher


class StackedState:
    """Where the training of a stack stands; the places of its networks are those of the trainees."""

    def __init__(self, trainees: Sequence[Trainee]):
        self.trainees = list(trainees)
        self.recipe = trainees[0].experiment.recipe
        self.device = trainees[0].data.train.images.device
        self.stack = Stack([each.model for each in trainees])
        for method in trainees[0].experiment.bounded_by:  # it is tried on numbers, which cannot be done while mapped
            bounds.require(self.stack.module, pixels(trainees[0].data.train.images[0]), method)
        self.stack.module.train()
        self.optimizer = build_optimizer(list(self.stack.parameters.values()), self.recipe, stacked=1)
        self.step = 0
        self.losses = torch.zeros(len(trainees), max(1, self.recipe.updates // HISTORY_POINTS), device=self.device)
        self._batches = [Batches(each.experiment, each.data.train) for each in trainees]

    def epoch(self, place: int) -> int:
        """How often a trainee has seen its images."""
        return self._batches[place].epoch

    def update(self) -> None:
        """One optimiser step of every network: that of `loop.update`, made for all of them at once."""
        recipe, step = self.recipe, self.step
        generators = [self._generator(each.experiment) for each in self.trainees]
        x, y = self._batch(generators)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        self.optimizer.zero_grad(set_to_none=True)
        robust = robust_share.robust_rows(recipe, y[0], None)
        experiment, budget = self.trainees[0].experiment, self._budget(x)

        def loss(model: nn.Module, x: Tensor, y: Tensor, *epsilon: Tensor) -> Tensor:
            with thinned(model, recipe.dropout), autocast(recipe.precision, self.device):
                return robust_share.loss(model, x, y, robust, experiment, step, *epsilon)

        with arithmetic(recipe.precision, self.device):
            axes = (1, 0, *(0 for _ in budget))
            losses = self.stack.map(loss, x, y, *budget, axes=axes, generators=generators)
            losses.sum().backward()
        if recipe.gradient_clip:
            clip(list(self.stack.parameters.values()), recipe.gradient_clip)
        self.optimizer.step()
        self.losses[:, step % self.losses.shape[1]] = losses.detach()
        self.step += 1

    def _generator(self, experiment: Experiment) -> torch.Generator:
        """What a run by itself would draw from at this step."""
        return torch.Generator(self.device).manual_seed(seed_of(experiment.seed, "step", self.step))

    def _batch(self, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        """Images (batch, networks, channels, height, width) and labels (networks, batch) of this step.

        Channels of all networks lie together, pixel by pixel, where kernels are fast on that: networks are then groups
        of one wide convolution.
        """
        parts = [
            batch(each.data.train, batches.rows(self.step), self.recipe, generator)
            for each, batches, generator in zip(self.trainees, self._batches, generators, strict=True)
        ]
        x = torch.stack([images for images, _ in parts], dim=1)
        if self.device.type == "cpu" or self.recipe.channels_last:
            wide = x.flatten(1, 2).contiguous(memory_format=torch.channels_last)
            x = wide.unflatten(1, x.shape[1:3])
        return x, torch.stack([labels for _, labels in parts])

    def _budget(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each network's epsilon (networks,), if they differ."""
        budgets = [each.experiment.epsilon for each in self.trainees]
        return (torch.tensor(budgets, dtype=x.dtype, device=x.device),) if len(set(budgets)) > 1 else ()

    def tensors(self, place: int) -> dict[str, Tensor]:
        """What a checkpoint of that run by itself would hold."""
        named = {f"weights/{name}": value for name, value in self.stack.state(place).items()}
        for index, entries in self.optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                if value is not None:
                    named[f"optimizer/{index}/{key}"] = value if key == "step" else value[place]
        return named | {"losses": self.losses[place]}

    def restore(self, saved: Sequence[dict[str, Tensor]], step: int) -> None:
        """Take over checkpoints of all runs; ValueError if one does not fit."""
        try:
            for place, tensors in enumerate(saved):
                weights = {name[8:]: value for name, value in tensors.items() if name.startswith("weights/")}
                self.stack.take(place, weights)
                self.losses[place].copy_(tensors["losses"])
            entries: dict[int, dict[str, Tensor]] = {}
            for name in (name for name in saved[0] if name.startswith("optimizer/")):
                _, index, key = name.split("/")
                values = [tensors[name] for tensors in saved]
                entries.setdefault(int(index), {})[key] = values[0] if key == "step" else torch.stack(values)
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": entries, "param_groups": groups})
            checkpoints.lay_moments_out(self.optimizer)
        except (RuntimeError, KeyError) as error:
            raise ValueError(f"it does not fit this network: {str(error).splitlines()[0]}") from None
        self.step = step

    def without(self, leaving: Sequence[int]) -> "StackedState":
        """The training of all but the trainees at these places."""
        places = [place for place in range(len(self.trainees)) if place not in leaving]
        left = StackedState([self.trainees[place] for place in places])
        left.restore([self.tensors(place) for place in places], self.step)
        return left


def train_together(
    trainees: Sequence[Trainee],
    on_end: Callable[[Trainee, Exception], None] = lambda *_: None,
    *,
    checkpoint_seconds: float = 30.0,
) -> list[Trainee]:
    """Train the trainees' models in place; those that came to the end of it.

    They differ in seed, split and epsilon alone. on_end: told at once of one that ends early, by `DivergedError` or
    `Stopped`, which leaves the others alone. They go on from the newest step of which all have a checkpoint.
    """
    for each in trainees:
        require_sound(each.experiment.recipe.precision, each.model, pixels(each.data.train.images[0]))
    state = StackedState(trainees)
    resume(state)
    if not state.step:
        save(state)  # who was trained together is known from the first update on
    log_every, saved_at = state.losses.shape[1], time.monotonic()
    while state.step < state.recipe.updates:
        state.update()
        for each in state.trainees:
            each.watcher.progress(state.step)
        leaving: dict[int, Exception] = {}
        if state.step % log_every == 0 or state.step == state.recipe.updates:
            leaving = tell(state)
        stopped = [place for place, each in enumerate(state.trainees) if _stops(each, state, place in leaving)]
        if stopped or time.monotonic() - saved_at >= checkpoint_seconds:
            save(state)
            saved_at = time.monotonic()
        leaving |= {place: Stopped() for place in stopped}
        for place, error in leaving.items():
            on_end(state.trainees[place], error)
        if len(leaving) == len(state.trainees):
            return []
        if leaving:
            state = state.without(list(leaving))
    for place, each in enumerate(state.trainees):
        each.model.load_state_dict(state.stack.state(place))
        each.model.eval()
    return state.trainees


def _stops(trainee: Trainee, state: StackedState, diverged: bool) -> bool:
    return state.step < state.recipe.updates and not diverged and trainee.watcher.should_stop()


def tell(state: StackedState) -> dict[int, Exception]:
    """A history point of every trainee; of those that have diverged the error."""
    diverged: dict[int, Exception] = {}
    losses = state.losses.cpu()
    for place, each in enumerate(state.trainees):
        try:
            metrics = measure(losses[place], state.step, state.recipe, partial(_accuracy, state, place))
        except DivergedError as error:
            diverged[place] = error
        else:
            each.watcher.history(state.step, state.epoch(place), metrics)
    return diverged


def _accuracy(state: StackedState, place: int, split: str) -> float:
    return accuracy(state.stack.model(place), getattr(state.trainees[place].data, split))


def clip(parameters: Sequence[Tensor], largest: float) -> None:
    """Scale each network's gradient (networks, ...) down to an l2 norm of at most `largest`, as for one alone."""
    norms = torch.stack([each.grad.flatten(1).norm(dim=1) for each in parameters]).norm(dim=0)
    scale = (largest / (norms + 1e-6)).clamp(max=1.0)
    for each in parameters:
        each.grad.mul_(scale.reshape(-1, *[1] * (each.ndim - 1)))


def save(state: StackedState) -> None:
    """Write every trainee's checkpoint; a disk that will not take one is said, and training goes on."""
    names = [each.experiment.run_id for each in state.trainees]
    for place, each in enumerate(state.trainees):
        try:
            checkpoints.save(each.folder, state.tensors(place), state.step, names)
        except OSError as error:
            each.watcher.notice(f"checkpoint at step {state.step} not written ({error.strerror})")


def resume(state: StackedState) -> None:
    """Bring the stack to the newest step of which every trainee has a readable checkpoint."""
    found = [
        {each.step: each.tensors for each in checkpoints.readable(trainee.folder, trainee.watcher.notice)}
        for trainee in state.trainees
    ]
    for step in sorted(set.intersection(*(set(each) for each in found)), reverse=True):
        try:
            state.restore([each[step] for each in found], step)
        except ValueError as error:
            state.trainees[0].watcher.notice(f"checkpoints at step {step} passed over: {error}")
            continue
        return
