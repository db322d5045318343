import sys
import types

import pytest
from textual.command import CommandList, CommandPalette
from textual.screen import Screen

from explorer.app.screens.help import Help


async def ready(app, pilot, until):
    await until(pilot, lambda: app.project.link != "opening")
    return app.screen_stack[0]


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_opens_once_for_the_focused_pane(make_app, until, key):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        main = await ready(app, pilot, until)
        main.query_one("#chart").focus()
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Help))
        assert app.screen.scope == "chart"
        main.action_act("app.help")
        assert sum(isinstance(screen, Help) for screen in app.screen_stack) == 1


async def test_commands_open_the_palette(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act("app.commands")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query(CommandList))
        await until(pilot, lambda: app.screen.query_one(CommandList).option_count)


async def test_detaching_never_asks(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, until)
        await pilot.press("d")
        await until(pilot, lambda: app.return_value == 0)
        assert app.project.told == []


async def test_colours_change_in_turn_and_by_name(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        main = await ready(app, pilot, until)
        seen = []
        for _ in range(3):
            main.action_act("app.theme")
            seen.append(app.theme)
        assert sorted(seen) == ["dark", "light", "mono"]
        main.action_act("app.theme", "light")
        await pilot.pause()
        assert app.theme == "light"
        assert main.query_one("#runs").rich_style.bgcolor.triplet.hex == "#ffffff"


async def test_checking_opens_its_screen(make_app, until, monkeypatch):
    class CheckScreen(Screen):
        pass

    module = types.ModuleType("explorer.app.screens.check")
    module.CheckScreen = CheckScreen
    monkeypatch.setitem(sys.modules, "explorer.app.screens.check", module)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        main = await ready(app, pilot, until)
        main.action_act("app.check")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
