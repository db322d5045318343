"""Speed of training together: updates of a stack against those of one run by itself, CPU time and wall.

uv run pytest tests/benchmarks/test_stacks.py --override-ini addopts= --import-mode=importlib -s
"""

import statistics
import time

import pytest
import torch

from engine.data.datasets import Dataset, Split
from engine.models import networks
from engine.models.layout import lay_out
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.training.checkpoints import TrainingState
from engine.training.loop import Batches, Watcher, build_optimizer, update
from engine.training.together import StackedState, Trainee

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SHAPES = {
    "digits": ("small-cnn", (8, 8), 1, 10),
    "yale": ("yale-cnn", (36, 32), 1, 38),
    "fashion-mnist": ("fashion-cnn", (28, 28), 1, 10),
    "cifar10": ("wide-resnet", (32, 32), 3, 10),
}
CASES = [("digits", 1), ("digits", 2), ("yale", 1), ("yale", 2), ("fashion-mnist", 0.25), ("cifar10", 0.25)]
SIZES = {"cpu": (4, 8, 16, 32), "cuda": (4, 8, 16, 32)}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trainee(dataset, capacity, seed, device, tmp_path):
    family, size, channels, classes = SHAPES[dataset]
    recipe = recipe_for("pgd", dataset, "quick", {})
    generator = torch.Generator().manual_seed(seed)
    splits = [
        Split(
            torch.randint(0, 256, (count, channels, *size), generator=generator, dtype=torch.uint8),
            torch.randint(0, classes, (count,), generator=generator),
            torch.arange(count, dtype=torch.int32),
        )
        for count in (300, 10)
    ]
    torch.manual_seed(seed)
    shape = {"in_channels": channels, "image_size": size, "num_classes": classes}
    model = lay_out(networks.build(family, **shape, capacity=capacity).to(device), family, False)
    found = Experiment(
        data=Data(name=dataset, split="random"),
        network=family,
        capacity=capacity,
        defense="pgd",
        epsilon=0.05,
        seed=seed,
        recipe=recipe,
        evaluation=Evaluation(epsilon=0.05),
    )
    return Trainee(model, Dataset(*splits, classes, ()).to(device), found, tmp_path, Watcher())


def alone(one):
    """What one late update of a run by itself does."""
    recipe = one.experiment.recipe
    optimizer = build_optimizer(list(one.model.parameters()), recipe)
    state = TrainingState(
        one.model.train(), optimizer, recipe.updates - 1, torch.zeros(50, device=next(one.model.parameters()).device)
    )
    rows = Batches(one.experiment, one.data.train).rows(state.step)

    def once():
        update(state, one.data.train, rows, None, one.experiment)
        state.step -= 1

    return once


def stacked(some):
    """The same of all of a stack."""
    state = StackedState(some)
    state.step = state.recipe.updates - 1

    def once():
        state.update()
        state.step -= 1

    return once


def times(repeats, ways):
    """Median CPU and wall milliseconds of each way; they take turns, so that other work hits all alike."""
    found = [([], []) for _ in ways]
    for _ in range(1 + repeats):
        for way, (cpu, wall) in zip(ways, found, strict=True):
            began, ticks = time.process_time(), time.perf_counter()
            way()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            cpu.append(1e3 * (time.process_time() - began))
            wall.append(1e3 * (time.perf_counter() - ticks))
    return [(statistics.median(cpu[1:]), statistics.median(wall[1:])) for cpu, wall in found]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dataset", "capacity"), CASES)
def test_an_update_of_a_model_alone_and_in_stacks(dataset, capacity, device, tmp_path):
    """Goal: never slower than alone by what a trial chooses; on a GPU 5 times as fast at capacity 1 to 4."""
    sizes = SIZES[device] if dataset not in ("fashion-mnist", "cifar10") or device != "cpu" else (4, 8)
    all_ = [trainee(dataset, capacity, seed, device, tmp_path) for seed in range(max(sizes))]
    by_itself, *together = times(5, [alone(all_[0]), *(stacked(all_[:size]) for size in sizes)])
    parts = [
        f"{size}: {cpu / size:.1f} and {wall / size:.1f} ({by_itself[0] * size / cpu:.1f} times)"
        for size, (cpu, wall) in zip(sizes, together, strict=True)
    ]
    print(
        f"\n{device}, {SHAPES[dataset][0]} at capacity {capacity}, ms (CPU, wall) of a PGD-5 update for each model: "
        f"alone {by_itself[0]:.1f} and {by_itself[1]:.1f}; in stacks of " + "; ".join(parts)
    )
