"""Pane 2: curves over capacity and epsilon, training histories and ROC curves and scores, read by a crosshair."""

import textwrap
from dataclasses import replace

from rich.cells import cell_len
from textual import events

from explorer.app import clipboard
from explorer.app.panes.chart_choices import ChartChoices
from explorer.app.widgets.page import Page
from explorer.app.widgets.pane import Pane
from explorer.charts import axes, chart_lines
from explorer.charts.chart import Chart as Picture
from explorer.charts.chart import Span
from explorer.charts.drawing import Drawing
from explorer.charts.kinds_of_chart import drawing_of, further
from explorer.charts.legend import series_at
from explorer.charts.read_out import hidden, read_out, table_text
from explorer.project import metrics
from explorer.project.choices import Choices
from explorer.results import text
from explorer.results.lines import Line, plain
from explorer.results.marks import FLOOR, LIKE_GUESS

OF_ENDS = ("capacity", "epsilon", "trade-off", "setting")
"""Charts that have no point before a run has ended."""
Panels = tuple[tuple[str, Picture], ...]
ZOOM = 0.6
"""The share of the x axis that a step of the zoom leaves."""
NO_POINTS = {"interval": {"roc", "histogram"}, "paper": {"history", "roc", "histogram"}}
"""Charts in which an action finds nothing to show."""
READING = ("left", "right", "zoom-in", "zoom-out", "zoom-reset", "pan-left", "pan-right", "read")
"""Actions on a chart that there is."""
HINTS = (
    "{chart.left} {chart.right} read · {chart.previous} {chart.next} chart · {chart.metric} metric · "
    "{chart.attack} attack · {chart.view} view · {chart.rule} threshold · {chart.scale} scale"
)


