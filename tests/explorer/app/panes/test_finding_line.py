import json

import pytest

from explorer.results.finding import QUERY


def by_seed(defense, epsilon, mean):
    """A row of the query about the small project's models of capacity 1."""
    return {
        **{"dataset": "digits", "network": "small-cnn", "defense": defense, "epsilon": epsilon, "capacity": 1.0},
        **{"evaluation_epsilon": 0.1, "train_fraction": 1.0, "attack": "confidence", "view": "adversarial"},
        **{"threshold_rule": "oracle", "metric": "inference_accuracy", "mean": mean, "ci_low": mean - 0.01},
        **{"ci_high": mean + 0.01, "ci_over": "examples", "n_seeds": 1, "n_member": 600, "n_nonmember": 1197},
        **{"steps": 750, "settings": "aabb", "by_seed": json.dumps({0: mean}), "benign_test_accuracy": 0.9},
    }


@pytest.fixture
def told(make_app):
    return make_app(answers={QUERY: [by_seed("pgd", 0.1, 0.6), by_seed("natural", 0.0, 0.53)]}, link="engine")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_finding_stands_above_the_panes(told, until, screen_text, size):
    async with told.run_test(size=size) as pilot:
        await until(pilot, lambda: "leaks 7.0" in screen_text(told)[2])


async def test_a_flat_terminal_keeps_its_rows_for_the_panes(told, until, screen_text):
    async with told.run_test(size=(80, 16)) as pilot:
        await until(pilot, lambda: told.choices.current)
        await pilot.pause()
        assert not any("leaks 7.0" in line for line in screen_text(told))


async def test_before_there_is_one_it_says_what_will_stand_there(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "costs in privacy" in screen_text(app)[2])


async def test_models_that_have_collapsed_are_said_to_give_no_finding(make_app, until, screen_text):
    flat = {f"{view}_{split}_accuracy": 0.02 for view in ("benign", "adversarial") for split in ("train", "test")}
    app = make_app(answers={QUERY: [by_seed("pgd", 0.1, 0.6) | flat]}, link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "No finding: all models have collapsed" in screen_text(app)[2])


async def test_the_panes_speak_of_the_finding_until_somebody_chooses_a_run(told, until):
    async with told.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "pgd" in told.choices.current)
        chosen = told.choices.current
        await pilot.press("g")
        assert told.choices.current != chosen
        told.project.touch()
        told.screen.pulse()
        assert told.choices.current != chosen


async def test_a_filter_leaves_the_natural_twin_to_be_held_against(make_app, until, screen_text):
    def asked(run_id=None, **_):
        robust = [by_seed("pgd", 0.1, 0.6)]
        return robust if run_id else [*robust, by_seed("natural", 0.0, 0.53)]

    app = make_app(answers={QUERY: asked}, link="engine")
    app.choices.filter = "pgd"
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "leaks 7.0 points more than natural" in screen_text(app)[2])
