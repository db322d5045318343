import math

import pytest

from explorer.charts import kinds_of_chart, read_out
from explorer.charts.series import NATURAL_LOOK
from explorer.project.choices import CHARTS, Choices
from explorer.results.marks import FLOOR


@pytest.fixture
def swept(fact):
    """Facts of natural and robust training over two capacities."""
    natural = [fact(0.52, defense="natural"), fact(0.54, defense="natural", capacity=2.0)]
    robust = [fact(0.60), fact(0.64, capacity=2.0, published=0.66)]
    return [*natural, *robust, fact(0.58, epsilon=0.05, evaluation_epsilon=0.05)]


def by_label(drawing):
    found = {curve.label: curve for curve in drawing.chart.series}
    assert len(found) == len(drawing.chart.series), "labels must tell curves apart"
    return found


def looks(drawing):
    return [(curve.mark, curve.tone) for curve in drawing.chart.series if curve.kind != "published"]


# Capacity


def test_a_capacity_curve_is_of_one_defense_and_epsilon(draw, swept):
    found = by_label(draw("capacity", {"capacity": swept}))
    assert list(found) == ["natural", "pgd eps 0.05", "pgd eps 0.1", "pgd eps 0.1 paper"]
    assert found["pgd eps 0.1"].x == (1.0, 2.0)
    assert found["pgd eps 0.1"].y == (0.60, 0.64)
    assert found["pgd eps 0.1"].low == (0.58, 0.62)
    assert (found["natural"].mark, found["natural"].tone) == NATURAL_LOOK


@pytest.mark.parametrize("kind", ["capacity", "epsilon"])
def test_curves_of_several_image_sizes_name_theirs(draw, fact, kind):
    sized = [fact(0.52, defense="natural", epsilon=0.0, size="8x8", settings="b")]
    sized += [fact(0.6, epsilon=at, evaluation_epsilon=at, size="16x16", settings="c") for at in (0.1, 0.2)]
    labels = list(by_label(draw(kind, {"capacity": sized})))
    assert labels
    assert all("8x8" in label if "natural" in label else label.endswith("16x16") for label in labels)
    alike = [row._replace(size="8x8") for row in sized]
    assert not any("8x8" in label for label in by_label(draw(kind, {"capacity": alike})))


def test_points_whose_seeds_are_not_all_done_are_hollow(draw, swept):
    found = by_label(draw("capacity", {"capacity": [*swept, fact_of(swept, capacity=8.0)]}))
    assert found["natural"].hollow == (False, False)
    assert found["pgd eps 0.1"].hollow == (False, True, True)  # capacity 2 runs, capacity 8 is queued


def fact_of(swept, **fields):
    return swept[2]._replace(**fields)


def test_the_papers_points_can_be_put_away(draw, swept):
    shown = by_label(draw("capacity", {"capacity": swept}))["pgd eps 0.1 paper"]
    assert (shown.x, shown.y, shown.kind) == ((2.0,), (0.66,), "published")
    assert "pgd eps 0.1 paper" not in by_label(draw("capacity", {"capacity": swept}, paper=False))


def test_settings_that_differ_in_nothing_else_are_told_apart(draw, fact):
    drawing = draw("capacity", {"capacity": [fact(0.6), fact(0.7, settings="bbbb2222"), fact(0.5, defense="natural")]})
    assert {"pgd eps 0.1 #aaaa", "pgd eps 0.1 #bbbb", "natural"} == set(by_label(drawing))
    assert len(set(looks(drawing))) == 3


def test_models_certified_by_several_methods_are_told_apart(draw, fact):
    rows = [fact(0.6), fact(0.7, certification="ibp"), fact(0.5, certification="crown-ibp", settings="bbbb2222")]
    assert set(by_label(draw("capacity", {"capacity": rows}))) == {
        *("pgd eps 0.1 uncertified", "pgd eps 0.1 by ibp", "pgd eps 0.1 by crown-ibp")
    }


def test_models_attacked_with_several_budgets_are_told_apart(draw, fact):
    naturals = [fact(0.5, defense="natural"), fact(0.55, defense="natural", evaluation_epsilon=8 / 255)]
    drawing = draw("capacity", {"capacity": naturals})
    assert {"natural attacked 0.1", "natural attacked 8/255"} == set(by_label(drawing))
    assert len(set(looks(drawing))) == 2
    assert all(tone == "dim" for _, tone in looks(drawing))


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"dataset": "yale"}, {"pgd eps 0.1 digits", "pgd eps 0.1 yale"}),
        ({"train_fraction": 0.5}, {"pgd eps 0.1 data 100%", "pgd eps 0.1 data 50%"}),
        ({"network": "mlp"}, {"pgd eps 0.1 small-cnn", "pgd eps 0.1 mlp"}),
    ],
)
def test_data_sets_fractions_and_networks_are_told_apart(draw, run, fact, fields, labels):
    rows = [run("a-0001"), run("b-0002", **fields)]
    drawing = draw("capacity", {"capacity": [fact(0.6), fact(0.7, **fields)]}, rows)
    assert set(by_label(drawing)) == labels
    assert len(set(looks(drawing))) == 2


