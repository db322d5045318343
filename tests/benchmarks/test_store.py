"""How fast the store takes in scores and answers while the project is large: 10 million history rows, 300 runs."""

from dataclasses import replace

import numpy as np
import pytest

from engine.events import Leakage, RunEnded, RunStarted, Scores
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from store.facts import insert
from store.store import Store

ROWS = 1_000_000
HISTORY_ROWS = 10_000_000
GRID = [
    (defense, capacity, epsilon, seed)
    for defense in ("natural", "pgd")
    for capacity in range(1, 11)
    for epsilon in (2 / 255, 4 / 255, 8 / 255)
    for seed in range(5)
]
VIEWS = ("benign", "adversarial", "targeted")
OUTCOME = ("inference_accuracy", "advantage", "tpr", "fpr")
CURVE = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")
THRESHOLD = {
    "oracle": (*OUTCOME, "null_mean", "null_p95", "threshold"),
    "heldout": (*OUTCOME, "inference_accuracy_std"),
    "none": CURVE,
}
FACTS = {
    **dict.fromkeys(("confidence", "entropy", "margin"), THRESHOLD),
    **dict.fromkeys(("confidence-class", "entropy-class", "margin-class"), THRESHOLD),
    "model-class": {"heldout": (*OUTCOME, "inference_accuracy_std", *CURVE)},
    "gap": {"none": OUTCOME},
}
"""What each attack tells by which rule."""


def experiment(defense, capacity, epsilon, seed):
    return Experiment(
        data=Data(name="cifar10"),
        network="wide-resnet",
        capacity=float(capacity),
        defense=defense,
        epsilon=0.0 if defense == "natural" else epsilon,
        seed=seed,
        recipe=recipe_for(defense, "cifar10", "paper", {}),
        evaluation=Evaluation(epsilon=epsilon),
    )


def leakage(run_id, draw):
    """What the audit of one run says: three views, eight attacks, every class, about 2000 numbers."""
    return [
        Leakage(
            run_id=run_id,
            attack=attack,
            view=view,
            class_label=label,
            threshold_rule=rule,
            metric=metric,
            value=draw.random(),
            ci_low=0.1,
            ci_high=0.9,
            leaks=False,
            n_member=50_000,
            n_nonmember=10_000,
        )
        for attack, rules in FACTS.items()
        for view in VIEWS
        for label in ((None,) if attack in ("confidence", "entropy", "margin") else (None, *range(10)))
        for rule, metrics in rules.items()
        for metric in metrics
    ]


def scores(run_id, view, draw, members=50_000, nonmembers=10_000):
    n = members + nonmembers
    return Scores(
        run_id=run_id,
        view=view,
        example=np.concatenate([np.arange(members), np.arange(nonmembers)]).astype(np.int32),
        member=np.arange(n) < members,
        label=np.concatenate([np.arange(members), np.arange(nonmembers)]).astype(np.int32) % 10,
        confidence=draw.random(n, dtype=np.float32),
        margin=draw.normal(size=n),
        correct=draw.random(n) < 0.9,
        risk=draw.random(n, dtype=np.float32),
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The large project and the id of a run in its middle."""
    draw, runs = np.random.default_rng(0), [experiment(*point) for point in GRID]
    steps = HISTORY_ROWS // len(runs) // 2
    with Store(tmp_path_factory.mktemp("project") / "explore.duckdb") as store:
        for one in runs:
            started = {"experiment": one.to_dict(), "device": "cuda:0", "versions": {}}
            store.apply(
                [
                    RunStarted(run_id=one.run_id, time=1.0, **started),
                    *leakage(one.run_id, draw),
                    RunEnded(run_id=one.run_id, state="done", time=2.0),
                ]
            )
            columns = {
                "step": np.repeat(np.arange(steps), 2),
                "epoch": np.repeat(np.arange(steps) // 390, 2),
                "metric": np.array(["loss", "accuracy"] * steps, object),
                "value": draw.random(2 * steps),
            }
            with store.session.transaction() as cursor:
                insert(cursor, "history", columns, run_id=one.run_id)
        for one in runs[::10]:
            store.apply([scores(one.run_id, view, draw) for view in VIEWS])
        yield store, runs[len(runs) // 2].run_id


def test_ingest_of_a_million_scores_takes_at_most_a_second(benchmark, tmp_path):
    told = scores("", "benign", np.random.default_rng(0), ROWS // 2, ROWS // 2)
    with Store(tmp_path / "explore.duckdb") as store:

        def setup():
            run_id = f"run-{store.session.fetch('SELECT count(*) FROM scores')[1][0][0]}"
            return ([replace(told, run_id=run_id)],), {}

        benchmark.pedantic(store.apply, setup=setup, rounds=9, warmup_rounds=1)
    assert benchmark.stats["median"] <= 1.0


@pytest.mark.parametrize("query", ["capacity", "epsilon"])
def test_a_curve_of_a_large_project_takes_at_most_50_ms(benchmark, project, query):
    store, _ = project
    table = benchmark(store.query, query, attack="confidence", metric="inference_accuracy", view="benign")
    assert len(table.rows) == 2 * 10 * 3 * 2
    assert benchmark.stats["median"] <= 0.05


def test_the_whole_capacity_table_of_a_large_project_takes_at_most_10_us_a_row(benchmark, project):
    store, _ = project
    table = benchmark(store.query, "capacity")
    assert len(table.rows) > 10_000
    assert benchmark.stats["median"] <= 1e-5 * len(table.rows)


def test_one_runs_history_out_of_ten_million_rows(benchmark, project):
    store, run_id = project
    table = benchmark(store.query, "history", run_id=run_id)
    assert len(table.rows) == HISTORY_ROWS // len(GRID) // 2 * 2


def test_the_most_exposed_of_50_000_examples_in_three_views_take_at_most_100_ms(benchmark, project):
    store, run_id = project
    table = benchmark(store.query, "exposed", run_id=run_id, limit=200)
    assert len(table.rows) == 200
    assert benchmark.stats["median"] <= 0.1


def test_the_runs_list_of_a_large_project_takes_at_most_50_ms(benchmark, project):
    store, _ = project
    assert len(benchmark(store.query, "runs").rows) == len(GRID)
    assert benchmark.stats["median"] <= 0.05
