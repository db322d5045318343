import pytest
from textual.widgets import Input, Label

FIRST = "digits-natural-c1-s0-aa01"


@pytest.fixture
async def app(make_app):
    return make_app(link="engine")


def prompt(app):
    return app.screen.query_one("#prompt")


def said(app):
    return str(prompt(app).query_one(Label).render())


async def test_every_letter_of_a_filter_takes_effect_and_enter_keeps_it(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        runs = app.screen.query_one("#runs")
        await pilot.press("slash")
        assert prompt(app).display
        for typed, left in [("p", 4), ("g", 4), ("d", 4), ("space", 4), ("c", 4), ("8", 1)]:
            await pilot.press(typed)
            await until(pilot, lambda left=left: len(runs.order) == left)
        await pilot.press("enter")
        assert app.choices.filter == "pgd c8"
        assert not prompt(app).display
        assert app.screen.focused is runs


async def test_escape_restores_filter_kind_and_cursor(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        app.choices.filter = "s0"
        await pilot.press("j", "slash", "tab", *"c8")
        await until(pilot, lambda: app.choices.filter == "s0c8")
        assert app.choices.regex
        await pilot.press("escape")
        assert (app.choices.filter, app.choices.regex) == ("s0", False)
        assert app.choices.current == "digits-natural-c2-s0-aa02"
        assert app.screen.query_one("#runs").shown.cursor == 1


async def test_tab_changes_between_words_and_an_expression(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.press("slash")
        assert said(app) == " filter runs (text, tab changes) / "
        await pilot.press("tab", *"c[28]-")
        assert said(app) == " filter runs (regex, tab changes) / "
        runs = app.screen.query_one("#runs")
        await until(pilot, lambda: len(runs.order) == 3)
        await pilot.press("tab")
        assert runs.order == []


async def test_letters_typed_are_no_actions(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.press("slash", *"qzd1?A", "space", "left_square_bracket")
        assert prompt(app).query_one(Input).value == "qzd1?A ["
        assert not app.choices.off
        assert app.screen.query_one("#body").zoomed == ""


async def test_other_panes_than_the_log_filter_the_runs(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.press("3", "slash", *"c2", "enter")
        assert app.choices.filter == "c2"
        assert app.screen.pane.NUMBER == "3"


async def test_the_log_is_searched_by_itself(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        log = app.screen.query_one("#log")
        await pilot.press("6", "slash", *"oom")
        await until(pilot, lambda: log.search == "oom")
        assert said(app) == " search the log (text, tab changes) / "
        assert app.choices.filter == ""
        await pilot.press("escape")
        assert log.search == ""
        assert app.screen.focused is log


async def test_a_filter_is_offered_again_to_be_changed(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.press("slash", *"pgd", "enter", "slash", "backspace", "enter")
        assert app.choices.filter == "pg"
        assert app.choices.current != FIRST


async def test_a_field_that_there_is_not_is_said_in_the_line(app, until, screen_text):
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        runs = app.screen.query_one("#runs")
        await pilot.press("slash", *"capcity>2")
        await until(pilot, lambda: any("✗ no field capcity: capacity?" in line for line in screen_text(app)))
        assert runs.order == []
        assert "no field capcity" in " ".join(runs.text().split())
        await pilot.press("escape")
        assert len(runs.order) == 6
