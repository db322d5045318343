"""Speed of training's updates on a CPU, by where activations lie in memory and by precision.

uv run pytest tests/benchmarks/test_cpu_steps.py --override-ini addopts= --import-mode=importlib -s
"""

import statistics
import time

import pytest
import torch

from engine.data.datasets import Split
from engine.evaluation import views
from engine.evaluation.pgd import frozen
from engine.models import networks, precision
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.training.checkpoints import TrainingState
from engine.training.loop import build_optimizer, update

SHAPES = {
    "digits": ("small-cnn", (8, 8), 1, 10),
    "yale": ("yale-cnn", (36, 32), 1, 38),
    "fashion-mnist": ("fashion-cnn", (28, 28), 1, 10),
    "cifar10": ("wide-resnet", (32, 32), 3, 10),
}
CASES = [
    ("digits", 1, None),
    ("digits", 2, None),
    ("yale", 1, None),
    ("yale", 2, None),
    ("yale", 1, (48, 42)),
    ("yale", 2, (48, 42)),
    ("fashion-mnist", 1, None),
    ("cifar10", 0.5, None),
    ("cifar10", 1, None),
]
WAYS = (
    ("float32", torch.contiguous_format),
    ("float32", torch.channels_last),
    ("bfloat16", torch.channels_last),
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cpu_times(repeats, *ways):
    """Median CPU milliseconds of each way; they take turns, so that other work on the machine hits all alike."""
    times = [[] for _ in ways]
    for _ in range(1 + repeats):
        for way, found in zip(ways, times, strict=True):
            start = time.process_time()
            way()
            found.append(1e3 * (time.process_time() - start))
    return [statistics.median(found[1:]) for found in times]


def trainee(dataset, capacity, size, defense, asked, memory_format):
    """The network, a batch and what one update of the quick recipe does, its budget whole."""
    family, usual, channels, classes = SHAPES[dataset]
    settings = {"precision": asked, "epsilon_warmup": 0, "ramp_start": 0, "ramp_end": 0, "robust_start": 0}
    recipe = recipe_for(defense, dataset, "quick", settings)
    torch.manual_seed(0)
    shape = {"in_channels": channels, "image_size": size or usual, "num_classes": classes}
    model = networks.build(family, **shape, capacity=capacity).to(memory_format=memory_format)
    n = recipe.batch_size
    images = torch.randint(0, 256, (n, channels, *(size or usual)), dtype=torch.uint8)
    split = Split(images, torch.arange(n) % classes, torch.arange(n, dtype=torch.int32))
    found = Experiment(
        data=Data(name=dataset),
        network=family,
        capacity=capacity,
        defense=defense,
        epsilon=0.0 if defense == "natural" else 0.05,
        seed=0,
        recipe=recipe,
        evaluation=Evaluation(epsilon=0.05),
    )
    state = TrainingState(model, build_optimizer(list(model.parameters()), recipe), 0, torch.zeros(50))
    return model, split, lambda: update(state, split, torch.arange(n), None, found)


def said(label, times):
    plain, last, cast = times
    emulated = "" if precision.cpu_multiplies_bfloat16() else " (which is the same here)"
    print(
        f"\n{label}: {plain:.1f} ms, channels last {last:.1f} ({plain / last:.2f} times), "
        f"and in bfloat16{emulated} {cast:.1f} ({last / cast:.2f} times further)"
    )


@pytest.mark.parametrize("defense", ["natural", "pgd", "ibp"])
@pytest.mark.parametrize(("dataset", "capacity", "size"), CASES)
def test_an_update_by_layout_and_precision(dataset, capacity, size, defense):
    """Goal: channels last at least as fast for the families whose row says so."""
    updates = [trainee(dataset, capacity, size, defense, *way)[2] for way in WAYS]
    said(f"{defense}, {dataset} {size or ''} at capacity {capacity}", cpu_times(7, *updates))


@pytest.mark.parametrize(("dataset", "capacity", "size"), CASES)
def test_pgd_20_of_an_evaluation_by_layout(dataset, capacity, size):
    """Goal: channels last at least as fast for the families whose row says so; the evaluation knows float32 only."""

    def ask(way):
        model, split, _ = trainee(dataset, capacity, size, "natural", *way)
        model.eval()

        def once():
            with frozen(model):
                views.ask(model, split, "adversarial", Evaluation(epsilon=0.05), SHAPES[dataset][3])

        return once

    plain, last = cpu_times(5, *(ask(way) for way in WAYS[:2]))
    label = f"PGD-20, {dataset} {size or ''} at capacity {capacity}"
    print(f"\n{label}: {plain:.1f} ms, channels last {last:.1f} ({plain / last:.2f} times)")
