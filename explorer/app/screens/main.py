"""The main screen: panes on one project, a header above and the keys below."""

import contextlib
from collections.abc import Sequence
from typing import Any
from unicodedata import name

from textual import events, on
from textual.app import ComposeResult
from textual.screen import Screen

from engine.run_states import FAILED
from explorer.app import actions
from explorer.app.panes.finding_line import ROWS, FindingLine
from explorer.app.panes.footer import Footer
from explorer.app.panes.header import Header
from explorer.app.panes.welcome import Welcome
from explorer.app.screens.body import Body
from explorer.app.screens.choose import ask
from explorer.app.screens.pane_actions import PaneActions
from explorer.app.screens.sheet_screen import finish
from explorer.app.widgets.pane import Pane
from explorer.app.widgets.prompt import Prompt
from explorer.results import text
from store.rows import Run

LONG_SECONDS = 60.0
"""A run that took so long is worth a notice when it is done; notices of shorter ones would never leave the screen."""
SIDES = ("1", "3", "4", "5", "6", "7")
"""Numbers of the panes that may stand beside the chart on a small terminal."""
SHORT_SECONDS = 3.0
"""How long it is said that a key does nothing."""
AFTER_ESCAPE = {name(sign).lower().replace(" ", "_"): str(at) for at, sign in enumerate("¡™£¢∞§¶•ª", 1)}
"""What Textual makes of escape and a digit that come together: what a Mac writes with the option key."""
OF_THE_LIST = ("runs.saved-filter", "runs.seeds", "runs.all-seeds", "runs.columns", "runs.overlay-all")
"""Actions on the list of runs as a whole, which the queue passes on."""
OF_NUMBERS = ("chart.metric", "chart.attack", "chart.view", "chart.rule")
"""Those of the chart that change the list's numbers as well."""
PANES = ("runs", "chart", "classes", "queue", "gpu", "log", "images", "welcome")


