import json
import tomllib

import pytest

from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from explorer.project.choices import state_folder


async def ready(app, pilot, until):
    await until(pilot, lambda: app.project.runs and app.choices.current)
    main = app.screen_stack[0]
    main.query_one("#runs").focus()
    await pilot.pause()
    return main


def kept():
    return (state_folder() / "copy.txt").read_text()


def said(app):
    return [notice.message for notice in app._notifications][-1]


async def test_y_copies_the_line_under_the_cursor(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        assert app.choices.current in app.clipboard
        assert kept() == app.clipboard + "\n"


async def test_capital_y_copies_the_whole_pane(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("Y")
        await until(pilot, lambda: app.clipboard)
        lines = app.clipboard.splitlines()
        assert len(lines) == 2 + len(app.project.runs)  # below the header stands the natural twin
        assert "RUN" in lines[0]


async def test_the_notice_says_how_and_does_not_promise(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("y")
        await until(pilot, lambda: app._notifications)
        assert "OSC 52" in said(app)
        assert str(state_folder() / "copy.txt") in said(app)
        assert "set -g set-clipboard on" in said(app)


async def test_a_file_that_cannot_be_written_is_said(make_app, until, tmp_path, monkeypatch):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
        await pilot.press("y")
        await until(pilot, lambda: app._notifications)
        assert "cannot be written" in said(app)
        assert app.clipboard


async def test_what_is_copied_is_for_the_person_alone(make_app, until):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        assert (state_folder() / "copy.txt").stat().st_mode & 0o077 == 0


async def test_without_a_pane_there_is_nothing_to_copy(make_app, until):
    app = make_app([], link="empty")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.link == "empty")
        main = app.screen_stack[0]
        for action in ("copy.line", "copy.pane", "copy.run"):
            main.set_focus(None)
            main.action_act(action)
            await until(pilot, lambda: app._notifications)
            assert said(app) == "there is nothing to copy here"
        assert not app.clipboard


async def test_a_run_is_copied_as_toml(make_app, until):
    experiment = Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1.0,
        defense="natural",
        epsilon=0.0,
        seed=0,
        recipe=recipe_for("natural", "digits", "quick", {}),
        evaluation=Evaluation(epsilon=0.1),
    )
    app = make_app(answers={"run": [{"spec": json.dumps(experiment.to_dict())}]})
    async with app.run_test(size=(120, 40)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act("copy.run")
        await until(pilot, lambda: app.clipboard)
        assert tomllib.loads(app.clipboard)["recipe"]["steps"] == experiment.recipe.steps


@pytest.mark.parametrize("link", ["engine", "files", "empty"])
async def test_diagnostics_tell_versions_engine_terminal_and_sizes(make_app, until, link, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "10.1.2.3 22 10.1.2.4 22")
    app = make_app(link=link)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.link == link)
        app.screen_stack[0].action_act("copy.diagnostics")
        await until(pilot, lambda: app.clipboard)
        text = app.clipboard
        for word in ("versions  python 3.", "textual 8.", "duckdb ", f"link {link}", "120x40", "6 runs: 3 done"):
            assert word in text
        assert "SSH_CONNECTION" in text
        assert "10.1.2.3" not in text
