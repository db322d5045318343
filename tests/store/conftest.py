"""Experiments, the events they leave behind, and what a database holds, for the tests of the store."""

import shutil

import numpy as np
import pytest

from engine.events import (
    Accuracies,
    AttackEnded,
    AttackStarted,
    ClassNames,
    History,
    Leakage,
    RunEnded,
    RunStarted,
    Scores,
    Warnings,
)
from engine.registry import DATASETS
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from store.store import NewRun, Store

FACT_TABLES = ("history", "class_names", "warnings", "accuracies", "scores", "leakage", "inferences", "attack_scores")
GUESSES = {"inference_accuracy": 0.5, "advantage": 0.0}


def _experiment(
    defense="pgd",
    *,
    capacity=2.0,
    epsilon=0.1,
    seed=0,
    dataset="digits",
    size=None,
    train_fraction=1.0,
    split="paper",
    network=None,
    evaluation=None,
    **recipe,
):
    return Experiment(
        data=Data(name=dataset, size=size, train_fraction=train_fraction, split=split),
        network=network or DATASETS[dataset].network,
        capacity=capacity,
        defense=defense,
        epsilon=0.0 if defense == "natural" else epsilon,
        seed=seed,
        recipe=recipe_for(defense, dataset, "paper", recipe),
        evaluation=Evaluation(**{"epsilon": epsilon} | (evaluation or {})),
    )


def _scores(run_id, view="benign", members=6, nonmembers=4, seed=0):
    n, draw = members + nonmembers, np.random.default_rng(seed)
    return Scores(
        run_id=run_id,
        view=view,
        example=np.concatenate([np.arange(members), np.arange(nonmembers)]).astype(np.int32),
        member=np.repeat([True, False], [members, nonmembers]),
        label=draw.integers(0, 10, n, dtype=np.int32),
        confidence=draw.random(n, dtype=np.float32),
        margin=draw.normal(size=n),
        correct=draw.random(n) < 0.9,
        risk=draw.random(n, dtype=np.float32),
    )


def _leakage(run_id, metric="inference_accuracy", value=0.75, **change):
    fact = {
        "attack": "confidence",
        "view": "benign",
        "class_label": None,
        "threshold_rule": "oracle",
        "ci_low": value - 0.1,
        "ci_high": value + 0.1,
        "n_member": 6,
        "n_nonmember": 4,
    }
    fact |= {"leaks": fact["ci_low"] > GUESSES[metric] if metric in GUESSES else None}
    return Leakage(run_id=run_id, metric=metric, value=value, **(fact | change))


def _log(experiment, *, start=100.0, stops=0, state="done", value=0.75):
    """Everything one run says; each stop cuts training in two, and the resumed half repeats the last step."""
    run_id = experiment.run_id
    events, clock = [], start
    for part in range(stops + 1):
        started = {"experiment": experiment.to_dict(), "device": "cpu", "versions": {"python": "3.12"}}
        events.append(RunStarted(run_id=run_id, time=clock, **started))
        for step in range(10 * part, 10 * part + 11, 5):
            events.append(
                History(run_id=run_id, step=step, epoch=step // 10, metrics={"loss": 1 / (step + 1), "lr": 0.1})
            )
        if part < stops:
            events.append(RunEnded(run_id=run_id, state="queued", time=clock + 5))
        clock += 10
    if state == "done":
        events.append(ClassNames(run_id=run_id, names=["zero", "one"]))
        said = [("attack", "adversarial", "3 of 4 moved nowhere"), ("membership", None, "2 of 4 are members")]
        warnings = [{"topic": topic, "view": view, "message": message} for topic, view, message in said]
        events.append(Warnings(run_id=run_id, warnings=warnings))
        for view in ("benign", "adversarial"):
            for split, share in (("train", 0.9), ("test", value)):
                events.append(Accuracies(run_id=run_id, view=view, split=split, accuracy=share, n=10))
            events.append(_scores(run_id, view))
        asked = experiment.inference.asked().items()
        begun = [{"run_id": run_id, "attack": attack, "settings": own, "time": clock} for attack, own in asked]
        events += [AttackStarted(**each) for each in begun]
        for label in (None, 0, 1):
            events.append(_leakage(run_id, class_label=label, value=value))
            events.append(_leakage(run_id, "advantage", class_label=label, value=2 * value - 1))
        events.append(_leakage(run_id, "threshold", value=0.5, ci_low=None, ci_high=None))
        events += [AttackEnded(**each, state="done") for each in begun]
    events.append(RunEnded(run_id=run_id, state=state, time=clock, error=None if state == "done" else "it broke"))
    return events


def _tables(store):
    """Every row that events make, in one order, as text so that not-a-number equals itself."""
    names = ("runs", *FACT_TABLES)
    return {name: repr(store.session.fetch(f"SELECT * FROM {name} ORDER BY ALL")) for name in names}


@pytest.fixture(scope="session")
def experiment():
    return _experiment


@pytest.fixture(scope="session")
def scores():
    return _scores


@pytest.fixture(scope="session")
def leakage():
    return _leakage


@pytest.fixture(scope="session")
def log():
    return _log


@pytest.fixture(scope="session")
def tables():
    return _tables


@pytest.fixture
def path(tmp_path):
    return tmp_path / "explore.duckdb"


@pytest.fixture
def store(path, request):
    """An open database: of `sweep` where the test takes that too, else with nothing in it."""
    if "sweep" in request.fixturenames:
        shutil.copyfile(request.getfixturevalue("_swept")[0], path)
    with Store(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def _swept(tmp_path_factory):
    """A database that is written once, and what it holds."""
    asked = [
        _experiment(defense, capacity=capacity, seed=seed)
        for defense in ("natural", "pgd")
        for capacity in (1.0, 2.0)
        for seed in range(3)
    ]
    path = tmp_path_factory.mktemp("swept") / "explore.duckdb"
    with Store(path) as store:
        store.enqueue("grid", [NewRun(one.run_id, one.to_dict(), {}) for one in asked])
        for one in asked:
            store.apply(_log(one, value=0.5 + one.capacity / 10 + one.seed / 100))
        store.apply(_log(_experiment(capacity=4.0))[:-1])
    return path, asked


@pytest.fixture
def sweep(store, _swept):
    """Natural and PGD models at two capacities and three seeds; one more PGD model is still running."""
    return list(_swept[1])
