"""Speed and memory of attacks that compare one model with many, on one core."""

import time
import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from engine.inference.population import lira, rmia
from engine.inference.population.references import Population
from engine.spec.experiment import Inference

MODELS, IMAGES = 65, 60_000
SCORES = {"lira": (lira.attack, 1.0), "rmia": (rmia.attack, 2.0)}
"""Each with the seconds it may take."""


@pytest.fixture(scope="module")
def whole():
    draw = np.random.default_rng(0)
    member = draw.random((MODELS, IMAGES)) < 0.5
    return Population.of({"benign": draw.normal(0, 3, IMAGES) + draw.normal(size=member.shape) + member}, member)


@pytest.mark.parametrize("name", SCORES)
def test_60000_images_against_64_references(whole, name):
    score, most = SCORES[name]

    def attack():
        target = whole.target(0)
        return score(target.odds, target.references, Inference())

    with threadpool_limits(1):
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            attack()
            taken.append(time.perf_counter() - begun)
    tracemalloc.start()
    attack()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"{name}: {min(taken):.2f} s, {peak:.0f} MB besides the {whole.odds.nbytes / 2**20:.0f} MB of answers")
    assert min(taken) < most
    assert peak < 150
