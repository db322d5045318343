"""Tables that fold the seeds of one setting: means, intervals, and the paper's numbers beside them."""

import numpy as np
import pytest
from rows import INFERENCE, fact, records
from scipy import stats

from engine.events import ClassNames
from engine.wilson import wilson_interval
from store.decoding import decode
from store.summaries import collapsed


@pytest.fixture
def seeds(store, experiment, leakage, log):
    """A function telling the store of one run a seed, each with its inference accuracy and its half interval."""

    def tell(values, half):
        runs = [experiment(seed=seed) for seed in range(len(values))]
        store.apply([event for one in runs for event in (log(one)[0], log(one)[-1])])
        ends = [{"ci_low": value - half, "ci_high": value + half} if half else {} for value in values]
        none = {"ci_low": None, "ci_high": None, "leaks": None}
        told = zip(runs, values, ends, strict=True)
        store.apply([leakage(run.run_id, value=value, **(none | end)) for run, value, end in told])
        return fact(store.query("capacity"), **INFERENCE)

    return tell


def test_a_curve_averages_over_the_seeds_of_finished_runs(store, sweep):
    table = store.query("capacity")
    row = fact(table, defense="pgd", capacity=2.0, **INFERENCE)
    values = np.array([0.7, 0.71, 0.72])
    assert row["n_seeds"] == 3
    np.testing.assert_allclose([row["mean"], row["std"]], [values.mean(), values.std(ddof=1)], rtol=1e-12)
    assert {row["capacity"] for row in records(table)} == {1.0, 2.0}


def test_accuracies_stand_beside_leakage_in_a_curve(store, sweep):
    row = fact(
        store.query("epsilon"), metric="accuracy", view="adversarial", split="test", defense="natural", capacity=1.0
    )
    assert (row["epsilon"], row["evaluation_epsilon"], row["attack"], row["n_seeds"]) == (0.0, 0.1, None, 3)


@pytest.mark.parametrize(
    ("values", "half", "over"),
    [
        ([0.6], 0.1, "examples"),
        ([0.6, 0.8], 0.02, "examples"),
        ([0.6, 0.7, 0.8], 0.3, "examples"),
        ([0.6, 0.7, 0.8], 0.02, "seeds"),
        ([0.6, 0.7, 0.8], None, "seeds"),
        ([0.6, 0.7], None, None),
    ],
)
def test_the_wider_interval_stands_and_is_named_and_two_seeds_have_none(seeds, values, half, over):
    """Over seeds it leaves out that other examples may be drawn, over examples that other seeds may."""
    row = seeds(values, half)
    mean, low, high = np.mean(values), None, None
    if over == "examples":
        low, high = mean - half, mean + half
    elif over == "seeds":
        low, high = stats.t.interval(0.95, 2, loc=mean, scale=stats.sem(values))
    assert (row["ci_over"], row["n_seeds"]) == (over, len(values))
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(low), pytest.approx(high))


def test_an_accuracys_interval_over_examples_is_wilsons(store, sweep):
    row = fact(store.query("capacity", run_id=sweep[0].run_id), metric="accuracy", view="benign", split="test")
    (own,) = [
        row
        for row in records(store.query("accuracies", run_id=sweep[0].run_id))
        if (row["view"], row["split"]) == ("benign", "test")
    ]
    low, high = wilson_interval(own["accuracy"] * own["n"], own["n"])
    np.testing.assert_allclose([row["ci_low"], row["ci_high"]], [low, high], rtol=1e-12)


