import pytest

from explorer.app.widgets.pane import Pane

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
async def app(make_app):
    return make_app(link="engine")


async def begun(pilot, until):
    await until(pilot, lambda: pilot.app.choices.current)
    await pilot.pause()


def standing(app):
    return {pane.NUMBER for pane in app.screen.query(Pane) if pane.display and pane.NUMBER and pane.size}


@pytest.mark.parametrize("size", SIZES)
async def test_panes_fill_the_screen_between_header_and_footer(app, until, screen_text, size):
    async with app.run_test(size=size) as pilot:
        await begun(pilot, until)
        lines = screen_text(app)
        assert len(lines) == size[1]
        assert all(len(line) == size[0] for line in lines)
        assert lines[0].startswith(" mia-explore  project")
        assert lines[-1].startswith(" ? help")
        assert all(line[0] in "╭│╰┏┃┗" and line[-1] in "╮│╯┓┃┛" for line in lines[3:-1])


async def test_the_app_begins_at_the_runs(app, until):
    async with app.run_test() as pilot:
        await begun(pilot, until)
        assert app.screen.pane is app.screen.query_one("#runs")


@pytest.mark.parametrize("number", ["1", "2", "3", "4", "5", "6"])
async def test_whatever_the_size_the_focus_stays_on_its_pane(app, until, number):
    async with app.run_test(size=(200, 60)) as pilot:
        await begun(pilot, until)
        await pilot.press(number)
        for size in (*SIZES, *SIZES[::-1]):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.screen.size == size and number in standing(app))
            assert app.screen.pane is not None
            assert number == app.screen.pane.NUMBER
            assert app.screen.pane.display


async def test_the_focus_of_a_pane_that_disappears_goes_to_a_visible_one(app, until):
    async with app.run_test(size=(200, 60)) as pilot:
        await begun(pilot, until)
        app.screen.query_one("#chartb").focus()
        await pilot.pause()
        assert app.screen.pane.NUMBER == "2b"
        for size in ((120, 40), (80, 24), (80, 16), (200, 60)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.screen.size == size and app.screen.pane in app.screen.panes())
            assert app.screen.pane.NUMBER in standing(app)


@pytest.mark.parametrize("side", ["1", "3", "4", "6"])
async def test_a_small_screen_begins_with_the_pane_of_last_time(app, until, side):
    app.choices.side = side
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs and standing(app) == {"2", side})
        await until(pilot, lambda: app.screen.pane in app.screen.panes())
        assert app.choices.side == side


async def test_nothing_new_draws_nothing(app, until, monkeypatch):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        app.screen.pulse()
        drawn = []
        monkeypatch.setattr(type(app.screen.query_one("#runs")), "draw", lambda _: drawn.append(1))
        for _ in range(5):
            app.screen.pulse()
        assert drawn == []
        app.project.note("news")
        app.screen.pulse()
        assert drawn == [1]


async def test_a_key_draws_once_and_the_pulse_not_again(app, until, monkeypatch):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        app.screen.pulse()
        drawn = []
        monkeypatch.setattr(type(app.screen.query_one("#runs")), "draw", lambda _: drawn.append(1))
        app.project.note("news")
        app.screen.action_act("list.down")
        app.screen.pulse()
        assert drawn == [1]


async def test_a_paused_view_draws_its_counts_only(app, until, monkeypatch):
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        await pilot.press("p")
        drawn = []
        monkeypatch.setattr(type(app.screen.query_one("#runs")), "draw", lambda _: drawn.append(1))
        app.project.note("news")
        app.screen.pulse()
        assert drawn == []


@pytest.mark.parametrize("error", ["EngineRefused", "EngineUnreachable", "SpecError", "OSError"])
async def test_what_an_action_cannot_do_is_told_in_one_line(app, until, monkeypatch, error):
    from engine.service import client
    from engine.validation import SpecError

    kinds = {"SpecError": SpecError, "OSError": OSError}

    async def fail():
        raise kinds.get(error, getattr(client, error, None))("it cannot be [done]")

    async with app.run_test() as pilot:
        await begun(pilot, until)
        monkeypatch.setattr(app.screen.pane_actions, "action_zoom", fail)
        await pilot.press("z")
        await until(pilot, lambda: app._notifications)
        assert [notice.message for notice in app._notifications] == ["it cannot be [done]"]


async def test_an_action_that_takes_its_time_does_not_hold_the_screen(app, until, monkeypatch):
    import asyncio

    gate = asyncio.Event()

    async with app.run_test() as pilot:
        await begun(pilot, until)
        monkeypatch.setattr(app.screen.pane_actions, "action_zoom", gate.wait)
        await pilot.press("z", "j")
        assert app.choices.current == "digits-natural-c2-s0-aa02"
        gate.set()


async def test_an_empty_project_is_welcomed_until_it_has_a_run(make_app, until, run):
    app = make_app([], link="empty")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#welcome").display)
        assert app.screen.panes() == [app.screen.query_one("#welcome")]
        app.project.link = "engine"
        app.project.put([run("digits-pgd-s0-0001")])
        await until(pilot, lambda: app.screen.query_one("#body").display)
        await until(pilot, lambda: app.screen.pane is app.screen.query_one("#runs"))
        await until(pilot, lambda: app.screen.query_one("#runs").order == ["digits-pgd-s0-0001"])


async def test_choices_outlive_the_app(make_app, until):
    first = make_app()
    async with first.run_test(size=(120, 40)) as pilot:
        await begun(pilot, until)
        await pilot.press("j", "s", "m", "space", "4", "4")
    again = make_app()
    assert again.choices == first.choices
    assert again.choices.hidden == ["5", "4"]


async def test_what_other_packages_brought_and_could_not_be_taken_is_said_once(make_app, until, monkeypatch):
    monkeypatch.setattr("explorer.app.app.left_out", lambda: ["mia_explore.attacks: [toy] gives no row"])
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs and app._notifications)
        assert [notice.message for notice in app._notifications] == ["mia_explore.attacks: [toy] gives no row"]


@pytest.mark.parametrize(("alerts", "told"), [((), ["all 1 runs have ended"]), (("over",), [])])
async def test_the_end_of_all_work_is_told_unless_an_alert_tells_it(make_app, project_rows, until, alerts, told):
    app = make_app(rows=project_rows[:1], alerts=alerts)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        app.project.ended.append("digits-natural-c1-s0-aa01")
        app.screen.tell_ends()
        await pilot.pause()
        assert [notice.message for notice in app._notifications] == told
