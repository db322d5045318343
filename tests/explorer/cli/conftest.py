"""A project whose finished runs were made up, for commands that only read."""

import numpy as np
import pytest

from engine.events import Accuracies, History, Leakage, RunEnded, RunStarted, Scores
from engine.service.project import Project
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from store.records import NewRun
from store.store import Store

LEAKS = {"natural": 0.55, "pgd": 0.6}
"""What is inferred of a model of capacity 1, by defense."""


def experiment(defense, capacity, seed, epsilon):
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=capacity,
        defense=defense,
        epsilon=0.0 if defense == "natural" else epsilon,
        seed=seed,
        recipe=recipe_for(defense, "digits", "quick", {}),
        evaluation=Evaluation(epsilon=0.2),
    )


def scores(run_id, view, shift):
    draw, n = np.random.default_rng(len(run_id)), 100
    member = np.repeat([True, False], n)
    confidence = draw.beta(2 + shift * member, 2)
    return Scores(
        run_id=run_id,
        view=view,
        example=np.concatenate([np.arange(n), np.arange(n)]).astype(np.int32),
        member=member,
        label=draw.integers(0, 10, 2 * n, dtype=np.int32),
        confidence=confidence.astype(np.float32),
        margin=np.log(confidence / (1 - confidence)),
        correct=confidence > 0.3,
        risk=confidence.astype(np.float32),
    )


def events(one):
    value = LEAKS[one.defense] + 0.02 * one.capacity * (one.defense != "natural") + one.seed / 1000 + one.epsilon / 10
    yield RunStarted(run_id=one.run_id, experiment=one.to_dict(), device="cpu", time=100.0, versions={})
    for step in (0, 10):
        yield History(run_id=one.run_id, step=step, epoch=step, metrics={"loss": 1.0 / (1 + step)})
    for view, shift in (("benign", 0.0), ("adversarial", 1.0)):
        for split, share in (("train", 0.99), ("test", 0.9 - shift / 5)):
            yield Accuracies(run_id=one.run_id, view=view, split=split, accuracy=share, n=100)
        yield scores(one.run_id, view, shift)
        about = {"run_id": one.run_id, "attack": "confidence", "view": view, "class_label": None}
        sizes = {"n_member": 100, "n_nonmember": 100, "leaks": True}
        for rule, metric in (("oracle", "inference_accuracy"), ("none", "auc"), ("none", "tpr_at_fpr_0.01")):
            own = value - 0.01 * (view == "benign")
            ends = {"ci_low": own - 0.02, "ci_high": own + 0.02}
            yield Leakage(**about, **sizes, **ends, threshold_rule=rule, metric=metric, value=own)
    yield RunEnded(run_id=one.run_id, state="done", time=200.0)


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """The folder of a project of natural and PGD models: capacities 1 and 2, epsilons 0.1 and 0.2, three seeds."""
    folder = tmp_path_factory.mktemp("told")
    kinds = (("natural", 0.0), ("pgd", 0.1), ("pgd", 0.2))
    runs = [experiment(name, at, seed, budget) for name, budget in kinds for at in (1.0, 2.0) for seed in range(3)]
    (folder / "mia-results").mkdir()
    with Store(Project.at(folder / "mia-results").database) as store:
        store.enqueue("small", [NewRun(experiment=run.to_dict(), place={}, run_id=run.run_id) for run in runs])
        for run in runs:
            store.apply(list(events(run)))
    return folder
