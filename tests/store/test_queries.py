"""Named questions: what they join, average and leave out, and how they refuse."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.events import Accuracies, ClassNames, Warnings
from engine.shares import wilson_interval
from store.queries import QUERIES, TABLES
from store.store import NewRun, StoreError

ROOT = Path(__file__).resolve().parents[2]
LEAKAGE_COLUMNS = (
    "run_id,dataset,network,capacity,defense,epsilon,seed,attack,view,class_label,threshold_rule,metric,value,ci_low,"
    "ci_high,n_member,n_nonmember,leaks,warnings"
)


def records(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def fact(table, **wanted):
    """The only row that has the wanted values."""
    (row,) = [row for row in records(table) if all(row[name] == value for name, value in wanted.items())]
    return row


INFERENCE = {"measure": "inference_accuracy", "view": "benign", "attack": "confidence", "threshold_rule": "oracle"}


@pytest.fixture
def sweep(store, experiment, log):
    """Natural and PGD models at two capacities and three seeds; one more PGD model is still running."""
    asked = [
        experiment(defense, capacity=capacity, seed=seed)
        for defense in ("natural", "pgd")
        for capacity in (1.0, 2.0)
        for seed in range(3)
    ]
    store.enqueue("grid", [NewRun(one.run_id, one.to_dict(), {}) for one in asked])
    for one in asked:
        store.apply(log(one, value=0.5 + one.capacity / 10 + one.seed / 100))
    store.apply(log(experiment(capacity=4.0))[:-1])
    return asked


def test_runs_tell_the_steps_and_the_image_size_of_their_spec(store, experiment, log):
    own, small = experiment(), experiment(dataset="yale", size="48x42", steps=30)
    for one in (own, small):
        store.apply(log(one))
    table = store.query("runs")
    after = table.columns.index("train_fraction") + 1
    assert list(table.columns[after : after + 2]) == ["steps", "size"]
    expected = {one.run_id: (one.recipe.steps, one.data.size) for one in (own, small)}
    assert {row["run_id"]: (row["steps"], row["size"]) for row in records(table)} == expected
    (row,) = records(store.query("run", run_id=small.run_id))
    assert (row["steps"], row["size"]) == (30, "48x42")


def test_the_runs_list_has_one_row_per_run_with_headline_numbers(store, sweep, experiment):
    rows = records(store.query("runs"))
    assert [row["submission"] for row in rows] == list(range(1, 14))
    assert rows[0]["run_id"] == sweep[0].run_id
    assert (rows[0]["benign_train_accuracy"], rows[0]["adversarial_test_accuracy"]) == (0.9, 0.6)
    assert (rows[0]["benign_inference_accuracy"], rows[0]["certified_inference_accuracy"]) == (0.6, None)


def test_the_runs_list_says_whether_its_headline_numbers_tell_of_leakage(store, experiment, log, leakage):
    """Neither another attack, threshold rule, metric nor class counts."""
    one = experiment()
    others = {"attack": "gap"}, {"threshold_rule": "heldout"}, {"class_label": 3}
    facts = [leakage(one.run_id, leaks=False)] + [leakage(one.run_id, leaks=True, **other) for other in others]
    facts += [leakage(one.run_id, "advantage", leaks=True), leakage(one.run_id, view="adversarial", leaks=True)]
    facts += [leakage(one.run_id, view="certified", leaks=None)]
    store.apply([log(one)[0], *facts])
    store.apply(log(experiment(seed=1), state="failed"))
    for query in ("runs", "run"):
        (row,) = records(store.query(query, run_id=one.run_id))
        found = [row[f"{view}_leaks"] for view in ("benign", "adversarial", "certified")]
        assert found == [False, True, None]
    assert [records(store.query("runs"))[1][f"{view}_leaks"] for view in ("benign", "adversarial")] == [None, None]


def test_one_run_is_told_whole(store, sweep):
    store.enqueue("again", [NewRun(sweep[0].run_id, sweep[0].to_dict(), {})])
    (run,) = records(store.query("run", run_id=sweep[0].run_id))
    assert run["sweeps"] == "again grid"
    assert '"defense":"natural"' in run["spec"]
    assert run["versions"] == '{"python":"3.12"}'
    assert store.query("run", run_id="nothing").rows == []


def test_filters_choose_and_a_missing_one_means_all(store, sweep):
    count = {
        "all": len(store.query("runs").rows),
        "sweep": len(store.query("runs", sweep="grid").rows),
        "defense": len(store.query("runs", sweep=None, defense="natural").rows),
        "both": len(store.query("runs", defense="pgd", state="done").rows),
        "either": len(store.query("runs", run_id=[one.run_id for one in sweep[:4]]).rows),
        "none": len(store.query("runs", run_id=[]).rows),
        "unknown": len(store.query("runs", dataset="yale").rows),
    }
    assert count == {"all": 13, "sweep": 12, "defense": 6, "both": 6, "either": 4, "none": 0, "unknown": 0}


@pytest.mark.parametrize("name", QUERIES)
def test_every_filter_of_every_query_works(store, sweep, name):
    required = dict.fromkeys(QUERIES[name].required, sweep[0].run_id)
    for key in QUERIES[name].filters:
        store.query(name, **(required | {key: ["digits", "done"]}))
        assert store.query(name, **(required | {key: "no such thing"})).rows == []


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
        store.query("epsilon"), measure="accuracy", view="adversarial", split="test", defense="natural", capacity=1.0
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
    row = fact(store.query("capacity", run_id=sweep[0].run_id), measure="accuracy", view="benign", split="test")
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
        assert {row["n_leaking"] for row in records(table) if row["measure"] in ("accuracy", "threshold")} == {None}


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
        row for row in records(store.query("capacity", attack="confidence")) if row["measure"] == "inference_accuracy"
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
        ("natural", {"measure": "accuracy", "split": "test"}, 0.9824902723735408),
        ("pgd", INFERENCE, 0.6168687282408356),
        ("pgd", INFERENCE | {"measure": "advantage"}, 2 * 0.6168687282408356 - 1),
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


@pytest.mark.parametrize("change", [{"size": "48x42"}, {"network": "small-cnn"}])
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


def test_leakage_has_exactly_the_agreed_columns(store, sweep):
    table = store.query("leakage", run_id=sweep[0].run_id, metric="inference_accuracy")
    assert ",".join(table.columns) == LEAKAGE_COLUMNS
    assert [row[9] for row in table.rows] == [None, 0, 1]


def test_scores_come_in_pages(store, experiment, log, scores):
    run_id = experiment().run_id
    store.apply([log(experiment())[0], scores(run_id, members=60_000, nonmembers=10_000)])
    whole = store.query("scores", run_id=run_id, limit=100_000)
    pages = [store.query("scores", limit=30_000, offset=offset).rows for offset in (0, 30_000, 60_000, 90_000)]
    assert [len(page) for page in pages] == [30_000, 30_000, 10_000, 0]
    assert [row for page in pages for row in page] == whole.rows
    assert len(store.query("scores").rows) == 1000
    confidences = [row[5] for row in store.query("scores", order="confidence", limit=100).rows]
    assert confidences == sorted((row[5] for row in whole.rows), reverse=True)[:100]


def test_sweeps_count_their_runs_by_state(store, sweep, experiment):
    store.enqueue("new", [NewRun(one.run_id, one.to_dict(), {}) for one in (sweep[0], experiment(seed=9))])
    store.set_state(experiment(seed=9).run_id, "failed", "why")
    rows = records(store.query("sweeps"))
    assert [(row["sweep"], row["runs"], row["done"], row["failed"]) for row in rows] == [
        ("grid", 12, 12, 0),
        ("new", 2, 1, 1),
    ]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("rums", {}, "did you mean 'runs'"),
        ("runs", {"datset": "yale"}, "did you mean 'dataset'"),
        ("runs", {"dataset": 3}, "a text or a list of texts"),
        ("runs", {"limit": 3}, "filter of runs"),
        ("runs", {"name": "x"}, "filter of runs"),
        ("run", {}, "run_id is missing"),
        ("history", {}, "run_id is missing"),
        ("scores", {"limit": -1}, "a whole number from 0"),
        ("scores", {"offset": "1; DROP TABLE runs"}, "a whole number from 0"),
        ("scores", {"order": "margin"}, "allowed: confidence"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(store, name, params, message):
    with pytest.raises(StoreError, match=message) as refusal:
        store.query(name, **params)
    assert "\n" not in str(refusal.value)


def test_every_table_to_export_is_a_query():
    assert set(TABLES) <= set(QUERIES)


@pytest.mark.parametrize(
    ("module", "absent"),
    [("store.queries", "duckdb"), ("store.records", "duckdb"), ("store.errors", "duckdb"), ("store.export", "torch")],
)
def test_nothing_heavy_is_imported_unasked(module, absent):
    code = f"import sys, {module}; sys.exit(sum(name in sys.modules for name in ({absent!r}, 'torch', 'textual')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_swept_setting_stands_beside_its_runs(store, experiment, log):
    """Runs of one setting are still its seeds; two settings are two rows of every table, and say which is which."""
    for temperature in (1.0, 5.0):
        for seed in (0, 1):
            store.apply(
                log(experiment(seed=seed, evaluation={"temperature": temperature}), value=0.5 + temperature / 50)
            )
    assert [row["setting"] for row in records(store.query("runs"))] == [None, None, "temperature 5", "temperature 5"]
    for name in ("capacity", "epsilon"):
        rows = [
            row for row in records(store.query(name, attack="confidence")) if row["measure"] == "inference_accuracy"
        ]
        assert {(row["setting"], round(row["mean"], 9), row["n_seeds"]) for row in rows} == {
            (None, 0.52, 2),
            ("temperature 5", 0.6, 2),
        }
    assert [(row["setting"], row["n_seeds"]) for row in records(store.query("views"))] == [
        (None, 2),
        ("temperature 5", 2),
    ]


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


def test_the_table_of_views_has_settings_in_the_order_of_their_numbers(store, experiment, log):
    temperatures = [10.0, 2.0, 1.0, 0.5, 1e-3, 25.5]
    for temperature in temperatures:
        store.apply(log(experiment(evaluation={"temperature": temperature})))
    found = [row["setting"] for row in records(store.query("views"))]
    assert found == [None, *(f"temperature {value:g}" for value in sorted(temperatures) if value != 1)]


def test_calibration_stands_beside_accuracy(store, experiment, log):
    run = experiment()
    store.apply(log(run))
    fact = {"run_id": run.run_id, "view": "benign", "split": "test", "accuracy": 0.75, "n": 10}
    store.apply([Accuracies(**fact, calibration_error=0.125)])
    found = {(row["view"], row["split"]): row["calibration_error"] for row in records(store.query("accuracies"))}
    assert found.pop(("benign", "test")) == 0.125
    assert set(found.values()) == {None}
    (row,) = records(store.query("capacity", measure="calibration_error"))
    assert (row["view"], row["split"], row["mean"], row["published"]) == ("benign", "test", 0.125, None)


@pytest.mark.parametrize("table", ["accuracies", "leakage", "capacity", "epsilon", "classes"])
def test_warnings_stand_beside_the_numbers_that_they_speak_of(store, sweep, leakage, table):
    store.apply([leakage(run.run_id, view="adversarial") for run in sweep])
    said = {(row["view"], row["warnings"]) for row in records(store.query(table))}
    run_wide, of_view = "2 of 4 are members", "3 of 4 moved nowhere"
    assert said == {("benign", run_wide), ("adversarial", f"{run_wide} | {of_view}")}


def test_warnings_of_all_seeds_stand_in_the_wide_tables_with_the_views_that_they_speak_of(store, experiment, log):
    for seed in range(2):
        run = experiment(seed=seed)
        told = {"topic": "attack", "message": f"{seed} of 4 moved nowhere", "view": "adversarial"}
        events = [event for event in log(run) if not isinstance(event, Warnings)]
        store.apply([*events[:-1], Warnings(run_id=run.run_id, warnings=[told]), events[-1]])
    (row,) = records(store.query("views"))
    assert (row["warnings"], row["warned_views"]) == ("0 of 4 moved nowhere | 1 of 4 moved nowhere", "adversarial")
    assert [run["warned_views"] for run in records(store.query("runs"))] == ["adversarial"] * 2
    store.apply([Warnings(run_id=run.run_id, warnings=[])])
    assert [run["warnings"] for run in records(store.query("runs"))] == ["0 of 4 moved nowhere", None]
