import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.charts import history
from explorer.charts.chart import is_number
from explorer.charts.chart_lines import draw_panels, room_for_panels
from explorer.charts.run_curves import MOST
from explorer.project.choices import Choices
from explorer.results.lines import line_text

values = st.lists(st.floats(-1e6, 1e6) | st.none() | st.just(math.nan), max_size=30)
METRICS = ("learning_rate", "loss", "test_accuracy", "train_accuracy")


def by_label(drawing):
    found = {curve.label: curve for curve in drawing.chart.series}
    assert len(found) == len(drawing.chart.series), "labels must tell curves apart"
    return found


@pytest.fixture
def told(run, make_project):
    """A project of two settings of capacity 1 with two seeds each, and one of capacity 2."""

    def seeds_history(run_id):
        return [
            {"metric": metric, "step": step, "mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n_runs": len(run_id)}
            for metric in METRICS
            for step, mean in ((10, 0.9), (20, 0.5), (30, math.nan))
        ]

    runs = [
        *(run(f"digits-natural-c1-s{seed}-aa0{seed}", defense="natural", epsilon=0.0, seed=seed) for seed in (0, 1)),
        *(run(f"digits-pgd-c1-e0.1-s{seed}-bb0{seed}", seed=seed) for seed in (0, 1)),
        run("digits-pgd-c2-e0.1-s0-cc00", capacity=2.0),
    ]
    return make_project(runs, {"seeds_history": seeds_history})


def test_seeds_are_folded_to_mean_and_band_and_the_setting_under_the_cursor_is_in_front(told, draw):
    drawing = draw("history", project=told, current="digits-natural-c1-s1-aa01")
    found = by_label(drawing)
    assert list(found) == ["pgd eps 0.1 ×2", "▸natural ×2"]
    assert found["▸natural ×2"].high[:2] == (1.0, 0.6)
    assert (found["▸natural ×2"].mark, found["▸natural ×2"].tone) == (2, "dim")
    assert drawing.title == "History  training loss · 2 of 3 settings"
    assert drawing.chart.interval == "band"


def test_a_setting_of_one_run_has_no_band(told, draw):
    drawing = draw("history", project=told, current="digits-pgd-c2-e0.1-s0-cc00")
    assert list(by_label(drawing)) == ["▸pgd eps 0.1"]
    assert drawing.chart.series[0].low == ()


def test_histories_keep_their_looks_as_the_cursor_moves(told, draw):
    drawings = [draw("history", project=told, current=name) for name in list(told.runs)[:3:2]]
    before, after = (
        {curve.label.removeprefix("▸"): (curve.mark, curve.tone) for curve in drawing.chart.series}
        for drawing in drawings
    )
    assert before == after


def test_a_setting_is_asked_for_by_itself_so_that_answers_last(told, draw):
    draw("history", project=told, current="digits-natural-c1-s0-aa00")
    ids = [name for name in told.runs if "-c1-" in name]
    assert [params["run_id"] for name, params in told.asked if name == "seeds_history"] == [ids[:2], ids[2:]]


def test_every_metric_has_a_panel_from_the_chosen_one_on(told, draw):
    drawing = draw("history", project=told, history="test_accuracy")
    names = [name for name, _ in drawing.panels]
    assert names == ["test accuracy %", "learning rate", "training loss", "training accuracy %"]
    assert drawing.panels[0][1] == drawing.chart
    assert [chart.y_percent for _, chart in drawing.panels] == [True, False, False, True]


@pytest.mark.parametrize(
    ("size", "room"),
    [((40, 12), (1, 1)), ((78, 11), (2, 1)), ((60, 30), (1, 2)), ((100, 20), (2, 2)), ((150, 40), (2, 2))],
)
def test_panels_stand_side_by_side_where_there_is_room_and_fill_their_place(told, draw, size, room):
    drawing = draw("history", project=told)
    assert room_for_panels(*size, count=4) == room
    for ascii_only in (False, True):
        lines = [line_text(line) for line in draw_panels(drawing.panels, *size, ascii_only)]
        assert [len(line) for line in lines] == [size[0]] * size[1]
        shown = [name for name, _ in drawing.panels if any(name in line for line in lines)]
        assert len(shown) == (0 if room == (1, 1) else room[0] * room[1])


def test_the_setting_under_the_cursor_and_marked_ones_are_among_the_few(run, make_project):
    rows = [run(f"digits-pgd-{at}-{at:04x}", epsilon=at / 100, submission=at) for at in range(1, 20)]
    project = make_project(rows)
    last, marked = rows[-1].run_id, rows[15].run_id
    chosen = Choices(current=last, marked=[marked])
    shown = [seeds[0].run_id for seeds in history.shown_settings(project, chosen, list(project.runs.values()))]
    assert len(shown) == MOST
    assert {last, marked} <= set(shown)
    assert shown == sorted(shown, key=list(project.runs).index)


def test_running_settings_are_shown_whatever_their_capacity(run, make_project):
    rows = [
        run("a-0001", capacity=1.0),
        run("b-0002", capacity=2.0, state="running", ended=None),
        run("c-0003", capacity=4.0),
    ]
    project = make_project(rows)
    shown = history.shown_settings(project, Choices(current="a-0001"), list(project.runs.values()))
    assert [seeds[0].run_id for seeds in shown] == ["a-0001", "b-0002"]


def test_a_history_without_steps_says_so(draw):
    assert draw("history", {"seeds_history": []}).empty == ("No history yet: it begins with training.",)


@given(st.floats(-100, 100), st.integers(1, 20), st.sampled_from([0.0, 0.6, 0.9, 0.99]))
def test_smoothing_leaves_a_constant_as_it_is(value, count, weight):
    assert history.smoothed([value] * count, weight) == pytest.approx((value,) * count)


@given(values)
def test_without_weight_nothing_is_smoothed(given_values):
    assert history.smoothed(given_values, 0.0) is not None
    assert str(history.smoothed(given_values, 0.0)) == str(tuple(given_values))


@given(values, st.sampled_from([0.6, 0.9]))
def test_smoothed_values_lie_among_those_seen_and_gaps_stay_gaps(given_values, weight):
    seen = []
    for value, smooth in zip(given_values, history.smoothed(given_values, weight), strict=True):
        if not is_number(value):
            assert smooth is None
            continue
        seen.append(value)
        assert min(seen) - 1e-6 <= smooth <= max(seen) + 1e-6