@pytest.mark.parametrize(
    ("leaks", "n_leaking"),
    [
        ([True, True, True], 3),
        ([True, False, True], 2),
        ([False, False, False], 0),
        ([False], 0),
        ([None, None], None),
    ],
)
def test_a_curve_counts_the_seeds_that_leak(store, experiment, log, leakage, leaks, n_leaking):
    for seed, one in enumerate(leaks):
        run_id = experiment(seed=seed).run_id
        own = [leakage(run_id, leaks=one), leakage(run_id, class_label=0, leaks=one)]
        store.apply([*log(experiment(seed=seed)), *own])
    for name in ("capacity", "epsilon", "classes"):
        table = store.query(name)
        assert table.columns.index("n_leaking") == table.columns.index("n_seeds") + 1
        row = fact(table, **INFERENCE | ({"class_label": 0} if name == "classes" else {}))
        assert (row["n_seeds"], row["n_leaking"]) == (len(leaks), n_leaking)
        assert type(row["n_leaking"]) is type(n_leaking)
        assert {row["n_leaking"] for row in records(table) if row["metric"] in ("accuracy", "threshold")} == {None}


@pytest.mark.parametrize("n", [3, 31, 32, 60])
def test_the_interval_is_students_for_few_and_for_many_seeds(seeds, n):
    values = np.random.default_rng(n).random(n)
    row = seeds(values.tolist(), None)
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose([row["ci_low"], row["ci_high"]], [low, high], rtol=1e-6)


def test_runs_that_differ_in_more_than_the_seed_are_not_averaged(store, experiment, log):
    """The same settings in every column, another recipe: two rows, told apart by `settings`."""
    store.apply(log(experiment(seed=0), value=0.6) + log(experiment(seed=1), value=0.8))
    store.apply(log(experiment(seed=2, learning_rate=0.5), value=0.7))
    rows = [
        row for row in records(store.query("capacity", attack="confidence")) if row["metric"] == "inference_accuracy"
    ]
    assert sorted((round(row["mean"], 9), row["n_seeds"]) for row in rows) == [(0.7, 1), (0.7, 2)]
    assert len({row["settings"] for row in rows}) == 2


@pytest.mark.parametrize(("query", "axis"), [("capacity", "capacity"), ("epsilon", "epsilon")])
def test_a_curves_points_follow_one_another(store, experiment, log, query, axis):
    for capacity in (4.0, 1.0, 2.0):
        for epsilon in (0.2, 0.05, 0.1):
            store.apply(log(experiment(capacity=capacity, epsilon=epsilon)))
    rows = records(store.query(query, **{name: INFERENCE[name] for name in INFERENCE}))
    other = "epsilon" if axis == "capacity" else "capacity"
    values = sorted({row[axis] for row in rows})
    assert [row[axis] for row in rows] == values * 3
    assert [row[other] for row in rows] == sorted(row[other] for row in rows)
    assert len({row["settings"] for row in rows}) == 1


def test_each_fact_of_a_setting_is_one_row(store, sweep):
    for name in ("capacity", "epsilon", "classes"):
        keys = [
            tuple(row[column] for column in row if column not in ("mean", "std")) for row in records(store.query(name))
        ]
        assert len(keys) == len(set(keys))
    assert len(store.query("capacity").rows) == 4 * 7


@pytest.mark.parametrize(
    ("defense", "wanted", "paper"),
    [
        ("natural", {"metric": "accuracy", "split": "test"}, 0.9824902723735408),
        ("pgd", INFERENCE, 0.6168687282408356),
        ("pgd", INFERENCE | {"metric": "advantage"}, 2 * 0.6168687282408356 - 1),
    ],
)
@pytest.mark.parametrize("epsilon", [8 / 255, 0.0314])
def test_a_curve_shows_the_papers_number_at_full_precision(store, experiment, log, defense, wanted, paper, epsilon):
    """The notebook's digits win over the table's, and the code's rounded budget counts as 8/255."""
    for capacity in (8.0, 4.0):
        store.apply(log(experiment(defense, dataset="yale", capacity=capacity, epsilon=epsilon)))
    wanted = wanted | {"view": "benign"}
    assert fact(store.query("capacity"), capacity=8.0, **wanted)["published"] == paper
    assert fact(store.query("capacity"), capacity=4.0, **wanted)["published"] is None


