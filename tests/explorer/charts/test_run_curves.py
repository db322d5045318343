import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.charts import run_curves
from explorer.charts.chart import is_number
from explorer.project.choices import Choices

values = st.lists(st.floats(-1e6, 1e6) | st.none() | st.just(math.nan), max_size=30)


def by_label(drawing):
    found = {curve.label: curve for curve in drawing.chart.series}
    assert len(found) == len(drawing.chart.series), "labels must tell curves apart"
    return found


def looks(drawing):
    return [(curve.mark, curve.tone) for curve in drawing.chart.series if curve.kind != "published"]


# Histories


@pytest.fixture
def told(make_project):
    """A project in which every run has a history of three steps."""

    def history(run_id, metric):
        return [
            {"run_id": name, "step": step, "epoch": 0, "metric": metric, "value": value, "state": "done"}
            for name in run_id
            for step, value in ((10, 2.0), (20, 1.0), (30, math.nan))
        ]

    return make_project(None, {"history": history})


def test_every_begun_run_has_a_history_and_the_one_under_the_cursor_is_marked(told, draw):
    drawing = draw("history", project=told, current="digits-pgd-c1-e0.1-s0-aa03")
    assert list(by_label(drawing)) == [
        *("natural c1", "natural c2", "▸pgd eps 0.1 c1", "pgd eps 0.1 c2", "pgd eps 0.1 c4"),
    ]
    assert drawing.title == "History  training loss · 5 of 6 runs"
    assert drawing.table == "history"


def test_histories_keep_their_looks_as_the_cursor_moves(told, draw):
    before, after = (draw("history", project=told, current=name) for name in list(told.runs)[:2])
    assert looks(before) == looks(after)
    assert [c.label.removeprefix("▸") for c in before.chart.series] == [
        c.label.removeprefix("▸") for c in after.chart.series
    ]


def test_a_run_is_asked_for_by_itself_so_that_answers_last(told, draw):
    draw("history", project=told)
    assert [params["run_id"] for name, params in told.asked if name == "history"] == [
        [run] for run in list(told.runs)[:5]
    ]


def test_the_run_under_the_cursor_and_marked_ones_are_among_the_few(run, make_project):
    rows = [run(f"digits-pgd-s{seed}-{seed:04x}", seed=seed) for seed in range(20)]
    project = make_project(rows)
    last, marked = rows[-1].run_id, rows[15].run_id
    shown = [
        one.run_id for one in run_curves.shown_runs(Choices(current=last, marked=[marked]), list(project.runs.values()))
    ]
    assert len(shown) == run_curves.MOST
    assert {last, marked} <= set(shown)
    assert shown == sorted(shown, key=list(project.runs).index)


def test_runs_of_one_name_are_told_apart(run, make_project, draw):
    rows = [
        run("digits-pgd-c1-s0-aaaa1"),
        run("digits-pgd-c1-s0-bbbb2"),
        run("yale-pgd-c1-s0-cccc3", dataset="yale"),
    ]
    project = make_project(rows, {"history": lambda run_id, **_: [{"run_id": run_id[0], "step": 1, "value": 1.0}]})
    assert list(by_label(draw("history", project=project))) == [
        "pgd eps 0.1 digits #aaaa",
        "pgd eps 0.1 digits #bbbb",
        "pgd eps 0.1 yale",
    ]


def test_a_history_without_steps_says_so(draw):
    assert draw("history", {"history": []}).empty == ("No history yet: it begins with training.",)


@given(st.floats(-100, 100), st.integers(1, 20), st.sampled_from([0.0, 0.6, 0.9, 0.99]))
def test_smoothing_leaves_a_constant_as_it_is(value, count, weight):
    assert run_curves.smoothed([value] * count, weight) == pytest.approx((value,) * count)


@given(values)
def test_without_weight_nothing_is_smoothed(given_values):
    assert run_curves.smoothed(given_values, 0.0) is not None
    assert str(run_curves.smoothed(given_values, 0.0)) == str(tuple(given_values))


@given(values, st.sampled_from([0.6, 0.9]))
def test_smoothed_values_lie_among_those_seen_and_gaps_stay_gaps(given_values, weight):
    seen = []
    for value, smooth in zip(given_values, run_curves.smoothed(given_values, weight), strict=True):
        if not is_number(value):
            assert smooth is None
            continue
        seen.append(value)
        assert min(seen) - 1e-6 <= smooth <= max(seen) + 1e-6
