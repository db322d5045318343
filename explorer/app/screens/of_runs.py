"""What opening runs, comparing them and their table show, for the screens that list runs."""

from collections.abc import Sequence

from textual.app import App

from explorer.app.screens.compare import Compare, push_with_twin
from explorer.app.screens.failure import Failure
from explorer.app.screens.run_detail import RunDetail
from explorer.app.screens.table_of_views import TableOfViews


def open_run(app: App, run_id: str) -> None:
    """The run in full, or why it failed."""
    run = app.live.runs.get(run_id)
    if run is not None:
        app.push_screen(Failure(run_id) if run["state"] in ("failed", "diverged") else RunDetail(run_id))


def compare_runs(app: App) -> None:
    """The marked runs side by side, or the one under the cursor beside its natural twin."""
    marked = [run_id for run_id in app.view.marked if run_id in app.live.runs]
    if len(marked) > 1:
        app.push_screen(Compare(marked))
    else:
        push_with_twin(app, app.view.current)


def show_views(app: App, listed: Sequence[str]) -> None:
    """The table of views of the runs that are listed."""
    app.push_screen(TableOfViews(listed if len(listed) < len(app.live.runs) else None))
