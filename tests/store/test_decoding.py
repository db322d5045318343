"""Every column of every query is a field of its typed row, and the other way round."""

import pytest

from store.decoding import columns, decode
from store.queries import QUERIES
from store.rows import Run
from store.summaries import Summary, ViewsRow

OF_RUN = {"sweeps", "spec", "place", "versions"}
"""Columns of a run that only the query `run` has."""


def nothing(query):
    """Filters that no row passes."""
    asked = QUERIES[query]
    return {name: [] for name in asked.required or [next(iter(asked.filters))]}


@pytest.mark.parametrize("query", QUERIES)
def test_the_columns_of_a_query_are_the_fields_of_its_row(store, query):
    told = store.query(query, **nothing(query)).columns
    assert sorted(told) == sorted(set(columns(QUERIES[query].row)) - (OF_RUN if query == "runs" else set()))


def test_no_two_questions_have_rows_of_one_name_unless_they_are_the_same():
    kinds = {query.row for query in QUERIES.values()}
    assert len({kind.__name__ for kind in kinds}) == len(kinds)


def test_a_run_is_decoded_by_columns_whatever_their_order():
    told = columns(Run)
    values = dict.fromkeys(told) | {
        "run_id": "a",
        "started": 10.0,
        "ended": 12.5,
        "benign_train_accuracy": 0.5,
        "adversarial_inference_accuracy": 0.75,
        "adversarial_leaks": True,
        "warnings": "one | two",
        "warned_views": "benign certified",
        "spec": '{"seed": 3}',
    }
    names = tuple(reversed(told))
    (run,) = decode("run", names, [[values[name] for name in names]])
    assert (run.run_id, run.duration, run.accuracy("benign", "train"), run.accuracy("benign", "test")) == (
        ("a", 2.5, 0.5, None)
    )
    assert (run.inference_accuracy("adversarial"), run.leaks) == (0.75, {"adversarial": True})
    assert (run.warnings, run.warned_views, run.spec["seed"]) == (("one", "two"), ("benign", "certified"), 3)
    assert (run.sweeps, run.place, run.versions) == ((), {}, {})


def test_a_row_of_views_has_a_summary_for_each_number_there_is():
    told = columns(ViewsRow)
    values = dict.fromkeys(told) | {
        "n_seeds": 3,
        "certified_heldout_inference_accuracy": 0.6,
        "certified_heldout_inference_accuracy_std": 0.1,
        "certified_heldout_inference_accuracy_n_leaking": 2,
        "paper_benign_test_accuracy": 0.9,
    }
    (row,) = decode("views", told, [[values[name] for name in told]])
    key = ("certified", "heldout")
    assert row.numbers == {key: Summary(0.6, 0.1, None, None, None, 2)}
    assert row.leaks(key)
    assert row.papers == {("benign", "test"): 0.9}
