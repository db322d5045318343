"""What opens another screen about runs: one in full, several side by side, the table of views, the list's columns."""

from engine.run_states import FAILED
from explorer.app.panes import run_cells
from explorer.app.panes.runs import RunsPane
from explorer.app.screens.choose import ChooseSome
from explorer.app.screens.compare import Compare, push_with_twin
from explorer.app.screens.failure import FailedRun
from explorer.app.screens.main import MainScreen
from explorer.app.screens.run_detail import RunDetail
from explorer.app.screens.table_of_views import TableOfViews
from explorer.results.natural_twin import pinned


class RunCommands:
    """Those actions of the scope `runs` that the list itself has not."""

    def __init__(self, main: MainScreen):
        self.main = main

    def action_open(self) -> None:
        """The run in full, or the failure sheet; of several seeds in one line, each of them."""
        runs = self.main.query_one(RunsPane)
        if len(runs.selection.folded()) > 1:
            runs.action_seeds()
        else:
            self.open(runs.choices.current)

    def open(self, run_id: str) -> None:
        """A run in full, or why it failed."""
        app = self.main.app
        if (run := app.project.runs.get(run_id)) is not None:
            app.push_screen(FailedRun(run_id) if run.state in FAILED else RunDetail(run_id))

    def action_compare(self) -> None:
        """The marked runs side by side, or the one under the cursor beside its natural twin."""
        app = self.main.app
        marked, runs = app.selection.marked(), app.project.runs
        if len(marked) > 1:
            held = pinned([runs[run_id] for run_id in marked], list(runs.values()))
            app.push_screen(Compare([run.run_id for run in held]))
        else:
            push_with_twin(app, app.choices.current)

    async def action_columns(self) -> None:
        """Choose the columns of the list."""
        app = self.main.app
        shown = app.choices.columns or run_cells.UNASKED
        names = await app.push_screen_wait(ChooseSome("Columns of the list", run_cells.OFFERED, shown))
        app.choices.columns = app.choices.columns if names is None else names

    def action_views(self) -> None:
        """The table of the finished runs among those that are listed."""
        listed = [run.run_id for run in self.main.query_one(RunsPane).selection.visible()]
        self.main.app.push_screen(TableOfViews(listed if len(listed) < len(self.main.app.project.runs) else None))
