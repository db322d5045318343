import pytest

from engine.service.project import Project
from explorer.app import launch
from explorer.app.launch import Launch, open_app
from explorer.app.screens.open_folder import OpenFolder, completed, project_in, verdict


@pytest.fixture
def folders(tmp_path):
    """A folder with results, one without, and a file."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "explore.duckdb").write_bytes(b"x" * 2000)
    (tmp_path / "bare" / "inside").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


def test_the_verdict_says_what_opening_would_show(folders):
    assert verdict(f"{folders}/results") == ("results: explore.duckdb, 2.0 kB", "good")
    assert verdict(f"{folders}/results/explore.duckdb")[1] == "good"
    assert verdict(f"{folders}/bare")[0] == "no results in it yet"
    assert verdict(f"{folders}/none") == (f"no such folder: {folders}/none", "warn")
    assert verdict(f"{folders}/file")[0].startswith("not a folder")
    assert verdict("~nobody-here-by-that-name/x")[1] == "warn"


def test_the_database_stands_for_its_project(folders):
    assert project_in(f" {folders}/results/explore.duckdb ") == Project.at(folders / "results")


def test_paths_are_completed_by_folders_only(folders):
    assert completed(f"{folders}/ba") == f"{folders}/bare/"
    assert completed(f"{folders}/") == f"{folders}/bare/"
    assert completed(f"{folders}/fi") is None
    assert completed(f"{folders}/.h") == f"{folders}/.hidden/"
    assert completed("") is None


async def test_a_wrong_path_keeps_the_dialog_and_what_was_typed(make_app, until, folders, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = []
        app.push_screen(OpenFolder(), answers.append)
        await until(pilot, lambda: isinstance(app.screen, OpenFolder) and app.screen.query("#verdict"))
        line = app.screen.query_one("Input")
        line.value = f"{folders}/nowhere"
        await pilot.press("enter")
        await until(pilot, lambda: "no such folder" in "\n".join(screen_text(app)))
        assert line.value.endswith("nowhere")
        line.value = ""
        await pilot.press(*f"{folders}/bar")
        await until(pilot, lambda: line._suggestion.endswith("bare/"))
        await pilot.press("right", "enter")
        await until(pilot, lambda: answers == [Project.at(folders / "bare")])


async def test_escape_leaves_everything_as_it_is(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = []
        app.push_screen(OpenFolder(), answers.append)
        await until(pilot, lambda: isinstance(app.screen, OpenFolder) and app.screen.query("#verdict"))
        await pilot.press("escape")
        await until(pilot, lambda: answers == [None])


def test_an_app_that_ends_with_a_project_is_opened_again_on_it(monkeypatch, tmp_path, make_app):
    ends = [Project.at(tmp_path / "second"), 0]
    seen = []

    def made(given):
        seen.append(given)
        app = make_app(rows=[])
        app.run = lambda: ends.pop(0)
        return app

    monkeypatch.setattr(launch, "_app", made)
    first = Launch(project=Project.at(tmp_path / "first"), read_only=True, begin="engine.demo")
    assert open_app(first) == 0
    assert [given.project.root.name for given in seen] == ["first", "second"]
    assert [given.read_only for given in seen] == [True, True]
    assert seen[1].begin == ""
