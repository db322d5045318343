import pytest

from explorer.app.screens.pane_actions import held

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
async def app(make_app):
    return make_app(link="engine")


def visible(app):
    return {pane.NUMBER for pane in app.screen.panes()}


def focused(app):
    return app.screen.pane.NUMBER if app.screen.pane else None


async def begun(pilot, until):
    await until(pilot, lambda: pilot.app.choices.current)
    await pilot.pause()


async def test_a_digit_focuses_its_pane_and_again_puts_it_away(app, until):
    async with app.run_test(size=(200, 60)) as pilot:
        await begun(pilot, until)
        for number in "3456":
            await pilot.press(number)
            assert focused(app) == number
            assert number in visible(app)
            await pilot.press(number)
            assert focused(app) == "1"
            assert number not in visible(app)
            await pilot.press(number)
            assert focused(app) == number


async def test_runs_and_chart_are_never_put_away(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        for number in "12":
            for _ in range(3):
                await pilot.press(number)
                assert focused(app) == number
                assert {"1", "2"} <= visible(app)


@pytest.mark.parametrize("size", SIZES)
async def test_the_second_chart_is_there_on_wide_screens_only(app, until, size):
    async with app.run_test(size=size) as pilot:
        await begun(pilot, until)
        assert ("2b" in visible(app)) == (size[0] >= 160)


@pytest.mark.parametrize("size", SIZES)
async def test_tab_goes_round_the_visible_panes_in_the_order_of_their_numbers(app, until, size):
    async with app.run_test(size=size) as pilot:
        await begun(pilot, until)
        order = sorted(visible(app))
        seen = []
        for _ in order:
            seen.append(focused(app))
            await pilot.press("tab")
        assert seen == order
        assert focused(app) == order[0]
        await pilot.press("shift+tab")
        assert focused(app) == order[-1]


async def test_a_small_screen_shows_one_pane_beside_the_chart(app, until):
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, until)
        assert visible(app) == {"1", "2"}
        for number in "34561":
            await pilot.press(number)
            assert visible(app) == {"2", number}
            assert focused(app) == number
        await pilot.press("4", "2")
        assert visible(app) == {"2", "4"}
        assert focused(app) == "2"
        await pilot.press("2")
        for keys in ("44", "422"):
            await pilot.press(*keys)
            assert visible(app) == {"2"}
            assert focused(app) == "2"


async def test_a_small_screen_begins_with_the_chart_alone_and_a_digit_puts_a_list_below(app, until):
    app.choices.side = "2"
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot, until)
        assert visible(app) == {"2"}
        await until(pilot, lambda: focused(app) == "2")
        await pilot.press("1")
        assert visible(app) == {"1", "2"}
        await pilot.press("1")
        assert visible(app) == {"2"}


async def test_one_key_goes_through_the_layouts_and_the_last_one_is_kept(app, until):
    async with app.run_test(size=(200, 60)) as pilot:
        await begun(pilot, until)
        story = visible(app)
        assert {"2", "2b", "2c", "2d", "7"} <= story
        await pilot.press("b")
        assert {"4", "6"} <= visible(app)
        await pilot.press("b")
        assert visible(app) == {"2", "2b", "2c", "2d"}
        assert focused(app) == "2"
        await pilot.press("1")
        assert focused(app) == "1"
        await pilot.press("1")
        assert visible(app) == {"2", "2b", "2c", "2d"}
        assert app.choices.layout == "charts"
        await pilot.press("b")
        assert visible(app) == story


async def test_a_very_flat_screen_shows_the_pane_asked_for(app, until):
    async with app.run_test(size=(80, 16)) as pilot:
        await begun(pilot, until)
        for number in "2431":
            await pilot.press(number)
            assert visible(app) == {number}
            assert focused(app) == number


