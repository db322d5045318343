"""The line above the panes: what the runs say, in words."""

from explorer.app.widgets.box import Toned
from explorer.project.open_project import OpenProject
from explorer.project.selection import Selection
from explorer.results import finding
from explorer.results.lines import Line, cut, wrapped
from store.summaries import SeedsFact

OF_RUN = ("dataset", "network", "size", "train_fraction", "capacity", "defense", "epsilon", "evaluation_epsilon")
"""What the rows that a finding is made of have in common with their runs."""
ROWS = 20
"""Rows of a terminal that has one for it."""


class FindingLine(Toned):
    """The clearest difference between robust and natural training among the runs that are seen."""

    def __init__(self) -> None:
        super().__init__(id="finding")
        self._asked: tuple[list[SeedsFact] | None, ...] = (None, None)
        """The rows of the runs that are seen, and of all, among which natural twins are looked up."""
        self.found: finding.LeakageFinding | None = None
        """What the runs that are seen say, once they are asked."""
        self.held: OpenProject | None = None
        """The project as it was when the view was paused; None while it is not."""

    @property
    def selection(self) -> Selection:
        """The runs that are seen, held still where the view is paused."""
        return Selection(self.held or self.app.project, self.app.choices)

    def look_up(self) -> None:
        """Bring the finding up to date; the old one stays while the answer is on its way."""
        selection = self.selection
        project, seen = selection.project, [run.run_id for run in selection.visible()]
        every = rows = project.rows(finding.QUERY, **finding.ASKED) if seen else []
        if 0 < len(seen) < len(project.runs):
            rows = project.rows(finding.QUERY, **finding.ASKED, run_id=sorted(seen))
        asked = (rows, every)
        if None not in asked and any(new is not old for new, old in zip(asked, self._asked, strict=True)):
            self._asked, self.found = asked, finding.finding(rows, every)

    def draw(self) -> None:
        """Bring the line up to date."""
        self.look_up()
        if self.display and self.size.width:
            self.show([cut(self._line(self.size.width - 2), self.size.width)])

    def _line(self, width: int) -> Line:
        if (found := self.found) is None:
            if None in self._asked:
                return ((" reading …", "dim"),)
            (said, *_) = wrapped(self._nothing(), width, "dim")
            return ((" ", ""), *said)
        return ((" ▶ ", "accent"), (found.line(width - 1), "bold"))

    def _nothing(self) -> str:
        """Why there is no finding."""
        if self._asked[0]:
            return f"No finding: {finding.why_none(self._asked[0])}"
        return "What robust training costs in privacy is said here once runs are done."

    def first_run(self) -> str | None:
        """The id of a finished run that the finding is of."""
        if self.found is None:
            return None
        wanted = [getattr(self.found.chosen.own, name) for name in OF_RUN]
        runs = (run for run in self.selection.visible() if run.state == "done")
        return next((run.run_id for run in runs if [getattr(run, name) for name in OF_RUN] == wanted), None)
