import itertools

import pytest
from waiting import chosen_next

from engine import registry
from explorer.app import palette
from explorer.charts.history import METRICS
from explorer.project import metrics
from explorer.project.choices import INTERVALS, SCALES, SMOOTHINGS
from explorer.results.text import VIEWS

ATTACKS = ("confidence", "confidence-class", "model-class", "gap")


def labels(pane):
    return [curve.label for curve in pane.drawing.chart.series]


def pair(pilot):
    return pilot.app.choices.attack, pilot.app.choices.leak_view


async def test_metrics_go_round_those_that_are_stored(open_chart):
    async with open_chart() as (pilot, pane):
        assert [name for _, name in pane.choices_metric()] == ["inference_accuracy", "advantage", "benign_test"]
        for name in ("advantage", "benign_test", "inference_accuracy"):
            await chosen_next(pilot, "m")
            assert pilot.app.choices.metric == name
            assert pane.drawing.chart is not None


async def test_a_history_has_metrics_of_its_own(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("]", "]")
        assert [name for _, name in pane.choices_metric()] == list(METRICS)
        await chosen_next(pilot, "m")
        assert pilot.app.choices.history == "train_accuracy"
        assert pilot.app.choices.metric == "inference_accuracy"
        assert pane.drawing.chart.y_percent


async def test_attacks_go_round_the_papers_first_and_keep_the_view_or_take_the_nearest(open_chart):
    async with open_chart() as (pilot, pane):
        assert pane.choices_attack() == [(name, name) for name in ATTACKS]
        for expected in (
            *(("confidence-class", "adversarial"), ("model-class", "benign"), ("gap", "benign")),
            *(("confidence", "benign"), ("confidence-class", "adversarial")),
        ):
            await chosen_next(pilot, "a")
            assert pair(pilot) == expected
            assert pane.drawing.chart is not None


async def test_views_go_round_those_that_the_attack_has(open_chart):
    async with open_chart() as (pilot, pane):
        await chosen_next(pilot, "v")
        assert pair(pilot) == ("confidence", "benign")
        await chosen_next(pilot, "v")
        assert pair(pilot) == ("confidence", "adversarial")
        pilot.app.screen.action_act("chart.attack", "gap")
        for view in ("targeted", "certified", "benign", "adversarial"):
            await chosen_next(pilot, "v")
            assert pair(pilot) == ("gap", view)
            assert pane.drawing.title.startswith(f"Capacity  inference accuracy % · gap ({view}) · ")


async def test_attacks_and_views_have_entries_of_the_palette(open_chart):
    async with open_chart() as (pilot, pane):
        titles = [entry.title for entry in palette.entries(pilot.app.screen)]
        assert [title for title in titles if title.startswith("chart: Attack")] == [
            f"chart: Attack — {name}" for name in ATTACKS
        ]
        assert {"chart: View — benign", "chart: View — adversarial"} <= set(titles)
        assert "chart: View — targeted" not in titles
        pilot.app.screen.action_act("chart.attack", "model-class")
        next(e for e in palette.entries(pilot.app.screen) if e.title == "chart: View — targeted").run()
        assert pair(pilot) == ("model-class", "targeted")
        assert "model-class (targeted) · held-out" in pane.drawing.title


async def test_other_panes_keep_their_own_view_key(open_chart):
    async with open_chart() as (pilot, _):
        await pilot.press("1")
        await chosen_next(pilot, "v")
        assert pilot.app.choices.leak_view == "benign"
        await pilot.press("3")
        await chosen_next(pilot, "v")
        assert pilot.app.choices.leak_view == "benign"


async def test_only_numbers_that_the_attack_has_are_offered_and_only_attacks_that_have_the_number(open_chart):
    async with open_chart() as (pilot, pane):
        pilot.app.choices.attack, pilot.app.choices.leak_view = "model-class", "targeted"
        assert [name for _, name in pane.choices_metric()] == ["inference_accuracy", "auc", "benign_test"]
        pilot.app.choices.metric = "auc"
        assert pane.choices_attack() == [("model-class", "model-class")]
        assert pane.choices_view() == [("targeted", "targeted")]
        pilot.app.choices.metric = "benign_test"
        assert [name for name, _ in pane.choices_attack()] == list(ATTACKS)
        pilot.app.choices.attack = "not stored"
        assert "auc" in [name for _, name in pane.choices_metric()]


async def test_a_list_says_what_its_entries_mean_and_escape_leaves_the_choice(open_chart, until, screen_text):
    async with open_chart() as (pilot, _):
        await pilot.press("a")
        await until(pilot, lambda: any("▸ ● confidence" in line for line in screen_text(pilot.app)))
        await pilot.press("a", "a", "a")
        words = registry.ATTACKS["gap"].words
        await until(pilot, lambda: any(f"  {words}  " in line for line in screen_text(pilot.app)))
        await pilot.press("escape")
        assert pair(pilot) == ("confidence", "adversarial")


async def test_without_stored_numbers_the_choice_stays(open_chart):
    async with open_chart(given={}) as (pilot, _):
        await pilot.press("m", "a", "v")
        assert pilot.app.choices.metric == "inference_accuracy"
        assert pair(pilot) == ("confidence", "adversarial")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 44), (200, 60)])
