"""Speed of the science: threshold attack, PGD, and what the engine adds to a run.

uv run pytest tests/benchmarks --override-ini addopts= --import-mode=importlib
"""

import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine import datasets, inference, networks, sweeps, views
from engine.attacks import frozen
from engine.defenses import LOSSES
from engine.experiment import Setting, run
from engine.inference.scores import ViewScores
from engine.place import Place
from engine.seeds import permutation
from engine.spec import Evaluation, Inference
from engine.training import accuracy

EVALUATION = Evaluation(epsilon=0.1, views=("benign", "adversarial"))


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def scores():
    generator = np.random.default_rng(0)
    member, nonmember = (generator.random(n, dtype=np.float32) for n in (60_000, 10_000))
    labels = [generator.integers(0, 10, n) for n in (60_000, 10_000)]
    return ViewScores("benign", member, nonmember, *labels)


@pytest.mark.parametrize("attack", inference.ATTACKS)
def test_threshold_attack_on_60000_and_10000(benchmark, attack):
    """Goal: under 20 ms."""
    found = scores()
    benchmark(lambda: list(inference.ATTACKS[attack](found, Inference(attacks=(attack,)))))


def fashion(n=200):
    torch.manual_seed(0)
    model = networks.build("fashion-cnn", in_channels=1, image_size=(28, 28), num_classes=10, capacity=1).eval()
    images, labels = torch.rand(n, 1, 28, 28), torch.arange(n) % 10
    return model, datasets.Split(images, labels, torch.arange(n, dtype=torch.int32))


def plain_loop(model, split, batch=100):
    """PGD-20 as it is usually written: one batch, backward through everything."""
    for x, y in zip(split.images.split(batch), split.labels.split(batch), strict=True):
        adversarial = x.clone()
        for _ in range(EVALUATION.steps):
            adversarial = adversarial.detach().requires_grad_()
            F.cross_entropy(model(adversarial), y).backward()
            with torch.no_grad():
                adversarial = adversarial + 0.0125 * adversarial.grad.sign()
                adversarial = (x + (adversarial - x).clamp(-0.1, 0.1)).clamp(0, 1)
        with torch.no_grad():
            model(adversarial)


def ours(model, split):
    with frozen(model):
        views.ask(model, split, "adversarial", EVALUATION, lambda _: None)


@pytest.mark.parametrize("way", [plain_loop, ours], ids=["plain", "ours"])
def test_pgd_20_on_200_images(benchmark, way):
    """Goal: ours at most 1.05 times plain."""
    benchmark.pedantic(way, args=fashion(), rounds=5, warmup_rounds=1)


def experiment(defense, steps):
    table = {"name": "bench", "dataset": "digits", "grid": {"defense": [defense], "capacity": [2]}}
    (found,) = sweeps.plan(table, "quick", [f"recipe.steps={steps}"], ".").experiments
    return found


def bare_loop(found, _folder):
    """The same data, network, updates, history, adversarial examples and thresholds with nothing around them."""
    data = datasets.load(found.data, ".")
    torch.manual_seed(0)
    model = networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=10, capacity=2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=found.recipe.learning_rate, fused=True)
    batch = found.recipe.batch_size
    batches = len(data.train) // batch
    for step in range(found.recipe.steps):
        if step % batches == 0:
            order = permutation(len(data.train), 0, step // batches)
        rows = order[step % batches * batch :][:batch]
        x, y = data.train.images[rows], data.train.labels[rows]
        loss = LOSSES[found.defense](model, x, y, found.recipe, found.epsilon, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (found.recipe.steps // 20) == 0:
            for split in (data.train, data.test):
                accuracy(model, split)
    answers = views.predict(model.eval(), data, found.evaluation)
    list(inference.audit(answers, found.inference))


def whole_run(found, folder):
    told = []
    run(found, Setting(folder / str(time.monotonic_ns()), Place(data_root="."), torch.device("cpu")), told.append)
    assert told[-1].state == "done"


@pytest.mark.parametrize("way", [bare_loop, whole_run], ids=["bare", "engine"])
@pytest.mark.parametrize(("defense", "steps"), [("natural", 1500), ("pgd", 400)])
def test_a_run_against_the_same_work_in_a_bare_loop(benchmark, tmp_path, defense, steps, way):
    """Goal: the engine's run takes at most 1.03 times as long."""
    benchmark.pedantic(way, args=(experiment(defense, steps), tmp_path), rounds=7, warmup_rounds=1)
