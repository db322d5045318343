"""Speed of certified training and of certification, on networks small enough for a CPU."""

import time

import pytest
import torch

from engine import bounds
from engine.bounds import compat, interval
from engine.bounds.box import difference_rows, worst_loss
from engine.evaluation.pgd import frozen
from engine.models import networks
from engine.registry import DEFENSES
from engine.spec.recipes import recipe_for

NETWORKS = {
    "yale-cnn": {"image_size": (48, 42), "num_classes": 38, "capacity": 2},
    "fashion-cnn": {"image_size": (28, 28), "num_classes": 10, "capacity": 1},
}
DATASET = {"yale-cnn": "yale", "fashion-cnn": "fashion-mnist"}


def case(family, images):
    """A network with its first weights, images and classes."""
    torch.manual_seed(0)
    settings = NETWORKS[family]
    model = networks.build(family, in_channels=1, **settings)
    return model, torch.rand(images, 1, *settings["image_size"]), torch.arange(images) % settings["num_classes"]


def fastest(rounds, **ways):
    """Seconds of each way at its fastest; they take turns, so that other work on the machine hits all alike."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("family", NETWORKS)
def test_a_training_step_of_each_verifiable_defense(family, threads):
    """Goal: ibp at most 2.7 natural steps."""
    torch.set_num_threads(threads)
    model, x, y = case(family, 50)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)

    def step(loss):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    def trained(defense):
        settings = {"projections": 10, "rivals": 8} if defense == "dual" else {}
        recipe = recipe_for(defense, DATASET[family], "paper", settings)
        return lambda: step(lambda: DEFENSES[defense].load()(model, x, y, recipe, 0.03, 10**6))

    low, high = bounds.box(x, 0.03)
    seconds = fastest(
        10,
        **{defense: trained(defense) for defense in ("natural", "ibp", "abstract", "dual")},
        certified_term=lambda: step(lambda: worst_loss(interval.margins(model, low, high, y)).mean()),
    )
    print(f"\n{family}, {threads} threads:", end=" ")
    print(*(f"{name} {1e3 * s:.1f} ms ({s / seconds['natural']:.2f})" for name, s in seconds.items()), sep=", ")


@pytest.mark.parametrize("family", NETWORKS)
def test_our_interval_propagation_against_auto_lirpas(family):
    """Goal: at least as fast, with gradients."""
    model, x, y = case(family, 50)
    low, high = bounds.box(x, 0.03)
    with compat.quiet():
        package = compat.auto_lirpa()
        network = package.BoundedModule(model, x)
    box = package.BoundedTensor(x, package.PerturbationLpNorm(norm=float("inf"), x_L=low, x_U=high))

    def theirs():
        rows = difference_rows(NETWORKS[family]["num_classes"], y)
        network.compute_bounds(x=(box,), C=rows, method="IBP", bound_upper=False)[0].sum().backward()

    seconds = fastest(10, ours=lambda: interval.margins(model, low, high, y).sum().backward(), theirs=theirs)
    print(f"\n{family}: ours {1e3 * seconds['ours']:.1f} ms, auto_LiRPA {1e3 * seconds['theirs']:.1f} ms")


@pytest.mark.parametrize(("method", "images"), [("ibp", 514), ("crown-ibp", 514), ("dual", 64), ("crown", 8)])
def test_certification_of_yale_faces(method, images):
    """Goal: 514 by CROWN-IBP in under 2 minutes on 2 cores."""
    model, x, y = case("yale-cnn", images)
    start = time.perf_counter()
    with frozen(model):
        tile = bounds.tile_size(model, x[0], 38, method)
        for some, labels in zip(x.split(tile), y.split(tile), strict=True):
            bounds.margins(model, *bounds.box(some, 8 / 255), labels, method)
    print(f"\n{method}: {time.perf_counter() - start:.1f} s for {images} images in tiles of {tile}")
