"""The exposed query: each training example once, the most exposed first, with what every view says of it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from rows import records

from engine import registry
from engine.events import SCORE_TYPES, ClassNames
from store.export import export
from store.store import NewRun, StoreError

NUMBERS = [f"{view}_{number}" for view in registry.VIEWS for number in ("confidence", "risk")]


def expected(*told):
    """The rows of one run by plain loops over the members of its views."""
    found = {}
    for scores in told:
        for row in np.flatnonzero(scores.member):
            example = int(scores.example[row])
            empty = {"run_id": scores.run_id, "example": example, "label": int(scores.label[row])}
            empty["class_name"] = f"class {scores.label[row]}"
            answer = found.setdefault(example, empty | dict.fromkeys(NUMBERS))
            answer[f"{scores.view}_confidence"] = float(scores.confidence[row])
            answer[f"{scores.view}_risk"] = float(scores.risk[row])
    for answer in found.values():
        risks = [answer[f"{scores.view}_risk"] for scores in told]
        answer |= {"risk": max(risks), "mean_risk": sum(risks) / len(risks)}
    return sorted(found.values(), key=lambda answer: (-answer["risk"], -answer["mean_risk"], answer["example"]))


@pytest.fixture
def telling(store, scores):
    """A function telling views of a run, all with the same examples and classes; what it told."""

    def tell(run_id, *views, members=50, nonmembers=40, **columns):
        told = []
        for seed, view in enumerate(views):
            drawn = scores(run_id, view, members, nonmembers, seed)
            own = {name: np.array(by_view[view], SCORE_TYPES[name]) for name, by_view in columns.items()}
            told.append(replace(drawn, label=(told or [drawn])[0].label, **own))
        store.apply([ClassNames(run_id=run_id, names=[f"class {label}" for label in range(10)]), *told])
        return told

    return tell


def test_it_has_a_column_for_every_view_there_can_be(store):
    assert store.query("exposed", run_id="a").columns == (
        *("run_id", "example", "label", "class_name", "risk", "mean_risk"),
        *NUMBERS,
    )


@pytest.mark.parametrize("views", [("benign",), ("benign", "adversarial"), tuple(registry.VIEWS)])
def test_each_member_is_one_row_with_what_every_view_says(store, telling, views):
    """Non-members bear the same numbers as members do in their own split, and are not among them."""
    told = telling("a", *views)
    telling("b", *views, members=10)
    rows, wanted = records(store.query("exposed", run_id="a")), expected(*told)
    assert [row["example"] for row in rows] == [row["example"] for row in wanted]
    for row, right in zip(rows, wanted, strict=True):
        assert row == right | {"mean_risk": pytest.approx(right["mean_risk"], rel=1e-12)}


def test_equal_risks_go_by_their_mean_and_then_by_the_example(store, telling):
    risks = {"benign": [0.5, 0.5, 0.75, 0.25, 0.75, 1.0], "adversarial": [0.75, 0.75, 0.5, 0.75, 0.5, 0.0]}
    examples = {view: [4, 3, 2, 0, 1, 9] for view in risks}
    telling("a", *risks, members=5, nonmembers=1, risk=risks, example=examples)
    assert [row[1] for row in store.query("exposed", run_id="a").rows] == [1, 2, 3, 4, 0]


def test_examples_without_a_risk_come_last(store, telling):
    telling("a", "benign", members=3, nonmembers=0, risk={"benign": [0.0, 0.25, 0.5]})
    with store.session.transaction() as cursor:
        cursor.execute("UPDATE scores SET risk = NULL WHERE example IN (1, 2)")
    rows = store.query("exposed", run_id="a").rows
    assert [row[1:2] + row[4:6] for row in rows] == [(0, 0.0, 0.0), (1, None, None), (2, None, None)]


def test_the_view_told_last_counts(store, telling):
    telling("a", "benign", "adversarial")
    told = telling("a", "adversarial", "benign", members=20)
    assert [row["example"] for row in records(store.query("exposed", run_id="a"))] == [
        row["example"] for row in expected(*told)
    ]


def test_it_comes_in_pages(store, telling):
    telling("a", "benign", members=1500)
    whole = store.query("exposed", run_id="a", limit=10_000).rows
    pages = [store.query("exposed", run_id="a", limit=600, offset=offset).rows for offset in (0, 600, 1200, 1800)]
    assert [len(page) for page in pages] == [600, 600, 300, 0]
    assert [row for page in pages for row in page] == whole
    assert store.query("exposed", run_id="a").rows == whole[:1000]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "run_id is missing"),
        ({"sweep": "grid"}, "run_id is missing"),
        ({"run_id": "a", "view": "benign"}, "filter of exposed"),
        ({"run_id": "a", "limit": -1}, "a whole number from 0"),
        ({"run_id": "a", "order": "confidence"}, "filter of exposed"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(store, params, message):
    with pytest.raises(StoreError, match=message) as refusal:
        store.query("exposed", **params)
    assert "\n" not in str(refusal.value)


def test_an_export_holds_all_runs_or_those_of_a_sweep(store, telling, experiment, tmp_path):
    asked = [experiment(seed=seed) for seed in range(3)]
    store.enqueue("first", [NewRun(one.run_id, one.to_dict(), {}) for one in asked[:2]])
    store.enqueue("second", [NewRun(one.run_id, one.to_dict(), {}) for one in asked[1:]])
    told = {one.run_id: telling(one.run_id, "benign", members=1100) for one in asked}
    for filters, chosen in (({}, asked), ({"sweep": "first"}, asked[:2]), ({"sweep": ["second"]}, asked[1:])):
        assert export(store, "exposed", "csv", tmp_path / "t.csv", **filters) == 1100 * len(chosen)
        with open(tmp_path / "t.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        wanted = [row for run_id in sorted(one.run_id for one in chosen) for row in expected(*told[run_id])]
        read = [(row["run_id"], row["example"], row["benign_risk"], row["targeted_risk"]) for row in rows]
        assert read == [(row["run_id"], str(row["example"]), str(row["benign_risk"]), "") for row in wanted]


def test_an_export_says_null_where_a_view_is_missing(store, telling, tmp_path):
    told = telling("a", "benign", "targeted", members=3)
    export(store, "exposed", "json", tmp_path / "t.json", run_id="a")
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [row["targeted_risk"] for row in rows] == [row["targeted_risk"] for row in expected(*told)]
    assert {row["certified_risk"] for row in rows} == {None}
