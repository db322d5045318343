"""Events become rows once, however often and however cut they are told."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.event_lines import from_json, to_json
from engine.events import SCORE_TYPES, History, Notice, Progress, RunEnded, RunStarted
from store.store import Store, StoreError


def rows(store, sql):
    return store.session.fetch(sql)[1]


def test_a_run_told_from_start_to_end_recreates_its_row_and_facts(store, experiment, log):
    asked = experiment(seed=3)
    store.apply(log(asked))
    (row,) = rows(
        store, "SELECT name, dataset, network, capacity, defense, epsilon, evaluation_epsilon, seed FROM runs"
    )
    assert row == (asked.slug, "digits", "small-cnn", 2.0, "pgd", 0.1, 0.1, 3)
    assert rows(store, "SELECT state, created, started, ended, error FROM runs") == [
        ("done", 100.0, 100.0, 110.0, None)
    ]
    counts = {table: rows(store, f"SELECT count(*) FROM {table}")[0][0] for table in ("history", "scores", "leakage")}
    assert counts == {"history": 6, "scores": 20, "leakage": 7}


@pytest.mark.parametrize("seed", range(3))
def test_a_log_written_as_json_lines_gives_the_same_tables(tmp_path, experiment, log, tables, seed):
    events = log(experiment(seed=seed), stops=1)
    with Store(tmp_path / "a.duckdb") as direct, Store(tmp_path / "b.duckdb") as imported:
        direct.apply(events)
        imported.apply([from_json(to_json(event)) for event in events])
        assert tables(direct) == tables(imported)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_replay_of_what_was_told_changes_nothing(data, tmp_path_factory, experiment, log, tables):
    """Runs interleave, batches are cut anywhere, and after each batch some stretch of the past is told again."""
    shapes = data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["done", "failed"])), min_size=1, max_size=3)
    )
    logs = [log(experiment(seed=seed), stops=stops, state=end) for seed, (stops, end) in enumerate(shapes)]
    turns = [index for index, events in enumerate(logs) for _ in events]
    random.Random(data.draw(st.integers(0, 1000))).shuffle(turns)
    tellers = [iter(events) for events in logs]
    story = [next(tellers[index]) for index in turns]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(story)), max_size=4)))
    folder = tmp_path_factory.mktemp("replay")
    with Store(folder / "once.duckdb") as once, Store(folder / "again.duckdb") as again:
        once.apply(story)
        for start, stop in zip([0, *cuts], [*cuts, len(story)], strict=True):
            first = data.draw(st.integers(0, stop))
            again.apply(story[start:stop])
            again.apply(story[first : data.draw(st.integers(first, stop))])
        assert tables(again) == tables(once)


def test_a_repeat_is_recognised_by_a_store_opened_again(path, experiment, log, tables):
    events = log(experiment(), stops=2)
    with Store(path) as store:
        store.apply(events)
        before = tables(store)
    with Store(path) as store:
        store.apply(events[:7])
        store.apply(events)
        assert tables(store) == before


def test_a_newer_start_resumes_a_finished_run(store, experiment, log):
    events = log(experiment(), state="failed")
    store.apply(events)
    store.apply([RunStarted(run_id=events[0].run_id, **_fields(events[0]), device="cuda:0", time=500.0)])
    assert rows(store, "SELECT state, device, started, ended, error FROM runs") == [
        ("running", "cuda:0", 500.0, None, None)
    ]
    store.apply(events)
    assert rows(store, "SELECT state FROM runs") == [("running",)]


def test_a_cancelled_run_stays_cancelled_when_its_process_reports_back(store, experiment, log):
    events = log(experiment())
    store.apply(events[:3])
    store.set_state(events[0].run_id, "cancelled")
    store.apply([RunEnded(run_id=events[0].run_id, state="queued", time=4e9)])
    assert store.states([events[0].run_id]) == {events[0].run_id: "cancelled"}


@pytest.mark.parametrize("taken_for", ["failed", "queued"])
def test_a_run_whose_log_came_in_two_pieces_ends_as_the_log_says(store, experiment, log, taken_for):
    events = log(experiment(), start=4e9)
    store.apply(events[:4])
    store.set_state(events[0].run_id, taken_for, "the file ends before the run does")
    store.apply(events)
    assert rows(store, "SELECT state, ended, error FROM runs") == [("done", 4e9 + 10, None)]


def test_a_retried_run_is_not_ended_by_its_old_log(store, experiment, log):
    events = log(experiment(), state="failed")
    store.apply(events)
    for state in ("queued", "running"):
        store.set_state(events[0].run_id, state)
        store.apply(events)
        assert store.states([events[0].run_id]) == {events[0].run_id: state}


def test_a_clock_that_was_set_back_loses_neither_a_start_nor_an_end(store, experiment, log):
    """In the jobs of this machine a start is a start; the end is not dated before it."""
    events = log(experiment(), start=1000.0, state="failed")
    store.apply(events, live=True)
    store.set_state(events[0].run_id, "queued")
    last = rows(store, "SELECT ended FROM runs")[0][0]
    again = log(experiment(), start=last - 500)
    store.apply(again[:1], live=True)
    assert rows(store, "SELECT state, started FROM runs") == [("running", last - 500)]
    store.apply([RunEnded(run_id=events[0].run_id, state="done", time=last - 600)], live=True)
    assert rows(store, "SELECT state, ended FROM runs") == [("done", last - 500)]


def test_a_cancelled_run_is_not_begun_by_a_start_that_was_under_way(store, experiment, log):
    events = log(experiment())
    store.apply(events[:3], live=True)
    store.set_state(events[0].run_id, "cancelled")
    store.apply(events[:1], live=True)
    assert store.states([events[0].run_id]) == {events[0].run_id: "cancelled"}


def test_history_keeps_not_a_number_and_infinity(store, experiment, log):
    started = log(experiment())[0]
    store.apply([started, History(run_id=started.run_id, step=0, epoch=0, metrics={"a": math.nan, "b": math.inf})])
    values = dict(rows(store, "SELECT metric, value FROM history"))
    assert math.isnan(values["a"])
    assert values["b"] == math.inf


def test_scores_come_back_bit_for_bit(store, experiment, log, scores):
    started = log(experiment())[0]
    told = scores(started.run_id, members=500, nonmembers=300)
    store.apply([started, told])
    stored = store.query("scores", limit=1000)
    columns = dict(zip(stored.columns, zip(*stored.rows, strict=True), strict=True))
    for name in SCORE_TYPES:
        np.testing.assert_array_equal(np.array(columns[name], getattr(told, name).dtype), getattr(told, name))


@pytest.mark.parametrize("through_json", [False, True])
@pytest.mark.parametrize("leaks", [[True], [False], [None], [True, False], [None, True], [False, None, True]])
def test_whether_a_fact_leaks_comes_back_as_it_was_told(store, experiment, log, leakage, leaks, through_json):
    run_id = experiment().run_id
    told = [leakage(run_id, class_label=label, leaks=one) for label, one in enumerate(leaks)]
    store.apply([log(experiment())[0], *([from_json(to_json(fact)) for fact in told] if through_json else told)])
    table = store.query("leakage", run_id=run_id)
    stored = [row[table.columns.index("leaks")] for row in table.rows]
    assert [(type(one), one) for one in stored] == [(type(one), one) for one in leaks]


def test_newer_facts_replace_older_ones_and_leave_others(store, experiment, log, leakage, scores):
    events = log(experiment())
    store.apply(events)
    run_id = events[0].run_id
    store.apply([leakage(run_id, value=0.6), leakage(run_id, value=0.8), scores(run_id, members=3, nonmembers=1)])
    oracle = "metric = 'inference_accuracy' AND threshold_rule = 'oracle'"
    assert rows(store, f"SELECT class_label, value FROM leakage WHERE {oracle} ORDER BY class_label") == [
        (0, 0.75),
        (1, 0.75),
        (None, 0.8),
    ]
    assert rows(store, "SELECT view, count(*) FROM scores GROUP BY view ORDER BY view") == [
        ("adversarial", 10),
        ("benign", 4),
    ]


def test_progress_and_notices_are_not_kept(store, experiment, tables):
    before, run_id = tables(store), experiment().run_id
    store.apply(
        [
            Progress(run_id=run_id, phase="train", label="step 1/2", fraction=0.5, rate=1.0),
            Notice(run_id=run_id, time=1.0, message="hello"),
        ]
    )
    store.apply([])
    assert tables(store) == before


def test_a_batch_with_a_bad_event_is_refused_whole_in_one_line(store, experiment, log, tables):
    before, events = tables(store), log(experiment())
    broken = RunStarted(run_id="x", experiment={"seed": 1}, device="cpu", time=1.0, versions={})
    with pytest.raises(StoreError, match=r"^run x: .*missing") as refusal:
        store.apply([*events, broken])
    assert "\n" not in str(refusal.value)
    assert tables(store) == before
    store.apply(events)
    assert tables(store) != before


def test_score_columns_of_unequal_length_are_refused(store, experiment, scores):
    told = scores(experiment().run_id)
    object.__setattr__(told, "margin", told.margin[1:])
    with pytest.raises(StoreError, match="unequal length"):
        store.apply([told])


def _fields(started):
    return {"experiment": started.experiment, "versions": started.versions}