@pytest.mark.parametrize(
    "change", [{"threshold_rule": "heldout"}, {"attack": "confidence-class"}, {"view": "targeted"}]
)
def test_the_papers_number_is_not_shown_for_another_fact(store, experiment, log, leakage, change):
    one = experiment(dataset="yale", capacity=8.0, epsilon=8 / 255)
    store.apply([*log(one), leakage(one.run_id, **change)])
    assert fact(store.query("capacity"), **(INFERENCE | change))["published"] is None


@pytest.mark.parametrize("change", [{"size": "48x42"}, {"network": "small-cnn"}, {"split": "random"}])
def test_the_papers_number_is_not_shown_beside_another_model(store, experiment, log, change):
    store.apply(log(experiment(dataset="yale", capacity=8.0, epsilon=8 / 255, **change)))
    assert fact(store.query("capacity"), **INFERENCE)["published"] is None


def test_classes_stand_beside_the_row_of_all_with_the_papers_numbers(store, experiment, log, leakage):
    one = experiment(dataset="cifar10", capacity=10.0, epsilon=8 / 255)
    facts = [
        leakage(one.run_id, attack="confidence-class", view="adversarial", class_label=label, threshold_rule="heldout")
        for label in (None, 0, 3)
    ]
    store.apply([*log(one), ClassNames(run_id=one.run_id, names=["airplane", "b", "c", "cat"]), *facts])
    rows = records(store.query("classes", attack="confidence-class"))
    assert [row["class_name"] for row in rows] == [None, "airplane", "cat"]
    assert [(row["class_label"], row["published"]) for row in rows] == [(None, None), (0, 0.7221), (3, 0.8764)]
    assert [(row["mean"], row["n_seeds"], row["n_member"], row["n_nonmember"]) for row in rows] == [(0.75, 1, 6, 4)] * 3


@pytest.mark.parametrize("change", [{}, {"milestones": (5,), "factors": (0.5,)}])
def test_steps_that_follow_a_rule_make_one_curve(store, experiment, log, change):
    """Other rules, and other settings beside the same rule, are other curves."""
    for steps, capacity in ((10, 1.0), (20, 2.0), (40, 4.0)):
        store.apply(log(experiment(capacity=capacity, steps=steps, steps_rule="10 * capacity")))
    store.apply(log(experiment(capacity=1.0, steps=10, steps_rule="10 * capacity^2")))
    store.apply(log(experiment(capacity=1.0, steps=10)))
    if change:
        store.apply(log(experiment(capacity=1.0, steps=10, steps_rule="10 * capacity", **change)))
    curves = {}
    for row in records(store.query("capacity", **INFERENCE)):
        assert row["n_seeds"] == 1
        curves.setdefault((row["setting"], row["settings"]), []).append(row["capacity"])
    assert sorted(curves.values()) == [[1.0]] * (3 if change else 2) + [[1.0, 2.0, 4.0]]
    assert ("steps 10 * capacity", [1.0, 2.0, 4.0]) in [(words, found) for (words, _), found in curves.items()]


def test_facts_by_seed_have_the_value_of_each_seed_the_steps_and_the_accuracies(store, sweep):
    (row,) = [
        row
        for row in decode("by_seed", *store.query("by_seed", view="benign", threshold_rule="oracle"))
        if (row.defense, row.capacity, row.metric) == ("pgd", 2.0, "inference_accuracy")
    ]
    assert row.by_seed == pytest.approx({0: 0.7, 1: 0.71, 2: 0.72})
    assert (row.n_seeds, row.n_member, row.n_nonmember) == (3, 6, 4)
    assert row.steps == sweep[0].recipe.steps
    assert row.accuracies["benign", "test"] == pytest.approx(0.71)
    assert not collapsed(row.accuracies)


def test_a_model_that_gives_one_class_to_every_image_has_collapsed():
    one_class = {(view, split): 0.1 for view in ("benign", "adversarial") for split in ("train", "test")}
    assert collapsed(one_class)
    assert not collapsed(one_class | {("adversarial", "test"): 0.05})
    assert not collapsed({})
