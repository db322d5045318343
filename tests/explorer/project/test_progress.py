import time

import pytest
from rows import typed

from explorer.project.progress import Work, clock, waiting, work
from explorer.project.run_tracking import RunTracker


def project(states):
    """Rows and a tracker of runs given as name -> (sweep, state)."""
    tracker = RunTracker(dict.fromkeys(states, "x"), clock=lambda: 0.0)
    for name, (_, state) in states.items():
        tracker.put_state(name, state)
    return {name: typed("runs", {"run_id": name, "sweep": sweep}) for name, (sweep, _) in states.items()}, tracker


def test_nothing_is_in_hand_where_every_run_has_ended():
    assert work({}, RunTracker({})) is None
    assert work(*project({"a": ("s", "done"), "b": ("s", "failed")})) is None


def test_only_sweeps_with_runs_to_do_count_and_ended_runs_of_them_count_whole():
    rows, tracker = project(
        {"a": ("old", "done"), "b": ("new", "failed"), "c": ("new", "queued"), "d": ("new", "queued")}
    )
    tracker.put_progress("c", "train", "step", 0.5, 1.0)
    found = work(rows, tracker)
    assert (found.ended, found.total, found.share) == (1, 3, pytest.approx(0.5))
    assert found.eta == "ETA —"


def test_the_time_left_is_said_with_the_time_of_day_or_with_the_runs_of_unknown_length():
    found = Work(1, 2, 0.5, 6720.0, unknown=0)
    until = time.strftime("%H:%M", time.localtime(time.time() + 6720))
    assert found.eta == f"ETA 1h52 ({until})"
    assert Work(1, 4, 0.5, 395.0, unknown=2).eta == "ETA 6m35s + 2 unknown"


def test_a_time_on_another_day_says_the_weekday():
    assert clock(3 * 86400).split()[0] == time.strftime("%a", time.localtime(time.time() + 3 * 86400))


def test_runs_wait_by_priority_then_as_submitted():
    rows = [
        typed("runs", {"run_id": name, "state": state, "priority": priority, "submission": index})
        for index, (name, state, priority) in enumerate(
            [("a", "queued", 0), ("b", "queued", 2), ("c", "running", 9), ("d", "queued", 2), ("e", "queued", -1)]
        )
    ]
    assert [run.run_id for run in waiting(rows)] == ["b", "d", "a", "e"]


def test_the_length_of_a_kind_is_the_mean_of_its_runs():
    tracker = RunTracker({"a": "x", "b": "x", "c": "y"})
    tracker.runs["a"].took, tracker.runs["b"].took = 10.0, 20.0
    assert tracker.lengths() == {"x": 15.0}


def test_a_run_at_work_counts_with_its_own_speed_where_others_of_its_kind_were_faster():
    now = [0.0]
    tracker = RunTracker({"a": "x", "b": "x"}, clock=lambda: now[0])
    tracker.put_state("a", "done")
    tracker.runs["a"].took = 2.0
    tracker.put_progress("b", "train", "step", 0.0, 1.0)
    now[0] = 10.0
    tracker.put_progress("b", "train", "step", 0.25, 1.0)
    assert tracker.sweep_left() == (pytest.approx(tracker.time_left(tracker.runs["b"])), 0)
