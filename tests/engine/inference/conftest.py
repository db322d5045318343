import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.evaluation import prediction_files
from engine.evaluation.predictions import Answers, Predictions


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Small networks gain nothing from a second thread."""
    torch.set_num_threads(1)


@pytest.fixture
def make_predictions():
    """A function making one view whose members are surer of the true class by `shift` logits."""

    def make(n_member, n_nonmember, classes, shift=0.0, seed=0, view="benign"):
        generator = np.random.default_rng(seed)
        sizes = {"train": n_member, "test": n_nonmember}
        labels = {split: generator.integers(0, classes, size) for split, size in sizes.items()}
        answers = {}
        for split, own in labels.items():
            shape = (len(own), classes - 1, classes) if view == "targeted" else (len(own), classes)
            logits = generator.normal(size=shape).astype(np.float32)
            logits[np.arange(len(own)), ..., own] += 1 + (shift if split == "train" else 0)
            answers[split] = Answers.from_logits(logits)
        index = {split: np.arange(len(own), dtype=np.int32) for split, own in labels.items()}
        return Predictions(labels, index, {view: answers})

    return make


class Recorder:
    """A random generator that keeps what it drew."""

    def __init__(self, seed=0):
        self._generator = np.random.default_rng(seed)
        self.drawn = []

    def __getattr__(self, name):
        def draw(*args, **kwargs):
            values = getattr(self._generator, name)(*args, **kwargs)
            self.drawn.append(values.copy())
            return values

        return draw


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture(scope="session", params=["yale-natural", "yale-pgd", "yale-ibp"])
def golden(request, shared):
    """One of the paper's files, with what the authors' code and an independent script say of it."""
    folder = shared / "data" / "golden"
    with open(folder / "expected.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"] == f"{request.param}.npz"]
    expected = {row["metric"]: float(row["value"]) for row in rows}
    return SimpleNamespace(answers=prediction_files.load(folder / f"{request.param}.npz"), expected=expected)
