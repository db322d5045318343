"""Panes: which are shown, which has the focus, filter and pause."""

import copy

from explorer.app.panes.chart import ChartPane
from explorer.app.screens.body import Body
from explorer.app.widgets.pane import Pane
from explorer.app.widgets.prompt import Prompt
from explorer.project.choices import LAYOUTS, Choices
from explorer.project.open_project import OpenProject

KEPT = ("1", "2")
"""Panes that are never put away."""


class PaneActions:
    """Actions of the scope `panes`."""

    def __init__(self, body: Body, prompt: Prompt):
        self.body, self.prompt = body, prompt
        self.held: OpenProject | None = None
        """The project as it was when the view was paused; None while it is not."""

    def action_show(self, number: str) -> None:
        """Show and focus a pane; the focused one is put away where it may be."""
        choices, body = self.body.app.choices, self.body
        pane = body.pane(number)
        if self.body.screen.pane is pane and not body.zoomed:
            pane = self._put_away(number)
        else:
            if body.zoomed:
                body.zoomed = number
            choices.hidden = [other for other in choices.hidden if other != number]
            if number not in body.wanted:
                choices.added = [*choices.added, number]
            if number not in body.regions(body.size):
                choices.side = number
        body.lay_out()
        pane.display = True
        body.screen.set_focus(pane)

    def _put_away(self, number: str) -> Pane:
        """Put away the focused pane, or what stands beside the chart of a small terminal; who has the focus then.

        The chart stays, and so does the list where there is room for it.
        """
        choices, body = self.body.app.choices, self.body
        if set(body.regions(body.size)) <= {"2", choices.side}:
            choices.side = "2"
        elif number in choices.added:
            choices.added = [other for other in choices.added if other != number]
        elif number in KEPT:
            return body.pane(number)
        else:
            choices.hidden = [*choices.hidden, number]
        standing = body.regions(body.size)
        return body.pane("1" if "1" in standing else "2")

    def choices_layout(self) -> list[tuple[str, str]]:
        """Layouts for the palette."""
        return [(name, name) for name in LAYOUTS]

    def action_layout(self, name: str = "") -> None:
        """The next layout, or the named one, with the panes that belong to it."""
        choices, body = self.body.app.choices, self.body
        choices.layout = name or LAYOUTS[(LAYOUTS.index(choices.layout) + 1) % len(LAYOUTS)]
        choices.hidden, choices.added, body.zoomed = Choices().hidden, [], ""
        body.lay_out()
        body.screen.notify(f"layout: {choices.layout}", timeout=2)

    def action_next(self) -> None:
        """The next pane on the screen."""
        self._step(1)

    def action_previous(self) -> None:
        """The pane before."""
        self._step(-1)

    def _step(self, step: int) -> None:
        panes = sorted(self.body.standing, key=lambda pane: pane.NUMBER) if self.body.display else []
        if panes:
            now = panes.index(self.body.screen.pane) if self.body.screen.pane in panes else -max(0, step)
            self.body.screen.set_focus(panes[(now + step) % len(panes)])

    def action_zoom(self) -> None:
        """The focused pane takes the whole place, or gives it back."""
        self.body.zoomed = "" if self.body.zoomed or self.body.screen.pane is None else self.body.screen.pane.NUMBER
        self.body.lay_out()

    def action_back(self) -> None:
        """Undo one layer: search, filter, saved filter, zoom of the pane, zoom of a chart, crosshair."""
        choices, body, pane = self.body.app.choices, self.body, self.body.screen.pane
        charts = [chart for chart in body.query(ChartPane) if chart.display]
        seen = [chart for chart in charts if chart.x_range is not None]
        crossed = [chart for chart in charts if chart.crosshair is not None]
        if pane is not None and pane.search:
            pane.search = ""
        elif choices.filter:
            choices.filter = ""
        elif choices.saved_filter != "all":
            choices.saved_filter = "all"
        elif body.zoomed:
            body.zoomed = ""
            body.lay_out()
        elif seen:
            (pane if pane in seen else seen[0]).x_range = None
        elif crossed:
            (pane if pane in crossed else crossed[0]).crosshair = None

    def action_reset(self) -> None:
        """Everything as on the first day."""
        self.body.app.choices = Choices()
        self.body.zoomed = ""
        for pane in self.body.all_panes:
            pane.search = ""
        for chart in self.body.query(ChartPane):
            chart.crosshair = chart.x_range = None
        self.body.lay_out()

    def action_pause(self) -> None:
        """Hold the picture still, or let it go on."""
        self.held = held(self.body.app.project) if self.held is None else None
        for part in (self.body.screen.finding, *self.body.all_panes):
            part.held = self.held

    def action_filter(self) -> None:
        """Type a filter."""
        self.prompt.ask(self.body.screen.pane or self.body.pane("1"))


def held(project: OpenProject) -> OpenProject:
    """The project as it is known now: news do not reach it; what was not asked for yet still can be."""
    still, now = copy.copy(project), project.tracker.clock()
    still.runs = dict(project.runs)
    still.tracker = copy.copy(project.tracker)
    still.tracker.runs = {run_id: copy.copy(run) for run_id, run in project.tracker.runs.items()}
    still.tracker.clock = lambda: now
    still.log, still.seen = project.log.copy(), dict(project.seen)

    def count() -> None:
        still.changes += 1

    still.query_cache = project.query_cache.held(count)
    return still
