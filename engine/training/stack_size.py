"""How many runs are best trained together: measured, on copies, by a few updates on the very device."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from engine.data.datasets import Dataset
from engine.failures import in_one_line
from engine.training import robust_share
from engine.training.checkpoints import TrainingState
from engine.training.loop import Batches, build_optimizer, update
from engine.training.together import StackedState, Trainee

REPEATS = 3
"""Updates that are timed, of which the fastest counts; one before warms up."""
GAIN = 0.95
"""A stack is worth it from this share of the time that its runs take one by one."""


def best_size(trainees: Sequence[Trainee]) -> int:
    """The number of the trainees, from 1 to all, with which an update takes the least time for each of them.

    Sizes are all of them, a half, a quarter and so on. A size that does not fit into memory, and a network, defense or
    recipe that cannot be stacked, are passed over; where not even the fewest can be, the first trainee is told why. No
    trainee is changed.
    """
    if len(trainees) < 2 or not alike(trainees):
        return 1
    best, least = 1, GAIN * seconds(_alone(trainees[0]), trainees[0].data)
    size, refused = len(trainees), None
    while size > 1:
        try:
            state = StackedState([_copy(each) for each in trainees[:size]])
            state.step = state.recipe.updates - 1
            each, refused = seconds(partial(_again, state), trainees[0].data) / size, None
        except (RuntimeError, MemoryError) as error:  # torch's, for what it cannot map and for memory
            each, refused = torch.inf, error
        if each < least:
            best, least = size, each
        elif best > 1:
            break
        size //= 2
    if refused and best == 1:
        trainees[0].watcher.notice(f"not trained together with others: {in_one_line(refused)}")
    return best


def alike(trainees: Sequence[Trainee]) -> bool:
    """Whether batches are of one shape, and which of their images are trained robustly is no matter of the seed."""
    first = trainees[0]
    shapes = {(Batches(each.experiment, each.data.train).size, each.data.train.images.shape[1:]) for each in trainees}
    return len(shapes) == 1 and robust_share.robust_images(first.experiment, len(first.data.train)) is None


def _alone(trainee: Trainee) -> Callable[[], None]:
    """A late update of one run by itself."""
    own, recipe = _copy(trainee), trainee.experiment.recipe
    optimizer = build_optimizer(list(own.model.parameters()), recipe)
    state = TrainingState(own.model.train(), optimizer, 0, torch.zeros(1, device=own.data.train.images.device))
    batches = Batches(own.experiment, own.data.train)

    def once() -> None:
        state.step = recipe.updates - 1  # its attack has the whole budget
        rows = batches.rows(state.step)
        update(state, own.data.train, rows, robust_share.robust_rows(recipe, rows, None), own.experiment)

    return once


def _again(state: StackedState) -> None:
    state.update()
    state.step -= 1


def _copy(trainee: Trainee) -> Trainee:
    return replace(trainee, model=copy.deepcopy(trainee.model))


def seconds(work: Callable[[], None], data: Dataset) -> float:
    """The shortest of a few times that the work takes, once it is warm."""
    on_gpu = data.train.images.device.type == "cuda"
    times = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize(data.train.images.device)
        times.append(time.perf_counter() - began)
    return min(times[1:])
