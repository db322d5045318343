import json
from types import SimpleNamespace

import pytest
from textual.command import CommandList, CommandPalette

from engine.registry import attacks_on
from engine.service import protocol
from engine.spec import sweeps
from explorer.app import actions, palette
from explorer.app.commands import commands_of
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.help import Help

PANES = ("runs", "chart", "classes", "queue", "gpu", "log", "welcome")
MAIN = ("app", "panes", "copy", "export", "chart", "engine")
"""Scopes whose keys the main screen has, whichever pane is focused."""


def status(**fields):
    given = {
        **{"pid": 1, "host": "here", "since": 0.0, "project": "/p", "versions": {"python": "3"}, "devices": []},
        **{"running": [], "queued": 0, "progress": [], "paused": False, "hold": None, "disk_free": 10**9, "placed": []},
    }
    return protocol.Status(**(given | fields))


async def titles(app, pilot, until, run=""):
    await until(pilot, lambda: app.project.link != "opening")
    await pilot.pause()
    if run:
        app.choices.current = next(run_id for run_id in app.project.runs if run in run_id)
    return [entry.title for entry in palette.entries(app.screen_stack[0])]


# The table of actions


@pytest.mark.parametrize("scope", ["list", *MAIN, *PANES])
async def test_every_action_has_somebody_who_carries_it_out(make_app, scope):
    app = make_app()
    async with app.run_test(size=(120, 40)):
        main = app.screen_stack[0]
        for action in actions.of([scope]):
            assert callable(getattr(main.target(action), action.method, None)), action.id


def test_scopes_are_panes_commands_or_screens():
    scopes = {action.scope for action in actions.ACTIONS}
    assert scopes - {"list", "panes", *PANES} - set(commands_of(SimpleNamespace(pane_actions=None))) <= {
        "detail",
        "failure",
        "compare",
        "views",
        "check",
    }


def test_every_title_is_a_known_group_and_a_verb_phrase():
    for action in actions.ACTIONS:
        if action.title:
            group, _, phrase = action.title.partition(": ")
            assert group in palette.GROUPS
            assert phrase


def test_the_rules_speak_of_actions_that_exist():
    assert {*palette.POSSIBLE, *palette.ANYWHERE} <= actions.BY_ID.keys()


# What is offered


@pytest.mark.parametrize(
    ("run", "offered", "withheld"),
    [
        ("aa03", [], ["Retry", "Cancel", "Start"]),
        ("aa04", ["Cancel"], ["Retry", "Start"]),
        ("aa05", ["Retry"], ["Cancel", "Start"]),
        ("aa06", ["Cancel", "Start"], ["Retry"]),
    ],
)
async def test_a_run_is_offered_what_its_state_allows(make_app, until, run, offered, withheld):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until, run)
        for verb in offered:
            assert any(title.startswith(f"run: {verb} pgd-") for title in found)
        for verb in withheld:
            assert not any(title.startswith(f"run: {verb} ") for title in found)


@pytest.mark.parametrize(("method", "offered"), [(None, True), ("ibp", True), ("dual", False), ("crown-ibp", False)])
async def test_a_tighter_bound_is_offered_where_it_may_be_one(make_app, until, run, method, offered):
    app = make_app([run("digits-ibp-c1-s0-aa01", defense="ibp", certification=method)])
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until, "aa01")
        assert any(title.startswith("run: Certify ") for title in found) is offered


async def test_the_engine_is_offered_what_its_state_allows(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until)
        assert {"engine: Pause", "engine: Stop"} <= set(found)
        assert not {"engine: Resume", "engine: Start"} & set(found)
        app.project.status = status(paused=True)
        found = await titles(app, pilot, until)
        assert "engine: Resume" in found
        assert "engine: Pause" not in found
        app.project.link = "files"
        found = await titles(app, pilot, until)
        assert [title for title in found if title.startswith("engine")] == ["engine: Start"]


