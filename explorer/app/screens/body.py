"""The place of the panes on the main screen: which of them stand there, and where."""

from textual.app import ComposeResult
from textual.geometry import Region, Size
from textual.layout import Layout
from textual.message import Message
from textual.widget import Widget

from engine.run_states import WAITING
from explorer.app.panes.chart import ChartPane
from explorer.app.panes.classes import ClassesPane
from explorer.app.panes.gpu import GpuPane
from explorer.app.panes.images import ImagesPane
from explorer.app.panes.log import LogPane
from explorer.app.panes.queue import QueuePane
from explorer.app.panes.runs import RunsPane
from explorer.app.screens.layout import CHARTS, Arranged, arrange, panes_of
from explorer.app.widgets.pane import Pane
from explorer.project.choices import Choices


class Body(Widget):
    """Holds all panes at all times; those that have no region are not displayed."""

    zoomed = ""
    """Number of the pane that has it all."""
    layout_of_panes = Arranged()

    class LaidOut(Message):
        """The panes have their new places."""

    def compose(self) -> ComposeResult:
        """Everything stands from the start; what is known fills in."""
        yield RunsPane()
        yield from map(ChartPane, CHARTS)
        yield ClassesPane()
        yield QueuePane()
        yield GpuPane()
        yield LogPane()
        yield ImagesPane()

    @property
    def layout(self) -> Layout:
        """Panes stand where `arrange` puts them."""
        return self.layout_of_panes

    @property
    def all_panes(self) -> list[Pane]:
        """The panes, standing or not."""
        return list(self.query(Pane))

    @property
    def standing(self) -> list[Pane]:
        """The panes that have a place now."""
        visible = self.regions(self.size) if self.size else {}
        return [pane for pane in self.all_panes if pane.NUMBER in visible]

    def pane(self, number: str) -> Pane:
        """The pane of that number."""
        return next(pane for pane in self.all_panes if number == pane.NUMBER)

    def regions(self, size: Size) -> dict[str, Region]:
        """The visible panes' regions by number."""
        choices: Choices = self.app.choices
        return arrange(size.width, size.height, self.wanted, choices.side, self.zoomed)

    @property
    def wanted(self) -> set[str]:
        """Numbers of the panes that are shown where there is room."""
        choices: Choices = self.app.choices
        return panes_of(choices.layout, choices.added, choices.hidden, self.working)

    @property
    def working(self) -> bool:
        """Whether there are runs to be done."""
        return self.app.project.tracker.count(*WAITING) > 0

    def lay_out(self) -> None:
        """Arrange the panes anew; the focus stays on one that stands."""
        standing, focused = self.standing, self.screen.focused
        for pane in standing:
            pane.display = True
        if standing and focused in self.all_panes and focused not in standing:
            self.screen.set_focus(standing[0])
        for pane in self.all_panes:
            pane.display = pane in standing or not standing
        self.refresh(layout=True)
        self.call_after_refresh(self.post_message, self.LaidOut())
