import sys
import types

import pytest
from textual.screen import Screen

from engine.service import protocol
from engine.spec import sweeps
from explorer.app.screens.confirm import Confirm
from explorer.project import run_commands
from explorer.project.submitting import place_here, submission


async def ready(app, pilot, until, run=""):
    await until(pilot, lambda: app.project.link != "opening")
    await pilot.pause()
    if run:
        app.choices.current = next(run_id for run_id in app.project.runs if run in run_id)
    return app.screen_stack[0]


def said(app):
    return [notice.message for notice in app._notifications][-1] if app._notifications else ""


@pytest.fixture
def asked(monkeypatch):
    """What was asked of `run_commands`, which answers `done`."""
    found = []
    for name in ("retry", "cancel", "prioritise", "repeat_sweep", "certify", "attack"):

        async def note(project, what, name=name):
            found.append((name, what))
            return "done"

        monkeypatch.setattr(run_commands, name, note)
    return found


@pytest.mark.parametrize(
    ("action", "run", "command"),
    [
        ("engine.retry", "aa05", ("retry", ["digits-pgd-c4-e0.1-s0-aa05"])),
        ("engine.first", "aa06", ("prioritise", ["digits-pgd-c8-e0.1-s0-aa06"])),
    ],
)
async def test_run_verbs_ask_for_the_run_under_the_cursor(make_app, until, asked, action, run, command):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until, run)
        main.action_act(action)
        await until(pilot, lambda: asked)
        assert asked == [command]
        await until(pilot, lambda: said(app) == "done")


@pytest.mark.parametrize(
    ("action", "commands"),
    [
        ("engine.retry-failed", [("retry", ["digits-pgd-c4-e0.1-s0-aa05"])]),
        ("engine.certify", [("certify", "digits-natural-c1-s0-aa01")]),
        ("engine.attack", [("attack", "digits-natural-c1-s0-aa01")]),
        ("engine.repeat", [("repeat_sweep", "digits-natural-c1-s0-aa01")]),
        ("engine.cancel-all", [("cancel", ["digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c8-e0.1-s0-aa06"])]),
    ],
)
async def test_what_concerns_many_runs_or_makes_work_asks_first(make_app, until, asked, action, commands):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until, "aa01")
        for answer, wanted in (("escape", []), ("y", commands)):
            main.action_act(action)
            await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is main)
            await until(pilot, lambda wanted=wanted: asked == wanted)


async def test_the_demo_asks_before_it_joins_other_runs(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until, "aa01")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
        await pilot.press("escape")
        assert not app.project.told


@pytest.mark.parametrize(("keys", "cancelled"), [(["enter"], False), (["escape"], False), (["y"], True)])
async def test_cancelling_asks_and_no_is_the_answer_of_enter(make_app, until, asked, keys, cancelled):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until, "aa04")
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
        await pilot.press(*keys)
        await until(pilot, lambda: app.screen is main)
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.node is main])
        assert asked == ([("cancel", ["digits-pgd-c2-e0.1-s0-aa04"])] if cancelled else [])


async def test_a_run_that_has_ended_is_not_cancelled(make_app, until, asked):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until, "aa01")
        await pilot.press("X")
        await until(pilot, lambda: "nothing to cancel" in said(app))
        assert not asked


@pytest.mark.parametrize("link", ["lost", "files"])
async def test_r_starts_an_engine_where_there_is_none(make_app, until, asked, link):
    app = make_app(link=link)
    started = []

    async def start_engine():
        started.append(True)
        app.project.trouble = "the lock is held"
        return False

    app.project.start_engine = start_engine
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until, "aa05")
        await pilot.press("r")
        await until(pilot, lambda: said(app) == "the lock is held")
        assert started
        assert not asked