async def test_zoom_gives_a_pane_everything_and_takes_it_back(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        before = visible(app)
        await pilot.press("3", "z")
        assert visible(app) == {"3"}
        await until(pilot, lambda: app.screen.pane.outer_size.width == 120)
        await pilot.press("4")
        assert visible(app) == {"4"}
        assert focused(app) == "4"
        await pilot.press("tab")
        assert focused(app) == "4"
        await pilot.press("z")
        assert visible(app) == before
        assert focused(app) == "4"


async def test_the_focused_pane_of_a_zoom_is_not_put_away_by_its_digit(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        await pilot.press("3", "z", "3")
        assert visible(app) == {"3"}


async def test_escape_undoes_exactly_one_layer_at_a_time(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        body, chart = app.screen.query_one("#body"), app.screen.query_one("#chart")
        app.project.given_answers = {"capacity": [], "seeds_history": lambda run_id, **_: history(run_id)}
        app.choices.chart = "history"
        app.screen.draw()
        await pilot.press("2", "l", "1", "f", "6", "z", "slash", *"oom", "enter")
        app.choices.filter = "s0"

        def layers():
            search = app.screen.query_one("#log").search
            return (search, app.choices.filter, app.choices.saved_filter, body.zoomed, chart.crosshair)

        await pilot.press("slash", *"x")
        await until(pilot, lambda: layers()[0] == "oomx")
        left = [layers()]
        for _ in range(6):
            await pilot.press("escape")
            left.append(layers())
        assert left[1:] == [
            ("oom", "s0", "running", "6", 1.0),
            ("", "s0", "running", "6", 1.0),
            ("", "", "running", "6", 1.0),
            ("", "", "all", "6", 1.0),
            ("", "", "all", "", 1.0),
            ("", "", "all", "", None),
        ]
        await pilot.press("escape")
        assert app.is_running


def history(run_id):
    own = {"metric": "loss", "mean": 1.0, "low": 1.0, "high": 1.0, "n_runs": len(run_id)}
    return [own | {"step": step} for step in range(1, 5)]


async def test_reset_is_the_first_day(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        first = visible(app)
        await pilot.press("4", "4", "3", "z", "m", "s", "T", "P")
        app.screen.query_one("#log").search = "x"
        app.screen.action_act("panes.reset")
        await pilot.pause()
        assert visible(app) == first
        assert app.choices.metric == "inference_accuracy"
        assert app.choices.sort == ""
        assert app.screen.query_one("#log").search == ""


async def test_a_paused_view_holds_the_picture_and_going_on_draws(app, until, run, screen_text):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        app.screen.pulse()
        await pilot.press("p")
        other = run("digits-natural-c1-s0-aa01", defense="natural", adversarial_inference_accuracy=0.99)
        app.project.put([run("digits-pgd-c9-s0-bb01"), other])
        app.project.tracker.put_progress("digits-pgd-c2-e0.1-s0-aa04", "predict", "", 0.9, 0.0)
        await until(pilot, lambda: "PAUSED · 1 new" in screen_text(app)[0])
        await pilot.press("j", "k")
        runs = app.screen.query_one("#runs")
        assert len(runs.order) == 6
        assert "99.0" not in runs.text()
        assert "predict" not in runs.text()
        await pilot.press("p")
        assert len(runs.order) == 7
        assert "99.0" in runs.text()
        assert "predict" in runs.text()


async def test_a_paused_view_holds_the_finding(app, until, run):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        await pilot.press("p")
        app.project.put([run("digits-pgd-c9-s0-bb01")])
        finding = app.screen.finding
        assert len(finding.selection.visible()) == 6
        await pilot.press("p")
        assert len(finding.selection.visible()) == 7


async def test_a_paused_view_still_moves_filters_and_turns_pages(app, until):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        await pilot.press("p", "j", "s")
        assert app.choices.current == "digits-natural-c2-s0-aa02"
        await pilot.press("slash", *"c8", "enter")
        assert len(app.screen.query_one("#runs").order) == 1


def test_news_do_not_reach_what_is_held(make_project, run):
    project = make_project()
    project.note("before")
    still = held(project)
    before = (len(still.runs), len(still.log), still.changes)
    project.put([run("x-0001")])
    project.note("after")
    project.put([run("digits-natural-c1-s0-aa01", state="failed")])
    project.tracker.put_state("digits-pgd-c2-e0.1-s0-aa04", "done")
    assert (len(still.runs), len(still.log), still.changes) == before
    assert still.runs["digits-natural-c1-s0-aa01"].state == "done"
    assert still.tracker.runs["digits-pgd-c2-e0.1-s0-aa04"].state == "running"
    assert still.tracker.clock() == still.tracker.clock()
