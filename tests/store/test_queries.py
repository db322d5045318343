"""Named questions: what they join, average and leave out, and how they refuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from rows import records

from engine.events import Accuracies, Warnings
from store.queries import QUERIES, TABLES
from store.store import NewRun, StoreError

ROOT = Path(__file__).resolve().parents[2]
LEAKAGE_COLUMNS = (
    "run_id,dataset,network,capacity,defense,epsilon,seed,attack,view,class_label,threshold_rule,metric,value,ci_low,"
    "ci_high,n_member,n_nonmember,leaks,warnings"
)


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
        ("scores", {"order": "margin"}, "filter of scores"),
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
        rows = [row for row in records(store.query(name, attack="confidence")) if row["metric"] == "inference_accuracy"]
        assert {(row["setting"], round(row["mean"], 9), row["n_seeds"]) for row in rows} == {
            (None, 0.52, 2),
            ("temperature 5", 0.6, 2),
        }
    assert [(row["setting"], row["n_seeds"]) for row in records(store.query("views"))] == [
        (None, 2),
        ("temperature 5", 2),
    ]


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
    (row,) = records(store.query("capacity", metric="calibration_error"))
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
