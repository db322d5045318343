"""Panes: which are shown, which has the focus, filter and pause."""

import copy
from typing import TYPE_CHECKING

from explorer.project.choices import View
from explorer.project.live import Live

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen

KEPT = ("1", "2")
"""Panes that are never put away."""


class PaneVerbs:
    """Actions of the scope `panes`."""

    def __init__(self, screen: "MainScreen"):
        self.screen = screen

    def action_show_1(self) -> None:
        """Runs."""
        self._show("1")

    def action_show_2(self) -> None:
        """Chart."""
        self._show("2")

    def action_show_3(self) -> None:
        """Classes."""
        self._show("3")

    def action_show_4(self) -> None:
        """Queue."""
        self._show("4")

    def action_show_5(self) -> None:
        """GPU."""
        self._show("5")

    def action_show_6(self) -> None:
        """Log."""
        self._show("6")

    def _show(self, number: str) -> None:
        """Show and focus a pane; the focused one is put away where it may be."""
        view, body = self.screen.app.view, self.screen.query_one("#body")
        pane = next(pane for pane in self.screen.query("Pane") if number == pane.NUMBER)
        if self.screen.focused is pane and number not in KEPT and not body.zoomed:
            view.hidden = [*view.hidden, number]
            view.side = "1" if view.side == number else view.side
            pane = self.screen.query_one("#runs")
        else:
            if body.zoomed:
                body.zoomed = number
            view.hidden = [other for other in view.hidden if other != number]
            if number not in body.regions(body.size):
                view.side = number
        self.screen.lay_out()
        pane.display = True
        self.screen.set_focus(pane)

    def action_next(self) -> None:
        """The next pane on the screen."""
        self._step(1)

    def action_previous(self) -> None:
        """The pane before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        panes = sorted(self.screen.panes(), key=lambda pane: pane.NUMBER)
        if not panes:
            return
        now = panes.index(self.screen.pane) if self.screen.pane in panes else -max(0, step)
        self.screen.set_focus(panes[(now + step) % len(panes)])

    def action_zoom(self) -> None:
        """The focused pane takes the whole place, or gives it back."""
        body = self.screen.query_one("#body")
        pane = self.screen.pane
        body.zoomed = "" if body.zoomed or pane is None else pane.NUMBER
        self.screen.lay_out()

    def action_back(self) -> None:
        """Undo one layer: search, filter, saved filter, zoom of the pane, zoom of a chart, crosshair."""
        screen, view = self.screen, self.screen.app.view
        body, pane = screen.query_one("#body"), screen.pane
        charts = [chart for chart in screen.query("Chart") if chart.display]
        seen = [chart for chart in charts if chart.x_range is not None]
        crossed = [chart for chart in charts if chart.crosshair is not None]
        if pane is not None and pane.search:
            pane.search = ""
        elif view.filter:
            view.filter = ""
        elif view.saved_filter != "all":
            view.saved_filter = "all"
        elif body.zoomed:
            body.zoomed = ""
            screen.lay_out()
        elif seen:
            (pane if pane in seen else seen[0]).x_range = None
        elif crossed:
            (pane if pane in crossed else crossed[0]).crosshair = None

    def action_reset(self) -> None:
        """Everything as on the first day."""
        self.screen.app.view = View()
        self.screen.query_one("#body").zoomed = ""
        for pane in self.screen.query("Pane"):
            pane.search = ""
        for chart in self.screen.query("Chart"):
            chart.crosshair = chart.x_range = None
        self.screen.lay_out()

    def action_pause(self) -> None:
        """Hold the picture still, or let it go on."""
        screen, live = self.screen, self.screen.app.live
        screen.held = held(live) if screen.held is None else None
        screen.paused_at = None if screen.held is None else live.news

    def action_filter(self) -> None:
        """Type a filter."""
        self.screen.query_one("#prompt").ask()


def held(live: Live) -> Live:
    """The project as it is known now: news do not reach it; what was not asked for yet still can be."""
    still, now = copy.copy(live), live.board.clock()
    still.runs = dict(live.runs)
    still.board = copy.copy(live.board)
    still.board.runs = {run_id: copy.copy(run) for run_id, run in live.board.runs.items()}
    still.board.clock = lambda: now
    still.log, still.seen = live.log.copy(), dict(live.seen)

    def count() -> None:
        still.changes += 1

    still.answers = live.answers.held(count)
    return still