@pytest.mark.parametrize(
    ("seeds", "over", "interval", "words"),
    [
        ((1, 1), (None, None), "bars", " · 1 seed"),
        ((1, 1), ("examples", "examples"), "bars", " · 1 seed, 95 % CI over examples"),
        ((2, 2), ("examples", None), "bars", " · 2 seeds, 95 % CI over examples"),
        ((1, 3), ("examples", "seeds"), "band", " · 1-3 seeds, 95 % CI over examples or seeds"),
        ((3, 3), ("seeds", "seeds"), "off", " · 3 seeds"),
    ],
)
def test_the_title_says_how_many_seeds_there_are_and_what_the_bars_mean(draw, fact, seeds, over, interval, words):
    few, many = ({"n_seeds": count, "ci_over": name} for count, name in zip(seeds, over, strict=True))
    drawing = draw("capacity", {"capacity": [fact(0.6, **few), fact(0.6, capacity=2.0, **many)]}, interval=interval)
    assert drawing.title == f"Capacity  inference accuracy % · confidence (adversarial) · oracle{words}"
    assert all(len(title) < len(drawing.title) for title in drawing.shorter)


def test_models_that_are_attacked_with_one_another_are_called_targets(draw, fact):
    """What an accuracy is averaged over are seeds all the same."""
    rows = [fact(0.6, metric="auc", attack="lira", threshold_rule="none", ci_over="seeds", n_seeds=8)]
    title = draw("capacity", {"capacity": rows}, metric="auc", attack="lira").title
    assert title.endswith(" · 8 targets, 95 % CI over targets")
    accuracy = {"metric": "accuracy", "view": "benign", "split": "test", "attack": None, "threshold_rule": None}
    rows = [fact(0.9, **accuracy, ci_over="seeds", n_seeds=8)]
    title = draw("capacity", {"capacity": rows}, metric="benign_test", attack="lira").title
    assert title.endswith(" · 8 seeds, 95 % CI over seeds")


def test_means_that_are_no_numbers_are_gaps_in_words_too(draw, fact):
    drawing = draw("capacity", {"capacity": [fact(math.nan), fact(0.6, capacity=2.0)]})
    assert read_out.read_out(drawing, 1.0) == "capacity 1: nothing here"
    assert "nan" not in read_out.table_text(drawing)


def test_only_the_chosen_number_is_drawn(draw, fact):
    facts = [fact(0.6), fact(0.7, threshold_rule="heldout"), fact(0.8, attack="confidence-class")]
    assert [curve.y for curve in draw("capacity", {"capacity": facts}).chart.series] == [(0.6,)]
    assert [curve.y for curve in draw("capacity", {"capacity": facts}, rule="heldout").chart.series] == [(0.7,)]


def test_the_chance_line_is_drawn_for_what_an_attack_infers_only(draw, fact):
    accuracy = fact(0.9, metric="accuracy", view="benign", split="test", attack=None, threshold_rule=None)
    assert draw("capacity", {"capacity": [fact(0.6)]}).chart.level == 0.5
    assert draw("capacity", {"capacity": [accuracy]}, metric="benign_test").chart.level is None


def test_runs_off_the_chart_are_left_out_of_the_question_and_the_export(make_project, swept):
    project = make_project(None, {"capacity": swept})
    some = list(project.runs.values())[:3]
    drawing = kinds_of_chart.drawing_of("capacity", project, Choices(), some)
    ids = sorted(run.run_id for run in some)
    assert project.asked[-1][1]["run_id"] == ids
    assert drawing.filters == {"run_id": ids}
    assert kinds_of_chart.drawing_of("capacity", project, Choices(), list(project.runs.values())).filters == {}


# Epsilon


def test_an_epsilon_curve_is_at_the_capacity_under_the_cursor(draw, swept):
    drawing = draw("epsilon", {"capacity": swept}, current="digits-pgd-c1-e0.1-s0-aa03")
    found = by_label(drawing)
    assert found["pgd"].x == (0.05, 0.1)
    assert found["pgd"].y == (0.58, 0.60)
    assert drawing.title.startswith("Epsilon  capacity 1 · ")
    assert drawing.chart.x_ticks == ((0.05, "0.05"), (0.1, "0.1"))


def test_the_natural_baseline_is_a_grey_line_that_says_what_it_was_attacked_with(draw, swept):
    found = by_label(draw("epsilon", {"capacity": swept}))
    assert found["natural attacked 0.1"].y == (0.52, 0.52)
    assert found["natural attacked 0.1"].tone == "dim"
    benign = by_label(draw("epsilon", {"capacity": [row._replace(view="benign") for row in swept]}, leak_view="benign"))
    assert "natural" in benign


