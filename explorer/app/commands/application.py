"""The app itself: help, commands, colours, checks and the ways out."""

from typing import TYPE_CHECKING

from explorer.app.settings import THEMES

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen


class ApplicationVerbs:
    """Actions of the scope `app`."""

    def __init__(self, screen: "MainScreen"):
        self.screen = screen

    def action_help(self) -> None:
        """Every key."""
        from explorer.app.screens.help import Help

        top = self.screen.app.screen
        about = self.screen.pane if top is self.screen else top
        if not self._open(Help):
            self.screen.app.push_screen(Help(getattr(about, "SCOPE", ""), getattr(about, "HELP", "")))

    def action_commands(self) -> None:
        """Everything by name."""
        self.screen.app.action_command_palette()

    def action_detach(self) -> None:
        """Leave; the engine goes on."""
        self.screen.app.exit(0)

    def action_leave(self) -> None:
        """Leave; where work is in progress, ask what becomes of it."""
        from explorer.app.screens.leave import Leave

        app = self.screen.app
        at_work = app.live.link == "engine" and app.live.board.count("running", "queued")
        if app.live.read_only or not at_work or not app.settings.confirm_quit:
            app.exit(0)
        elif not self._open(Leave):
            app.push_screen(Leave())

    def action_suspend(self) -> None:
        """To the shell for a while, as control-Z does with every program."""
        self.screen.app.action_suspend_process()

    def _open(self, kind: type) -> bool:
        """Whether such a screen is open already, under another perhaps."""
        return any(isinstance(screen, kind) for screen in self.screen.app.screen_stack)

    def choices_theme(self) -> list[tuple[str, str]]:
        """Colours by name."""
        return [(name, name) for name in THEMES]

    def action_theme(self, name: str = "") -> None:
        """The next colours, or the named ones."""
        app = self.screen.app
        now = THEMES.index(app.theme) if app.theme in THEMES else -1
        app.theme = name or THEMES[(now + 1) % len(THEMES)]

    def action_check(self) -> None:
        """What works here and what does not."""
        from explorer.app.screens.check import CheckScreen

        self.screen.app.push_screen(CheckScreen())
