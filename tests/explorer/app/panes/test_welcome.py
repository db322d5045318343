import pytest

from explorer.app.screens.check import CheckScreen
from explorer.app.screens.open_folder import OpenFolder
from explorer.machine.checks import CheckFinding

FOUND = (
    CheckFinding(True, "torch", "2.15.0 on Python 3.11, 2 cores"),
    *(CheckFinding(True, f"thing {number}", "ok") for number in range(8)),
    *(CheckFinding(False, name, f"no files in {'/far' * 30}", "unpack it there") for name in ("yale", "cifar10")),
)


@pytest.fixture
def empty_app(make_app, monkeypatch):
    """A function making an app on a project without runs, whose checks find what is given."""

    def make(found=FOUND, **given):
        monkeypatch.setattr("explorer.app.app.all_checks", lambda project, root: (lambda: iter(found),))
        return make_app(rows=[], link="empty", **given)

    return make


def welcome(app):
    return app.screen.query_one("#welcome")


async def opened(app, pilot, until):
    await until(pilot, lambda: welcome(app).has_focus and app.checkup.over)
    await until(pilot, lambda: "2 need you" in welcome(app).text())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_what_to_do_and_what_works_is_all_on_the_screen(empty_app, until, screen_text, size):
    app = empty_app()
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot, until)
        said = "\n".join(screen_text(app))
        assert "t  Try it: 24 small models on digits" in said
        for words in ("about 2 min on two CPU cores", "n  Plan a sweep", "o  Open results", "✔ torch", "✔ thing 7"):
            assert words in said
        assert "✗ yale" in said
        assert "Everything in this app is on ? and in ^p" in said


async def test_the_cursor_walks_the_entries_and_enter_does_them(empty_app, until):
    app = empty_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        done = []
        commands = app.commands["engine"]
        commands.action_demo, commands.action_new = lambda: done.append("demo"), lambda: done.append("new")
        await pilot.press("enter", "j", "enter", "k", "k", "enter", "t", "n")
        assert done == ["demo", "new", "demo", "demo", "new"]
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        await pilot.press("escape", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, OpenFolder))


async def test_o_asks_for_another_folder_and_leaves_for_it(empty_app, until, tmp_path):
    app = empty_app()
    (tmp_path / "other").mkdir()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OpenFolder) and app.screen.query("Input"))
        app.screen.query_one("Input").value = str(tmp_path / "other")
        await pilot.press("enter")
    assert app.return_value.root == tmp_path / "other"


async def test_read_only_it_offers_no_work_and_says_what_to_do(empty_app, until, screen_text):
    app = empty_app(read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        said = "\n".join(screen_text(app))
        assert "without --read-only" in said
        assert "Try it" not in said
        assert "o  Open results" in said


async def test_it_makes_room_for_the_panes_with_the_first_run(empty_app, until, make_app):
    app = empty_app()
    rows = make_app().project.given
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        app.project.put(rows)
        app.project.link = "engine"
        await until(pilot, lambda: not welcome(app).display and app.screen.query_one("#runs").has_focus)


async def test_nothing_is_looked_at_where_there_are_runs(make_app, until, monkeypatch):
    monkeypatch.setattr("explorer.app.app.all_checks", lambda project, root: pytest.fail("nobody asked"))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#runs").has_focus and app.project.link == "files")
        await pilot.pause()
