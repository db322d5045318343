import csv
from pathlib import Path

import pytest
from textual.widgets import Input

from engine.service import protocol
from engine.service.client import EngineRefused
from explorer.app.screens.export import CONTENTS, ExportDialog
from explorer.app.widgets.field import Choice
from explorer.results.marks import FLOOR, OF_LEAKAGE
from store.queries import TABLES

HEADER = ["run_id", "name"]


@pytest.fixture
def make_writing_app(make_app):
    """An app whose engine writes a header and one row for each run, and can be told to refuse."""

    def make(refusal="", **settings):
        app = make_app(**settings)
        told = app.project.told

        async def call(command):
            told.append(command)
            if isinstance(command, protocol.Query):
                return protocol.Rows(columns=HEADER, rows=[])
            if refusal:
                raise EngineRefused(refusal)
            with open(command.path, "w", newline="") as stream:
                csv.writer(stream).writerows([HEADER, *([run_id, ""] for run_id in app.project.runs)])
            return protocol.Count(rows=len(app.project.runs))

        app.project.call = call
        return app

    return make


def exported(app):
    return [command for command in app.project.told if isinstance(command, protocol.Export)]


def toasts(app):
    return [notice.message for notice in app._notifications]


async def opened(app, pilot, until):
    await until(pilot, lambda: app.project.runs and app.screen.query("#runs"))
    app.screen.query_one("#runs").focus()
    await pilot.press("e")
    await until(pilot, lambda: isinstance(app.screen, ExportDialog) and app.screen.query(Input))
    await pilot.pause()
    return app.screen


async def test_enter_writes_the_focused_panes_table_and_says_where(make_writing_app, until):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportDialog))
        (command,) = exported(app)
        path = app.project.paths.root / "csv" / "runs.csv"
        assert (command.table, command.format, command.path, command.filters) == ("runs", "csv", str(path), {})
        first, second = toasts(app)[-1].splitlines()
        assert first == str(path)
        assert second == f"6 rows · 2 columns · {path.stat().st_size} B"


@pytest.mark.parametrize(("pane", "chart", "table"), [("#chart", "epsilon", "epsilon"), ("#chart", "roc", "roc")])
async def test_the_focused_pane_preselects_the_table(make_writing_app, until, pane, chart, table):
    app = make_writing_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.choices.chart = chart
        app.screen.query_one(pane).focus()
        await pilot.press("e")
        await until(pilot, lambda: app.screen.query("#table"))
        assert app.screen.query_one("#table", Choice).value == table


async def test_another_table_and_format_change_the_path_until_one_is_typed(make_writing_app, until):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await opened(app, pilot, until)
        path = dialog.query_one(Input)
        await pilot.press("right", "down", "right")
        assert Path(path.value).name == "capacity.parquet"
        await pilot.press("down", "tab")
        assert path.has_focus
        await pilot.press("backspace")
        await pilot.press("up", "up", "right")
        assert dialog.query_one("#format", Choice).value == "json"
        assert Path(path.value).name == "capacity.parque"


async def test_the_choice_of_runs_becomes_a_filter(make_writing_app, until):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        current = app.choices.current
        await pilot.press("j", "j", "h", "enter")
        await until(pilot, lambda: exported(app))
        assert exported(app)[0].filters == {"run_id": [current]}


async def test_the_papers_numbers_belong_to_no_run(make_writing_app, until):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await opened(app, pilot, until)
        await pilot.press("h")
        assert dialog.query_one("#table", Choice).value == "published"
        assert dialog.query_one("#which", Choice).values == ["all"]


async def test_an_existing_file_is_asked_about_once(make_writing_app, until, screen_text):
    app = make_writing_app()
    folder = app.project.paths.root / "csv"
    folder.mkdir(parents=True)
    (folder / "runs.csv").write_text("mine")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("enter")
        await until(pilot, lambda: "Enter again" in " ".join(screen_text(app)))
        assert (folder / "runs.csv").read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: exported(app))
        await until(pilot, lambda: not isinstance(app.screen, ExportDialog))
        assert (folder / "runs.csv").read_text() != "mine"


async def test_a_failure_keeps_the_dialog_the_reason_and_the_path(make_writing_app, until, screen_text):
    app = make_writing_app(refusal="no space left [on] the disk")
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await opened(app, pilot, until)
        await pilot.press("up", "x", "enter")
        await until(pilot, lambda: "no space left [on] the disk" in " ".join(screen_text(app)))
        assert app.screen is dialog
        assert dialog.query_one(Input).value.endswith("runs.csvx")
        assert app.choices.last_export == {}


async def test_a_folder_that_cannot_be_made_is_said(make_writing_app, until, tmp_path, screen_text):
    app = make_writing_app()
    (tmp_path / "file").write_text("")
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await opened(app, pilot, until)
        dialog.query_one(Input).value = str(tmp_path / "file" / "runs.csv")
        await pilot.press("enter")
        await until(pilot, lambda: "Not written" in " ".join(screen_text(app)))
        assert app.screen is dialog


async def test_rows_and_columns_stand_there_beforehand(make_writing_app, until, screen_text):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await until(pilot, lambda: "6 rows · 2 columns" in " ".join(screen_text(app)))


async def test_escape_writes_nothing(make_writing_app, until):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("escape")
        assert not isinstance(app.screen, ExportDialog)
        assert not exported(app)


async def test_the_dialog_fits_a_small_terminal(make_writing_app, until, screen_text):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        lines = screen_text(app)
        assert any("Export" in line for line in lines)
        assert any("esc leave" in line for line in lines)


async def test_every_table_says_what_is_in_it(make_writing_app, until, screen_text):
    assert set(CONTENTS) == set(TABLES)
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await opened(app, pilot, until)
        for table in TABLES:
            assert dialog.query_one("#table", Choice).value == table
            await until(pilot, lambda said=CONTENTS[table]: said in " ".join(screen_text(app)))
            assert (FLOOR in " ".join(screen_text(app))) is (table in OF_LEAKAGE)
            await pilot.press("right")


async def test_the_exposed_images_of_one_run_are_written_without_counting_them(make_writing_app, until, screen_text):
    app = make_writing_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press(*["right"] * TABLES.index("exposed"), "j", "j", "h")
        await until(pilot, lambda: "rows are counted as they are written" in " ".join(screen_text(app)))
        await pilot.press("enter")
        await until(pilot, lambda: exported(app))
        (command,) = exported(app)
        assert (command.table, command.filters) == ("exposed", {"run_id": [app.choices.current]})
