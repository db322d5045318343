"""The screen with runs side by side."""

from collections.abc import Sequence

from textual.app import App
from textual.screen import Screen

from engine.registry import NATURAL
from explorer.app import actions
from explorer.app.panes.comparison_sheet import ComparisonSheet
from explorer.app.screens.sheet_screen import SheetScreen
from explorer.results.natural_twin import natural_twin
from explorer.results.rendering import plain


class Compare(SheetScreen, Screen):
    """Two or more runs as columns."""

    SCOPE = "compare"
    BINDINGS = actions.bindings("compare")

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.page = ComparisonSheet(run_ids)

    def possible(self, action: actions.Action) -> bool:
        """Only a side with runs on it can be gone to."""
        if action.id == "compare.left":
            return self.page.first > 1
        if action.id == "compare.right":
            return self.page.first < self.page.last_first
        return super().possible(action)

    def action_left(self) -> None:
        """The runs before."""
        self.page.first -= 1

    def action_right(self) -> None:
        """The runs behind."""
        self.page.first += 1

    def action_all(self) -> None:
        """All settings, or those that differ."""
        self.page.all_settings = not self.page.all_settings

    def action_copy(self) -> None:
        """The whole comparison as text, all runs."""
        self.copy(plain(self.page.table()) + "\n", "the comparison")


def push_with_twin(app: App, run_id: str) -> None:
    """Compare a run with its natural twin; a notice where it has none."""
    run = app.project.runs.get(run_id)
    twin = natural_twin(run, list(app.project.runs.values())) if run else None
    if twin is not None:
        app.push_screen(Compare([twin.run_id, run_id]))
    elif run is not None:
        natural = run.defense == NATURAL
        why = "is natural itself" if natural else "has no natural run of its data, image size, network and capacity"
        app.notify(f"{run.name} {why}; M marks runs to compare", severity="warning", markup=False)
