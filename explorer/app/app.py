"""The terminal app: one project, its engine's news, and the screens they are shown on."""

import asyncio
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter

from engine.registry import left_out
from engine.service.project import Project
from explorer.app import actions, look, settings, terminal
from explorer.app.commands import commands_of
from explorer.app.palette import ActionProvider
from explorer.app.screens.main import MainScreen
from explorer.machine.checks import Check, Checkup, all_checks
from explorer.machine.gauges import MachineReading
from explorer.machine.machine_watch import MachineWatch
from explorer.project import choices
from explorer.project.alerts import Alerts
from explorer.project.open_project import OpenProject
from explorer.project.selection import Selection
from explorer.results import run_folder

STYLES = ("screens/main", "widgets/dialogs", "screens/run_detail", "screens/check", "screens/new_sweep")
"""Files of styles, each beside what it styles."""
ALERT_SECONDS = 20.0
"""How long an alert stays on the screen; the log keeps it."""
SEVERITIES = {"info": "information", "warn": "warning", "error": "error"}
"""Level of the log -> what Textual calls it."""


class ExploreApp(App[int | Project]):
    """The app; screens do the showing, `project` the knowing, `choices` the choosing.

    It ends with an exit code, or with the project that is to be opened instead.
    """

    TITLE = "mia-explore"
    CSS_PATH: ClassVar = [f"{place}.tcss" for place in STYLES]
    COMMANDS: ClassVar = {ActionProvider}
    BINDINGS: ClassVar = [Binding("ctrl+c", "interrupt", show=False, priority=True)]

    def __init__(
        self,
        project: Project,
        chosen: settings.AppSettings | None = None,
        read_only: bool = False,
        begin: str = "",
    ):
        """`begin` is an action to carry out once the project is open."""
        self.settings = chosen or settings.AppSettings()
        self.project = OpenProject(project, read_only)
        self.choices = choices.load(project)
        self.machine_watch = MachineWatch(project.root, self._working, self._redraw)
        self.checkup = Checkup(self._checks)
        self.checkup.watchers.add(self._redraw)
        self.begin = begin
        self.engine_stopped = False
        """The engine was told to end on the way out."""
        self.interrupts = 0
        self.crash: BaseException | None = None
        self._ascii = look.Ascii()
        self._printable = look.Printable()
        super().__init__()
        self.animation_level = "none"

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters, ours against control characters, and plain characters last where they are asked for."""
        return [*super().get_line_filters(), self._printable, *([self._ascii] if self.settings.ascii else [])]

    def get_default_screen(self) -> MainScreen:
        """The main screen is there from the first paint."""
        main = MainScreen()
        self.commands = commands_of(main)
        return main

    def on_mount(self) -> None:
        """Paint first; join the engine while the skeleton stands."""
        for theme in look.THEMES.values():
            self.register_theme(theme)
        self.theme = "mono" if os.environ.get("NO_COLOR") else self.settings.theme
        if self.settings.keymap:
            self.set_keymap(self.settings.keymap)
        self._heed_signals()
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh(layout=True))
        self.machine_watch.start()
        if self.settings.alerts:
            self._alerts = Alerts(self.settings.alerts)
            self.set_interval(1.0, self._alert)
        for line in left_out():
            self.notify(line, severity="warning", markup=False)
        self.run_worker(self._open(), exit_on_error=True)

    async def _open(self) -> None:
        await self.project.open()
        if self.begin:
            self.screen_stack[0].action_act(self.begin, True)

    def _heed_signals(self) -> None:
        """A signal, or a terminal that went away, ends the app as `d` does: the terminal is restored first."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit, 128 + number)
        loop.add_signal_handler(signal.SIGTSTP, self.action_suspend_process)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)

    def action_suspend_process(self) -> None:
        """To the shell and back.

        Not from handlers of SIGTSTP and SIGCONT, as Textual does: SIGCONT comes with the SIGHUP of a terminal that goes
        away, and as often as others send it, and each one starts another thread that reads keys, which nobody ends.
        """
        if self._driver is not None and self._driver.can_suspend:
            with self.suspend():
                terminal.leave_to_shell()

    async def on_unmount(self) -> None:
        """Keep the choices and leave the engine to its work."""
        choices.save(self.project.paths, self.choices)
        self.machine_watch.close()
        await self.project.close()

    @property
    def selection(self) -> Selection:
        """The runs of the project that are seen by the person's choices."""
        return Selection(self.project, self.choices)

    # The machine

    @property
    def machine(self) -> MachineReading | None:
        """The latest reading of the machine's gauges."""
        return self.machine_watch.latest

    def _working(self) -> bool:
        return self.project.link == "engine" and self.project.tracker.count("running") > 0

    def _redraw(self) -> None:
        self.project.touch()

    def _checks(self) -> tuple[Check, ...]:
        from explorer.project.submitting import data_folder

        return all_checks(self.project.paths, data_folder())

    # Telling

    def _alert(self) -> None:
        """Tell what has become worth it, in the log as well."""
        for alert in self._alerts.due(self.project):
            self.notify(alert.words, severity=SEVERITIES[alert.level], timeout=ALERT_SECONDS, markup=False)
            self.project.note(alert.words, alert.level)
            if self.settings.bell:
                self.bell()

    # Keys

    def key_of(self, action: actions.Action) -> str:
        """The key an action has now, as people write it."""
        mapped = self.settings.keymap.get(action.id)
        return actions.shown(mapped.partition(",")[0]) if mapped else action.key

    def action_interrupt(self) -> None:
        """Control-C: the first says how to leave, the second leaves."""
        self.interrupts += 1
        if self.interrupts > 1:
            self.exit(0)
            return
        self.notify("ctrl+c again leaves; the engine goes on")
        self.set_timer(2.0, self._forget_interrupt)

    async def action_quit(self) -> None:
        """Control-Q, which Textual takes before any screen does."""
        self.screen_stack[0].action_act("app.leave")

    def _forget_interrupt(self) -> None:
        self.interrupts = 0

    # Leaving the screen to others for a while

    def page_log(self, run_id: str) -> None:
        """Show what a run's process printed, where it did."""
        why = self.project.waits(run_id)
        path = self.project.paths.run_folder(run_id) / run_folder.LOG
        self.page_file(path, f": the run waits ({why})" if why else "")

    def page_file(self, path: Path, why: str = "") -> None:
        """Show a file in `$PAGER`; `why` there may be nothing in it."""
        if not path.exists() or not path.stat().st_size:
            self.notify(f"{path.name}: nothing in it yet{why}", severity="warning", markup=False)
            return
        command = shlex.split(os.environ.get("PAGER") or "less")
        try:
            with self.suspend(), terminal.lent():
                subprocess.run([*command, str(path)], check=False)
        except OSError as error:
            self.notify(f"$PAGER cannot show it: {error}", severity="error", markup=False)

    # Failing

    def _handle_exception(self, error: Exception) -> None:
        """A bug of ours: remember it for the report instead of painting a traceback over the shell."""
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without Textual's traceback; `explorer.app.launch` writes the report."""
        self._close_messages_no_wait()