def test_models_trained_with_one_epsilon_and_attacked_with_several_are_two_curves(draw, fact):
    facts = [fact(0.5 + e, epsilon=e, evaluation_epsilon=e) for e in (0.05, 0.1)]
    facts += [fact(0.4 + e, epsilon=e, evaluation_epsilon=0.2) for e in (0.05, 0.1)]
    found = by_label(draw("epsilon", {"capacity": facts}))
    assert {label: curve.y for label, curve in found.items()} == {
        "pgd attacked as trained": (0.55, 0.6),
        "pgd attacked 0.2": (0.45, 0.5),
    }


def test_one_fixed_budget_of_the_attack_is_one_curve(draw, fact):
    facts = [fact(0.5 + e, epsilon=e, evaluation_epsilon=0.1) for e in (0.05, 0.1, 0.2)]
    assert by_label(draw("epsilon", {"capacity": facts}))["pgd"].x == (0.05, 0.1, 0.2)


def test_a_curve_over_one_epsilon_says_what_is_missing(draw, fact):
    drawing = draw("epsilon", {"capacity": [fact(0.6, epsilon=8 / 255)]})
    assert drawing.empty == (
        "One epsilon so far at capacity 1 (8/255).",
        "A curve needs two. {engine.new} plans a sweep.",
    )


# What stands where no chart can


@pytest.mark.parametrize("kind", CHARTS)
def test_nothing_on_the_chart_says_which_key_adds_a_run(kind, make_project):
    project = make_project()
    assert kinds_of_chart.drawing_of(kind, project, Choices(), []).empty[0] == "Nothing on the chart."
    assert "{runs.overlay}" in kinds_of_chart.drawing_of(kind, project, Choices(), []).empty[1]
    filtered = kinds_of_chart.drawing_of(kind, project, Choices(filter="x"), []).empty
    assert "{panes.back} clears the filter" in filtered[1]
    assert kinds_of_chart.drawing_of(kind, make_project([]), Choices(), []).empty == (
        "No runs yet. {engine.new} plans a sweep.",
    )
    assert kinds_of_chart.drawing_of(kind, make_project([], read_only=True), Choices(), []).empty == ("No runs yet.",)
    assert kinds_of_chart.drawing_of(kind, make_project([], link="opening"), Choices(), []).empty == ("opening …",)


@pytest.mark.parametrize("kind", CHARTS)
def test_an_answer_on_its_way_is_told_and_one_that_failed_too(kind, make_project, draw):
    project = make_project(None, dict.fromkeys(("capacity", "seeds_history", "roc", "histogram")))
    asking = draw(kind, project=project)
    assert asking.asking
    assert asking.empty == ("asking …",)
    project.query_cache.trouble = "the engine is gone"
    failed = draw(kind, project=project)
    assert not failed.asking
    assert failed.empty == ("No answer.", "the engine is gone")


def test_before_the_first_run_ends_the_chart_says_when_it_will(make_project, draw, run):
    project = make_project([run("a-0001", state="running", ended=None), run("b-0002", state="queued")])
    now = [0.0]
    project.tracker.clock = lambda: now[0]
    assert draw("capacity", project=project).empty == (
        "No finished run on the chart yet (1 running, 2 in all).",
        "Points appear as runs end.",
    )
    project.tracker.put_progress("a-0001", "train", "", 0.0, 0.0)
    now[0] = 50.0
    project.tracker.put_progress("a-0001", "train", "", 0.5, 0.0)
    assert draw("capacity", project=project).empty[1] == "The first ends in 50s."


def test_a_number_that_is_not_stored_is_named(draw):
    drawing = draw("capacity", {"capacity": []}, metric="auc")
    assert drawing.empty[0] == "No AUC % · confidence (adversarial) in the 3 finished runs."


# Reading


def test_the_read_out_names_every_curve_with_its_interval_and_state(draw, swept):
    drawing = draw("capacity", {"capacity": swept})
    assert read_out.read_out(drawing, 2.0) == (
        "capacity 2: ◆ natural 54.0 ±2.0  ○ pgd eps 0.1 64.0 ±2.0 unfinished  × pgd eps 0.1 paper 66.0"
    )
    assert read_out.read_out(drawing, 2.0, brief=True) == "capacity 2: ◆ 54.0 ±2.0  ○ 64.0 ±2.0  × 66.0"
    assert read_out.read_out(drawing, 3.0) == "capacity 3: nothing here"


def test_an_uneven_interval_is_told_by_its_longer_half(draw, fact):
    drawing = draw("capacity", {"capacity": [fact(0.6, ci_low=0.5, ci_high=0.63)]})
    assert "60.0 ±10.0" in read_out.read_out(drawing, 1.0)


def test_the_chart_as_a_table_has_every_point(draw, swept):
    lines = read_out.table_text(draw("capacity", {"capacity": swept})).splitlines()
    assert lines[0].startswith("Capacity  inference accuracy %")
    assert lines[2].split() == ["curve", "capacity", "value", "from", "to"]
    assert len(lines) == 4 + 6 + 2
    assert lines[-1] == FLOOR
    assert lines[-3].split() == ["pgd", "eps", "0.1", "paper", "2", "66.0", "-", "-"]
