from pathlib import Path

import pytest

from engine.service import protocol
from explorer.app.screens.export import ExportDialog
from store.queries import TABLES


@pytest.fixture
def writing_app(make_app):
    """An app whose engine writes one line into every file."""
    app = make_app()
    told = app.project.told

    async def call(command):
        told.append(command)
        if isinstance(command, protocol.Export):
            Path(command.path).write_text("run_id\n")
            return protocol.Count(rows=0)
        return protocol.Rows(columns=["run_id"], rows=[])

    app.project.call = call
    return app


def exported(app):
    return [command for command in app.project.told if isinstance(command, protocol.Export)]


def said(app):
    return [notice.message for notice in app._notifications][-1]


async def test_the_dialog_opens_for_reading_apps_too(make_app, until):
    app = make_app(read_only=True, answers={"Query": protocol.Rows(columns=["run_id"], rows=[])})
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))


async def test_the_last_export_is_repeated_as_it_was(writing_app, until):
    app = writing_app
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        await pilot.press("E")
        await until(pilot, lambda: app._notifications)
        assert said(app) == "nothing was exported yet; e exports"
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        await pilot.pause()
        await pilot.press("j", "j", "right", "right", "enter")
        await until(pilot, lambda: len(exported(app)) == 1 and not isinstance(app.screen, ExportDialog))
        app.choices.filter = "something else"
        await pilot.press("E")
        await until(pilot, lambda: len(exported(app)) == 2)
        one, other = exported(app)
        assert one == other
        await until(pilot, lambda: said(app).startswith(one.path))


async def test_everything_is_every_table(writing_app, until):
    app = writing_app
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.screen_stack[0].action_act("export.everything")
        folder = app.project.paths.root / "csv"
        await until(pilot, lambda: app._notifications and said(app).startswith(f"{folder}\n"))
        assert {Path(command.path).name for command in exported(app)} == {f"{table}.csv" for table in TABLES}
        assert all(command.format == "csv" and not command.filters for command in exported(app))


async def test_the_screen_is_saved_as_a_picture(writing_app, until):
    app = writing_app
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        await pilot.pause()
        app.screen_stack[0].action_act("export.screen")
        await until(pilot, lambda: app._notifications)
        path = Path(said(app))
        assert path.parent == app.project.paths.root / "csv"
        assert path.read_text().startswith("<svg")
        assert "url(" not in path.read_text().replace("url(#", "")  # nothing that a viewer would fetch


async def test_a_picture_that_cannot_be_saved_is_said(writing_app, until):
    app = writing_app
    app.project.paths.root.write_text("a file where the folder should be")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.screen_stack[0].action_act("export.screen")
        await until(pilot, lambda: app._notifications)
        assert said(app).startswith("Not written")