async def test_nothing_is_done_without_a_run(make_app, until, asked):
    app = make_app([], link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        for action in ("engine.retry", "engine.cancel", "engine.first", "engine.repeat"):
            main.action_act(action)
            await until(pilot, lambda: said(app) == "there is no run under the cursor")
            app.clear_notifications()
        main.action_act("engine.retry-failed")
        await until(pilot, lambda: said(app) == "no run failed")
        assert not asked


@pytest.mark.parametrize(("action", "command"), [("engine.pause", protocol.Pause), ("engine.resume", protocol.Resume)])
async def test_pausing_is_told_to_the_engine_and_its_status_asked_for(make_app, until, action, command):
    app = make_app(link="engine")

    async def refresh_status():
        app.project.told.append("status")

    app.project.refresh_status = refresh_status
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act(action)
        await until(pilot, lambda: "the engine starts" in said(app))
        assert app.project.told == [command(), "status"]


@pytest.mark.parametrize("action", ["engine.pause", "engine.resume", "engine.stop"])
async def test_no_engine_is_started_to_be_paused_or_stopped(make_app, until, action):
    app = make_app(link="files")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act(action)
        await until(pilot, lambda: said(app) == "no engine runs here")
        assert app.project.told == []


@pytest.mark.parametrize(("key", "told"), [("n", []), ("y", [protocol.Stop()])])
async def test_stopping_the_engine_asks(make_app, until, key, told):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act("engine.stop")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
        await pilot.press(key)
        await until(pilot, lambda: app.screen is main)
        await app.workers.wait_for_complete([worker for worker in app.workers if worker.node is main])
        assert app.project.told == told


async def test_starting_says_how_it_went(make_app, until):
    app = make_app(link="files")

    async def start_engine():
        app.project.link = "engine"
        return True

    app.project.start_engine = start_engine
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act("engine.start")
        await until(pilot, lambda: said(app).startswith("engine started"))
        main.action_act("engine.start")
        await until(pilot, lambda: said(app) == "the engine is at work")


async def test_the_demo_is_submitted_as_the_command_line_does(make_app, until, tmp_path, monkeypatch):
    monkeypatch.setenv("MIA_DATA", str(tmp_path / "data"))
    app = make_app([], answers={"Submit": protocol.Runs(run_ids=["a", "b"])}, link="empty")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("t")
        await until(pilot, lambda: "2 of them new" in said(app))
        (command,) = app.project.told
        sweep = sweeps.plan(sweeps.read("demo"), "quick", (), tmp_path / "data")
        assert command == submission(sweep, place_here(tmp_path / "data"))
        assert command.sweep == "demo"
        assert len(command.runs) == len(sweep.experiments)


async def test_a_new_sweep_opens_its_screen(make_app, until, monkeypatch):
    class NewSweep(Screen):
        pass

    module = types.ModuleType("explorer.app.screens.new_sweep")
    module.NewSweep = NewSweep
    monkeypatch.setitem(sys.modules, "explorer.app.screens.new_sweep", module)
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewSweep))


@pytest.mark.parametrize("key", ["n", "t", "r", "X", "U"])
async def test_a_read_only_app_does_none_of_it(make_app, until, asked, key):
    app = make_app(link="engine", read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until, "aa04")
        main.query_one("#runs").focus()
        await pilot.press(key)
        await until(pilot, lambda: "read-only" in said(app))
        assert app.screen is main
        assert not asked
        assert app.project.told == []


@pytest.mark.parametrize(
    ("key", "run", "command"),
    [
        ("X", "aa06", protocol.Cancel(run_ids=["digits-pgd-c8-e0.1-s0-aa06"])),
        ("X", "aa04", protocol.Cancel(run_ids=["digits-pgd-c2-e0.1-s0-aa04"])),
        ("r", "aa05", protocol.Retry(run_ids=["digits-pgd-c4-e0.1-s0-aa05"])),
    ],
)
async def test_keys_act_on_what_a_cluster_has_as_on_runs_here(make_app, until, key, run, command):
    app = make_app(link="engine", answers={type(command).__name__: protocol.Runs(run_ids=command.run_ids)})
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until, run)
        for run_id in app.project.runs:
            app.project.take(protocol.Placement(run_id=run_id, job="slurm 12", waits="Priority"))
        await pilot.press(key)
        if key == "X":
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press("y")
        await until(pilot, lambda: command in app.project.told)


@pytest.mark.parametrize("run", ["aa04", "aa06"])
async def test_a_log_that_is_not_there_yet_is_one_line(make_app, until, run):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until, run)
        app.project.take(protocol.Placement(run_id=app.choices.current, job="slurm 12", waits="Resources"))
        await pilot.press("L")
        await until(pilot, lambda: said(app) == "job.log: nothing in it yet: the run waits (for free nodes)")
