"""The main screen: six panes on one project, a header above and the keys below."""

import contextlib
from typing import Any

from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.layout import Layout
from textual.screen import Screen
from textual.widget import Widget

from explorer.app import actions
from explorer.app.panes.chart import Chart
from explorer.app.panes.classes import Classes
from explorer.app.panes.footer import Footer
from explorer.app.panes.gpu import Gpu
from explorer.app.panes.header import Header
from explorer.app.panes.log import Log
from explorer.app.widgets.pane import Pane
from explorer.app.widgets.prompt import Prompt
from explorer.app.panes.queue import Queue
from explorer.app.panes.runs import Runs
from explorer.app.panes.welcome import Welcome
from explorer.app.screens.sheet_screen import finish
from explorer.app.screens.layout import Arranged, arrange
from explorer.app.commands import verbs_of
from explorer.project.live import Live

TOLD = 3
"""Runs named in one notice."""
LONG_SECONDS = 60.0
"""A run that took so long is worth a notice when it is done; notices of shorter ones would never leave the screen."""
SIDES = ("1", "3", "4", "5", "6")
"""Numbers of the panes that may stand beside the chart on a small terminal."""
PANES = ("runs", "chart", "classes", "queue", "gpu", "log", "welcome")


class Body(Widget):
    """The panes' place."""

    zoomed = ""
    """Number of the pane that has it all."""
    layout_of_panes = Arranged()

    @property
    def layout(self) -> Layout:
        """Panes stand where `arrange` puts them."""
        return self.layout_of_panes

    def regions(self, size: Size) -> dict[str, Region]:
        """The visible panes' regions by number."""
        view = self.app.view
        shown = {"1", "2", "2b", "3", "4", "5", "6"} - set(view.hidden)
        return arrange(size.width, size.height, shown, view.side, self.zoomed)


class MainScreen(Screen):
    """Draws what is known twice a second at most, and hands every action to the one who carries it out."""

    BINDINGS = actions.bindings("app", "panes", "copy", "export", "chart", "engine")
    AUTO_FOCUS = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self.drawn = -1
        """The project's count of changes when it was last drawn."""
        self.held: Live | None = None
        """The project as it was when the view was paused; None while it is not."""
        self.paused_at: int | None = None
        """The project's count of news then."""
        self._acting = False
        self.verbs = verbs_of(self)

    def compose(self) -> ComposeResult:
        """Everything stands from the start; what is known fills in."""
        yield Header()
        with Body(id="body"):
            yield Runs()
            yield Chart("2")
            yield Chart("2b")
            yield Classes()
            yield Queue()
            yield Gpu()
            yield Log()
        yield Welcome()
        yield Prompt()
        yield Footer()

    def on_mount(self) -> None:
        """Begin to draw."""
        self.set_interval(1 / self.app.settings.fps, self.pulse)
        self.lay_out()

    # Drawing

    def pulse(self) -> None:
        """Draw where something changed since the last time; called twice a second."""
        live = self.app.live
        live.watch_silence()
        self.tell_ends()
        if (self.held or live).changes != self.drawn:
            self.draw()
        elif self.held is not None:
            self.query_one(Header).draw()

    def tell_ends(self) -> None:
        """Notices for runs that ended: every failure, long runs that are done, and the end of all work."""
        live, ended = self.app.live, []
        while live.ended:
            ended.append(live.ended.popleft())
        runs = [live.runs[run_id] for run_id in ended if run_id in live.runs]
        failed = [run for run in runs if run["state"] in ("failed", "diverged")]
        long = [run for run in runs if run["state"] == "done" and self._seconds(run) >= LONG_SECONDS]
        if failed:
            self._tell(failed, "error")
        elif runs and live.board.over:
            self.notify(f"all {len(live.board.runs)} runs have ended", markup=False)
        elif long:
            self._tell(long, "information")
        if runs and self.app.settings.bell:
            self.app.bell()

    def _seconds(self, run: dict[str, Any]) -> float:
        return self.app.live.board.runs[run["run_id"]].took or 0.0

    def _tell(self, runs: list[dict[str, Any]], severity: str) -> None:
        said = [f"{run['name']} {run['state']}" for run in runs[:TOLD]]
        more = [f"and {len(runs) - TOLD} more"] if len(runs) > TOLD else []
        self.notify(" · ".join(said + more), severity=severity, markup=False)

    def draw(self) -> None:
        """Draw everything now, as a key press does; within an action that is left to its end."""
        if not self.is_mounted or self._acting:
            return
        self.drawn = (self.held or self.app.live).changes
        self.show_welcome(self.app.live.link == "empty" and not self.app.live.runs)
        for pane in self.panes():
            pane.draw()
        self.query_one(Header).draw()
        self.query_one(Footer).draw()

    def panes(self) -> list[Pane]:
        """The panes that stand on the screen now."""
        body, welcome = self.query_one(Body), self.query_one(Welcome)
        visible = body.regions(body.size)
        return [welcome] if welcome.display else [pane for pane in body.query(Pane) if pane.NUMBER in visible]

    def show_welcome(self, empty: bool) -> None:
        """Welcome stands in the panes' place for as long as there is nothing to show."""
        welcome, body = self.query_one(Welcome), self.query_one(Body)
        if welcome.display != empty:
            welcome.display, body.display = empty, not empty
            self.set_focus(welcome if empty else self.query_one("#runs"))

    def lay_out(self) -> None:
        """Arrange the panes anew."""
        body = self.query_one(Body)
        visible = body.regions(body.size) if body.size else {}
        standing = [pane for pane in body.query(Pane) if pane.NUMBER in visible]
        for pane in standing:
            pane.display = True
        if standing and self.pane in body.query(Pane) and self.pane not in standing:
            self.set_focus(standing[0])
        for pane in body.query(Pane):
            pane.display = pane in standing or not standing
        body.refresh(layout=True)
        self.call_after_refresh(self.draw)

    def on_resize(self) -> None:
        """Another size may show other panes."""
        self.call_after_refresh(self.lay_out)

    def on_descendant_focus(self) -> None:
        """The footer speaks of the focused pane, and that is the one that stays when the terminal becomes small."""
        with contextlib.suppress(LookupError):
            if self.pane in self.panes() and self.pane.NUMBER in SIDES:
                self.app.view.side = self.pane.NUMBER
            self.query_one(Footer).draw()

    # Acting

    @property
    def pane(self) -> Pane | None:
        """The focused pane."""
        return self.focused if isinstance(self.focused, Pane) else None

    def target(self, scope: str) -> Any:
        """Who carries out the actions of a scope; None where nobody can now."""
        if scope == "list":
            return self.pane
        if scope in PANES:
            focused = self.pane is not None and scope == self.pane.SCOPE
            return self.pane if focused else self.query_one(f"#{scope}")
        return self.verbs.get(scope)

    def action_act(self, action_id: str, *arguments: Any) -> None:
        """Carry out an action by its id, then show what it changed."""
        action = actions.BY_ID[action_id]
        if action.engine and self.app.live.read_only:
            self.notify("read-only: this app changes nothing", severity="warning")
            return
        target = self.target(action.scope)
        if target is None:
            return
        self._acting = True
        try:
            outcome = getattr(target, action.method)(*arguments)
        finally:
            self._acting = False
        if outcome is not None:  # a coroutine: it takes its time, the screen does not wait
            self.run_worker(finish(self, outcome), exit_on_error=True)
        self.draw()
