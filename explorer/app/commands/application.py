"""The app itself: help, commands, colours, checks and the ways out."""

from engine.run_states import WAITING
from explorer.app.screens.main import MainScreen
from explorer.app.screens.open_folder import OpenFolder
from explorer.app.settings import THEMES


class ApplicationCommands:
    """Actions of the scope `app`, and the way from an empty project to another one."""

    def __init__(self, main: MainScreen):
        self.main = main

    def action_help(self) -> None:
        """Every key."""
        from explorer.app.screens.help import Help

        top = self.main.app.screen
        about = self.main.pane if top is self.main else top
        if not self._open(Help):
            self.main.app.push_screen(Help(getattr(about, "SCOPE", ""), getattr(about, "HELP", "")))

    def action_commands(self) -> None:
        """Everything by name."""
        self.main.app.action_command_palette()

    def action_detach(self) -> None:
        """Leave; the engine goes on."""
        self.main.app.exit(0)

    def action_leave(self) -> None:
        """Leave; where work is in progress, ask what becomes of it."""
        from explorer.app.screens.leave import Leave

        app = self.main.app
        at_work = app.project.link == "engine" and app.project.tracker.count(*WAITING)
        if app.project.read_only or not at_work or not app.settings.confirm_quit:
            app.exit(0)
        elif not self._open(Leave):
            app.push_screen(Leave())

    async def action_open(self) -> None:
        """Leave this project for the one in another folder, if there is one."""
        if (project := await self.main.app.push_screen_wait(OpenFolder())) is not None:
            self.main.app.exit(project)

    def action_suspend(self) -> None:
        """To the shell for a while, as control-Z does with every program."""
        self.main.app.action_suspend_process()

    def _open(self, kind: type) -> bool:
        """Whether such a screen is open already, under another perhaps."""
        return any(isinstance(screen, kind) for screen in self.main.app.screen_stack)

    def choices_theme(self) -> list[tuple[str, str]]:
        """Colours by name."""
        return [(name, name) for name in THEMES]

    def action_theme(self, name: str = "") -> None:
        """The next colours, or the named ones."""
        app = self.main.app
        now = THEMES.index(app.theme) if app.theme in THEMES else -1
        app.theme = name or THEMES[(now + 1) % len(THEMES)]

    def action_check(self) -> None:
        """What works here and what does not."""
        from explorer.app.screens.check import CheckScreen

        self.main.app.push_screen(CheckScreen())
