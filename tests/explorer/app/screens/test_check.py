import threading

import pytest

from explorer.app.screens.check import CheckScreen
from explorer.machine.checks import CheckFinding

FAR = "no files in " + "/a/folder/far/away" * 6


@pytest.fixture
def check_app(make_app, monkeypatch):
    """An app whose second check waits for its gate."""
    gate = threading.Event()

    def quick():
        yield CheckFinding(True, "disk", "70 GB free")

    def slow():
        gate.wait(10)
        for number in range(12):
            yield CheckFinding(False, f"set {number}", FAR, "unpack it there")

    monkeypatch.setattr("explorer.app.app.all_checks", lambda project, root: (quick, slow))
    app = make_app()
    app.gate = gate
    return app


async def test_findings_fill_in_and_every_remedy_can_be_reached(check_app, until, screen_text):
    app = check_app
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.push_screen(CheckScreen())
        await until(pilot, lambda: "70 GB free" in "\n".join(screen_text(app)))
        assert "checking …" in "\n".join(screen_text(app))
        app.gate.set()
        await until(pilot, lambda: app.checkup.over and "12 need you" in "\n".join(screen_text(app)))
        assert "set 11" not in "\n".join(screen_text(app))
        await pilot.press("G")
        await until(pilot, lambda: "→ unpack it there" in "\n".join(screen_text(app)))
        assert "set 11" in "\n".join(screen_text(app))
        copied = []
        app.copy_to_clipboard = copied.append
        await pilot.press("y")
        assert "✗ set 11" in copied[0]
        assert "→ unpack it there" in copied[0]
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, CheckScreen))


async def test_it_is_in_the_table_of_actions(check_app, until):
    app = check_app
    app.gate.set()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.screen.action_act("app.check")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.checkup.over)