async def test_a_read_only_app_is_offered_nothing_that_changes_work(make_app, until):
    app = make_app(link="engine", read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until, "aa05")
        engine = {action.title.partition("{")[0] for action in actions.ACTIONS if action.engine and action.title}
        assert not [title for title in found if title.startswith(tuple(engine))]
        assert "export: Everything to a folder" in found


async def test_without_runs_nothing_speaks_of_one(make_app, until):
    app = make_app([], link="empty")
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until)
        assert not [title for title in found if title.startswith(("run:", "runs:", "chart:")) or "{" in title]
        assert {"sweep: New", "app: Quit"} <= set(found)


async def test_choices_are_entries_of_their_own(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        found = await titles(app, pilot, until)
        assert {"theme: dark", "theme: light", "theme: mono"} <= set(found)
        assert {"runs: Filter — all", "runs: Filter — failed", "runs: Filter — this sweep"} <= set(found)
        assert "{" not in "".join(found)


async def test_repeating_an_export_is_offered_once_there_was_one(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        assert "export: Repeat the last one" not in await titles(app, pilot, until)
        app.choices.last_export = {"table": "runs", "format": "csv", "path": "/x", "filters": {}}
        assert "export: Repeat the last one" in await titles(app, pilot, until)


# The palette itself


async def opened(app, pilot, until, *typed):
    await until(pilot, lambda: app.project.link != "opening")
    await pilot.press("ctrl+p")
    await until(pilot, lambda: isinstance(app.screen, CommandPalette))
    await pilot.press(*typed)
    await until(pilot, lambda: app.screen.query_one(CommandList).option_count)


async def test_a_command_is_found_by_letters_and_carried_out(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until, *"filter failed")
        await until(pilot, lambda: "failed" in str(app.screen.query_one(CommandList).get_option_at_index(0).prompt))
        await pilot.press("enter")
        await until(pilot, lambda: app.choices.saved_filter == "failed")


@pytest.mark.parametrize("state", ["done", "failed", "queued"])
async def test_all_attacks_are_asked_of_a_run_that_is_done_and_of_no_other(make_app, until, run, state):
    table = {"name": "one", "dataset": "digits", "grid": {"defense": ["natural"]}}
    experiment = next(iter(sweeps.expand(*sweeps.settle(table, "quick"), "quick")))
    about = {"run_id": experiment.run_id, "name": experiment.slug, "sweep": "demo", "state": state}
    whole = about | {"spec": json.dumps(experiment.to_dict()), "place": json.dumps({"device": "auto"})}
    answers = {"run": [whole], "Submit": protocol.Runs(run_ids=[experiment.run_id])}
    app = make_app([run(**about)], answers, link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        found = [title for title in await titles(app, pilot, until) if title.startswith("run: Attack ")]
        assert bool(found) is (state == "done")
        if not found:
            return
        await opened(app, pilot, until, *"with all")
        await until(pilot, lambda: found[0] in str(app.screen.query_one(CommandList).get_option_at_index(0).prompt))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
        assert not app.project.told
        await pilot.press("y")
        await until(pilot, lambda: app.project.told)
        (request,) = app.project.told[0].runs
        assert request.experiment["inference"]["attacks"] == list(attacks_on())
        assert request.experiment["defense"] == experiment.to_dict()["defense"]


async def test_keys_stand_beside_the_names(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until, *"new")
        await until(pilot, lambda: any("sweep: New " in line and line.split()[-1] == "n" for line in screen_text(app)))


async def test_above_a_dialog_only_what_makes_sense_there(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.push_screen(Confirm("Really?", "", "yes"))
        await pilot.pause()
        await opened(app, pilot, until)
        listed = app.screen.query_one(CommandList)
        found = {str(listed.get_option_at_index(index).hit.text) for index in range(listed.option_count)}
        assert found == {"help: Show keys", "app: Detach", "app: Quit", "theme: dark", "theme: light", "theme: mono"}
        await pilot.press(*"keys", "enter")
        await until(pilot, lambda: isinstance(app.screen, Help))