class MainScreen(Screen):
    """Draws what is known twice a second at most, and hands every action to the one who carries it out."""

    BINDINGS = actions.bindings("app", "panes", "copy", "export", "chart", "engine")
    AUTO_FOCUS = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self.drawn = -1
        """The project's count of changes when it was last drawn."""
        self._acting = False
        self._begun_with = ""
        """The run under the cursor that nobody has chosen."""
        self.header, self.finding = Header(), FindingLine()
        self.body, self.welcome = Body(id="body"), Welcome()
        self.prompt, self.footer = Prompt(), Footer()
        self.pane_actions = PaneActions(self.body, self.prompt)

    def compose(self) -> ComposeResult:
        """Everything stands from the start; what is known fills in."""
        yield from (self.header, self.finding, self.body, self.welcome, self.prompt, self.footer)

    def on_mount(self) -> None:
        """Begin to draw."""
        self.set_interval(1 / self.app.settings.fps, self.pulse)
        self.body.lay_out()

    # Drawing

    def pulse(self) -> None:
        """Draw where something changed since the last time; called twice a second."""
        project, held = self.app.project, self.pane_actions.held
        project.watch_silence()
        self.tell_ends()
        if (held or project).changes != self.drawn:
            self.draw()
        elif held is not None:
            self.header.draw(held)

    def tell_ends(self) -> None:
        """Notices for runs that ended: every failure, long runs that are done, and the end of all work."""
        project, ended = self.app.project, []
        while project.ended:
            ended.append(project.ended.popleft())
        runs = [project.runs[run_id] for run_id in ended if run_id in project.runs]
        failed = [run for run in runs if run.state in FAILED]
        long = [run for run in runs if run.state == "done" and self._seconds(run) >= LONG_SECONDS]
        if failed:
            self._tell(failed, "error")
        elif runs and project.tracker.over:
            if "over" not in self.app.settings.alerts:  # which tells it
                self.notify(f"all {len(project.tracker.runs)} runs have ended", markup=False)
        elif long:
            self._tell(long, "information")
        if runs and self.app.settings.bell:
            self.app.bell()

    def _seconds(self, run: Run) -> float:
        return self.app.project.tracker.runs[run.run_id].took or 0.0

    def _tell(self, runs: list[Run], severity: str) -> None:
        said = text.listed([f"{run.name} {run.state}" for run in runs])
        self.notify(said, severity=severity, markup=False)

    @on(Body.LaidOut)
    @on(Pane.CursorMoved)
    @on(Prompt.Typed)
    def draw(self) -> None:
        """Draw everything now, as a key press does; within an action that is left to its end."""
        if not self.is_mounted or self._acting:
            return
        project, held = self.app.project, self.pane_actions.held
        self.drawn = (held or project).changes
        self.show_welcome(project.link == "empty" and not project.runs)
        self._begin_with_finding()
        for pane in self.panes():
            pane.draw()
        self.header.draw(held)
        self.finding.draw()
        self.footer.draw(self.pane)

    def _begin_with_finding(self) -> None:
        """All panes speak of a run that the finding is of, until somebody chooses another."""
        choices = self.app.choices
        if choices.current == self._begun_with:
            self.finding.look_up()
            visible = self.app.selection.visible()
            choices.current = self.finding.first_run() or next((run.run_id for run in visible), "")
            self._begun_with = choices.current

    def panes(self) -> Sequence[Pane]:
        """The panes that stand on the screen now."""
        return [self.welcome] if self.welcome.display else self.body.standing

    def show_welcome(self, empty: bool) -> None:
        """Welcome stands in the panes' place for as long as there is nothing to show."""
        if self.welcome.display != empty:
            self.welcome.display, self.body.display = empty, not empty
            self._show_finding()
            self.set_focus(self.welcome if empty else self.body.pane("1"))

    def on_screen_resume(self) -> None:
        """The run under the cursor may be another one since."""
        self.draw()

    def on_resize(self) -> None:
        """Another size may show other panes."""
        self._show_finding()
        self.call_after_refresh(self.body.lay_out)

    def _show_finding(self) -> None:
        self.finding.display = self.body.display and self.size.height >= ROWS

    def on_descendant_focus(self) -> None:
        """The footer speaks of the focused pane, and that is the one that stays when the terminal becomes small."""
        with contextlib.suppress(LookupError):
            if self.pane in self.panes() and self.pane.NUMBER in SIDES:
                self.app.choices.side = self.pane.NUMBER
            self.footer.draw(self.pane)

    # Acting

    @property
    def pane(self) -> Pane | None:
        """The focused pane."""
        return self.focused if isinstance(self.focused, Pane) else None

    def target(self, action: actions.Action) -> Any:
        """Who carries out an action; None where nobody can now."""
        scope, commands = action.scope, self.app.commands.get(action.scope)
        if hasattr(commands, action.method):
            return commands
        if scope == "list" or (self.pane is not None and scope == self.pane.SCOPE):
            return self.pane
        return self.query_one(f"#{scope}") if scope in PANES else None

    def action_act(self, action_id: str, *arguments: Any) -> None:
        """Carry out an action by its id, then show what it changed."""
        action = actions.BY_ID[action_id]
        if action.engine and self.app.project.read_only:
            self.notify("read-only: this app changes nothing", severity="warning")
            return
        target = self.target(action)
        if target is None:
            return
        refused = "" if arguments else self.refusal(action, target)
        if refused:
            self.notify(refused, severity="warning", timeout=SHORT_SECONDS, markup=False)
            return
        if action.lists and not arguments:
            ask(self, action, target)
            return
        self._acting = True
        try:
            outcome = getattr(target, action.method)(*action.place, *arguments)
        finally:
            self._acting = False
        if outcome is not None:  # a coroutine: it takes its time, the screen does not wait
            self.run_worker(finish(self, outcome), exit_on_error=True)
        self.draw()

    def refusal(self, action: actions.Action, target: Any) -> str:
        """Why an action would change nothing that is shown; empty where it does."""
        shown = {pane.SCOPE for pane in self.panes()}
        needed = {"chart"} if action.scope == "chart" else {"runs"} if action.id in OF_THE_LIST else set()
        if action.id in OF_NUMBERS:
            needed.add("runs")
        if needed and not needed & shown:
            first = self.query_one(f"#{min(needed)}")
            return f"{first.SCOPE}: not shown; {first.NUMBER} goes there"
        return target.refusal(action.id) if isinstance(target, Pane) else ""

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing here says where it does something."""
        if digit := AFTER_ESCAPE.get(event.key):
            self.action_act("panes.back")
            self.action_act(f"panes.show-{digit}")
            return
        if self.pane is None or not event.is_printable or event.key in self.active_bindings:
            return
        key, found = actions.shown(event.key), actions.elsewhere(event.key, self.app.settings.keymap)
        places = [self.query_one(f"#{action.scope}") for action in found if action.scope in PANES[:-1]]
        words = f"{key} does nothing; ? tells the keys"
        if places:
            words = f"{key} does nothing here, but in {places[0].NUMBER} {places[0].NAME or 'Chart'}"
        self.notify(words, severity="warning", timeout=SHORT_SECONDS, markup=False)
