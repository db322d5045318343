import pytest

from engine.service import protocol
from engine.service.client import EngineUnreachable
from explorer.app.screens.leave import Leave, at_work
from explorer.project.run_tracking import RunTracker


def tracker_of(**states):
    clock = [0.0]
    tracker = RunTracker(dict.fromkeys(states, "pgd"), clock=lambda: clock[0])
    for run_id, state in states.items():
        tracker.put_state(run_id, state)
    return tracker, clock


def test_work_is_told_by_phase_with_the_time_of_the_last():
    tracker, clock = tracker_of(a="running", b="running", c="running", d="queued", e="done", f="queued")
    for run_id, share in (("a", 0.5), ("b", 0.2)):
        tracker.put_progress(run_id, "train", "", 0.0, 1.0)
        clock[0] += 60
        tracker.put_progress(run_id, "train", "", share, 1.0)
    tracker.put_progress("c", "infer", "", 0.9, 1.0)
    assert at_work(tracker) == "2 training (4m00s left), 1 attacking, 2 queued"


def test_a_run_that_has_said_nothing_yet_is_starting():
    tracker, _ = tracker_of(a="running")
    assert at_work(tracker) == "1 starting"


async def asked(app, pilot, until, key="q"):
    await until(pilot, lambda: app.project.runs)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Leave) and app.screen.focused)
    return app.screen


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_leaving_asks_while_work_is_in_progress(make_app, until, screen_text, key):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot, until, key)
        await pilot.pause()
        assert any("1 starting, 1 queued." in line for line in screen_text(app))
        await pilot.press("ctrl+q")
        assert sum(isinstance(screen, Leave) for screen in app.screen_stack) == 1
        await pilot.press("escape")
        assert not isinstance(app.screen, Leave)
        assert app.return_value is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["d"], []),
        (["enter"], []),
        (["s"], [protocol.Stop()]),
        (["j", "enter"], [protocol.Stop()]),
        (["k", "k"], [protocol.Stop(grace=0.0)]),
        (["down", "down", "enter"], [protocol.Stop(grace=0.0)]),
    ],
)
async def test_every_way_out_leaves(make_app, until, keys, told):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot, until)
        await pilot.press(*keys)
        await until(pilot, lambda: app.return_value is not None)
        assert app.return_value == 0
        assert app.project.told == told


async def test_k_alone_stops_nothing(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(app, pilot, until)
        await pilot.press("k", "escape")
        assert app.screen is not dialog
        assert app.project.told == []


async def test_an_engine_that_is_not_reached_keeps_the_dialog(make_app, until, screen_text):
    app = make_app(link="engine")

    async def call(command):
        raise EngineUnreachable("it [is] gone")

    app.project.call = call
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await asked(app, pilot, until)
        await pilot.press("s")
        await until(pilot, lambda: "it [is] gone" in " ".join(screen_text(app)))
        assert app.screen is dialog


@pytest.mark.parametrize(
    "settings",
    [{"link": "files"}, {"link": "engine", "read_only": True}, {"link": "engine", "confirm_quit": False}],
)
async def test_nothing_is_asked_where_nothing_can_be_lost(make_app, until, settings):
    app = make_app(**settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
        assert app.return_value == 0


async def test_nothing_is_asked_where_all_is_done(make_app, until):
    rows = []
    app = make_app(rows, link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.link == "engine")
        await pilot.press("q")
        await until(pilot, lambda: app.return_value == 0)