class ChartPane(ChartChoices, Pane):
    """Draws the runs that are on the chart; the second one (2b) shows what goes with the first."""

    NUMBER, NAME, SCOPE = "2", "", "chart"
    HELP = (
        "Curves of the runs that are on the chart (space in Runs). Filled marks are final, hollow ones still gain "
        "seeds; ✱ is an overlap, × the paper's own number; natural training is grey. ≈ stands beside what is "
        f"{LIKE_GUESS}: in half of the seeds or more, luck may explain it; {FLOOR}. The border reads out the crosshair."
    )

    def __init__(self, number: str = "2") -> None:
        super().__init__(number)
        self.crosshair: float | None = None
        self.x_range: Span | None = None
        self.drawing = Drawing("")
        self._drawn_kind = ""

    @property
    def view(self) -> Choices:
        """The person's choices."""
        return self.choices

    @property
    def kind(self) -> str:
        """What is drawn: what was chosen, or, before any run has ended, how those that run are trained."""
        return "history" if self._waits else self.chosen

    @property
    def chosen(self) -> str:
        """The chart that a person chose; the companion's is what goes with the first one's."""
        if self.NUMBER == ChartPane.NUMBER:
            return self.view.chart
        return further(self.view.chart, self.selection.on_chart())["bcd".index(self.NUMBER[-1])]

    @property
    def _waits(self) -> bool:
        """Whether the chart that was chosen waits for the end of a run, and there is something that moves."""
        states = {run.state for run in self.project.runs.values()}
        of_ends = self.NUMBER == ChartPane.NUMBER and self.chosen in OF_ENDS
        return of_ends and "running" in states and "done" not in states

    @property
    def companion(self) -> "ChartPane":
        """The other chart."""
        return self.screen.query_one("#chartb" if self.NUMBER == ChartPane.NUMBER else "#chart")

    def page(self, width: int, height: int) -> Page:
        """The chart, or what is missing for one."""
        self.look_up()
        title = self.fitting_title([self._stated(own) for own in (self.drawing.title, *self.drawing.shorter)])
        if self.drawing.chart is None:
            return Page(self._empty(width, height), title=title, note=self.keyed("{chart.previous} {chart.next} chart"))
        chart = self._seen(self.drawing.chart)
        panels, plain_only = self._panels(chart) or (("", chart),), self.host.settings.ascii
        return Page(chart_lines.draw_panels(panels, width, height, plain_only), title=title, note=self._note())

    def _stated(self, title: str) -> str:
        """The title with what was changed of the picture, behind the chart's name."""
        view = self.view
        scale = view.scale(self.kind)
        states = [f"{self.chosen} waits for a run"] if self._waits else []
        states += [scale] if scale != "linear" else []
        states += [words] if (words := hidden(self.drawing).strip(" ()")) else []
        states += ["zoom"] if self.x_range is not None else []
        states += ["filtered"] if view.filter or view.saved_filter != "all" else []
        name, gap, rest = title.partition("  ")
        return f"{name} ({', '.join(states)}){gap}{rest}" if states and self.drawing.chart else title

    def refusal(self, action_id: str) -> str:
        """Why a key would change nothing: no chart, all of it in sight, or nothing of that kind in it."""
        what = action_id.removeprefix("chart.")
        if self.drawing.chart is None and what in READING:
            return "there is no chart to read"
        if self.x_range is None and what in ("zoom-reset", "pan-left", "pan-right"):
            return f"all of the chart is in sight: {self.keyed('{chart.zoom-in}')} zooms"
        if what == "smooth" and "history" not in self.kinds:
            return "only histories are smoothed"
        if what in ("interval", "paper") and self.kinds <= NO_POINTS[what]:
            return f"no {'intervals' if what == 'interval' else 'points of the paper'} in this chart"
        if what == "rule" and (not metrics.of(self.view).inference or metrics.rule_of(self.view) not in text.RULES):
            return f"no threshold is chosen for {metrics.of(self.view).title}"
        return super().refusal(action_id)

    @property
    def kinds(self) -> set[str]:
        """What the charts in sight draw."""
        return {pane.kind for pane in self.screen.query(ChartPane) if pane.display}

    def look_up(self) -> None:
        """Bring the drawing up to date; the old one of its kind stays while the answer for a new one is on its way."""
        drawing = drawing_of(self.kind, self.project, self.view, self.selection.on_chart())
        if self.kind != self._drawn_kind:
            self.crosshair = self.x_range = None
        elif drawing.asking and drawing.chart is None and self.drawing.chart is not None:
            drawing = replace(self.drawing, asking=True)
        self.drawing, self._drawn_kind = drawing, self.kind
        self.available()  # asked for before a key needs it

    def _empty(self, width: int, height: int) -> list[Line]:
        words = [
            plain(f"  {line}", "dim" if index else "")
            for index, sentence in enumerate(map(self.keyed, self.drawing.empty))
            for line in textwrap.wrap(sentence, max(10, width - 4))
        ]
        return [*[plain("")] * max(0, (height - len(words)) // 3), *words]

    def _panels(self, chart: Picture) -> Panels:
        """The charts that stand beside the first, at the same steps."""
        return tuple(
            (name, replace(own, crosshair=chart.crosshair, x_range=chart.x_range)) for name, own in self.drawing.panels
        )

    def _seen(self, chart: Picture) -> Picture:
        """The chart with crosshair, zoom and the other chart's axis where they are to match."""
        if self.crosshair is not None:
            self.crosshair = axes.nearest(chart, self.crosshair, 0)
        if self.x_range is not None:
            self._see(axes.panned(self.x_range, self._whole(), 0.0, chart.x_log))
        y_range = self._shared_y_range(chart) if self.view.same_axes else None
        return replace(chart, crosshair=self.crosshair, x_range=self.x_range, y_range=y_range)

    def _shared_y_range(self, chart: Picture) -> Span | None:
        """One y axis for the pair of charts, so that heights can be compared."""
        other = self.companion
        if not other.display:
            return None
        other.look_up()
        if other.drawing.chart is None or other.drawing.chart.y_percent != chart.y_percent:
            return None
        spans = [axes.spans(one).y for one in (chart, other.drawing.chart)]
        return min(low for low, _ in spans), max(high for _, high in spans)

    def _note(self) -> str:
        """What the curves say at the crosshair, else the keys."""
        if self.drawing.asking:
            return "asking …"
        if self.crosshair is None:
            return self.keyed(HINTS)
        full = read_out(self.drawing, self.crosshair)
        return full if cell_len(full) <= self.border_room else read_out(self.drawing, self.crosshair, brief=True)

    def on_click(self, event: events.Click) -> None:
        """A curve whose entry of the legend was clicked on is hidden, or shown again."""
        offset, chart = event.get_content_offset(self), self.drawing.chart
        lines = self.shown.lines[offset.y : offset.y + 1] if chart and offset is not None else ()
        if (curve := next((series_at(line, offset.x, chart) for line in lines), None)) is not None:
            self.action_curve(curve.name)
            self.post_message(self.CursorMoved())

    def line_to_copy(self) -> str:
        """The read-out, or the whole title without a crosshair."""
        return self.drawing.title if self.crosshair is None else read_out(self.drawing, self.crosshair)

    # Crosshair and zoom

    def action_left(self) -> None:
        """Crosshair to the previous x."""
        self._move(-1)

    def action_right(self) -> None:
        """Crosshair to the next x."""
        self._move(1)

    def _move(self, step: int) -> None:
        if (chart := self.drawing.chart) is None:
            return
        self.crosshair = axes.nearest(chart, self.crosshair, step * self._stride())
        if self.x_range is not None and self.crosshair is not None:
            self._see(axes.showing(self.x_range, self._whole(), self.crosshair, chart.x_log))

    def _stride(self) -> int:
        """A dense curve is walked in a hundred steps."""
        longest = max((len(curve.x) for curve in self.drawing.chart.series if curve.kind == "line"), default=0)
        return 1 if self.crosshair is None else max(1, longest // 100)

    def action_zoom_in(self) -> None:
        """Less of the x axis, around the crosshair."""
        self._zoom(ZOOM)

    def action_zoom_out(self) -> None:
        """More of the x axis."""
        self._zoom(1 / ZOOM)

    def action_zoom_reset(self) -> None:
        """All of the x axis."""
        self.x_range = None

    def action_pan_left(self) -> None:
        """Along the x axis to smaller values."""
        self._pan(-0.25)

    def action_pan_right(self) -> None:
        """Along the x axis to larger values."""
        self._pan(0.25)

    def _whole(self) -> Span:
        return axes.spans(self.drawing.chart).x

    def _see(self, span: Span) -> None:
        self.x_range = None if span == self._whole() or span[0] >= span[1] else span

    def _zoom(self, share: float) -> None:
        """Around the crosshair, else around the point nearest to the middle."""
        if (chart := self.drawing.chart) is None:
            return
        span = self.x_range or self._whole()
        middle = axes.nearest(chart, (span[0] + span[1]) / 2, 0) if self.crosshair is None else self.crosshair
        if middle is not None:
            self._see(axes.zoomed(span, self._whole(), middle, share, chart.x_log))

    def _pan(self, share: float) -> None:
        if (chart := self.drawing.chart) is not None and self.x_range is not None:
            self._see(axes.panned(self.x_range, self._whole(), share, chart.x_log))

    def action_read(self) -> None:
        """The chart's numbers as text."""
        clipboard.copy(self.app, table_text(self.drawing), "the chart's numbers")