async def test_no_title_is_cut_however_long_its_names_are(open_chart, two_epsilons, size, fact):
    def stored(view=None, attack=None, metric=None, threshold_rule=None, **_):
        told = {"view": view or "benign", "attack": attack or "gap", "metric": metric or "auc"}
        return [fact(0.6, **told, epsilon=e, threshold_rule=threshold_rule or "none") for e in (0.05, 0.1)]

    async with open_chart(two_epsilons, size=size, given={"capacity": stored}) as (pilot, pane):
        view = pilot.app.choices
        view.rule = "heldout"
        for chosen in itertools.product(tuple(registry.ATTACKS), VIEWS, ("inference_accuracy", "advantage", "auc")):
            view.attack, view.leak_view, view.metric = chosen
            pilot.app.screen.draw()
            for found in (pane, pane.companion):
                if found.display:
                    assert "…" not in found.border_title
                    assert any(name.split(" · ")[0] in found.border_title for name in metrics.titles(view))
                    said = found.border_title + pilot.app.screen.query_one("#runs").border_title
                    assert ("held-out" in said) is (metrics.rule_of(view) == "heldout")
                    assert found.drawing.chart is not None


async def test_a_rule_that_nothing_was_chosen_by_is_not_spoken_of(open_chart):
    async with open_chart() as (pilot, pane):
        pilot.app.screen.action_act("chart.attack", "gap")
        before = pane.drawing
        assert "oracle" not in before.title
        await pilot.press("T")
        assert pane.drawing == before


async def test_the_threshold_rule_changes_what_is_drawn(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("T")
        assert pilot.app.choices.rule == "heldout"
        assert "held-out" in pane.drawing.title
        assert [curve.y for curve in pane.drawing.chart.series] == [(0.58,)]


@pytest.mark.parametrize(
    ("key", "field", "values"),
    [("x", "scale", SCALES), ("c", "interval", INTERVALS), ("w", "smooth", SMOOTHINGS)],
)
async def test_ways_to_draw_go_round(open_chart, key, field, values):
    async with open_chart() as (pilot, pane):
        assert tuple(value for _, value in getattr(pane, f"choices_{field}")()) == values
        if field == "smooth":
            await pilot.press("]", "]")
        for value in (*values[1:], values[0]):
            await pilot.press(key)
            chosen = getattr(pilot.app.choices, field)
            assert (chosen("capacity") if field == "scale" else chosen) == value
            assert len(pane.shown.lines) == pane.size.height


async def test_the_papers_points_come_and_go(open_chart):
    async with open_chart() as (pilot, pane):
        await pilot.press("P")
        assert "pgd eps 0.1 paper" not in labels(pane)
        await pilot.press("P")
        assert "pgd eps 0.1 paper" in labels(pane)


async def test_a_key_that_does_nothing_says_so_and_none_acts_on_what_is_not_shown(open_chart):
    async with open_chart() as (pilot, pane):
        said = []

        async def press(*keys):
            pilot.app.clear_notifications()
            await pilot.press(*keys)
            said[:] = [notice.message for notice in pilot.app._notifications]

        for key, words in [
            ("less_than_sign", "all of the chart is in sight: + zooms"),
            ("w", "only histories are smoothed"),
            ("s", "nothing to sort here"),
            ("space", "space does nothing here, but in 1 Runs"),
            ("K", "K does nothing; ? tells the keys"),
        ]:
            await press(key)
            assert said == [words]
        chart = pilot.app.choices.chart
        await press("1", "z", "]")
        assert said == ["chart: not shown; 2 goes there"]
        assert pilot.app.choices.chart == chart
        await press("T")
        assert pilot.app.choices.rule == "heldout"
        await press("z", "2", "x", "plus")
        assert pane.border_title.startswith("2 Capacity (log x, zoom)  ")


async def test_escape_and_a_digit_at_one_stroke_are_both_obeyed(open_chart, until):
    async with open_chart() as (pilot, _):
        await pilot.press("z", "pilcrow_sign")  # what Textual reads where escape and 7 come together
        await until(pilot, lambda: pilot.app.screen.pane.NUMBER == "7")
