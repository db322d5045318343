"""What opening a run and comparing runs show, for the screens that list runs."""

from textual.app import App

from explorer.screens.compare import Compare, push_with_twin
from explorer.screens.failure import Failure
from explorer.screens.run_detail import RunDetail


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
