"""The screen with the table of views."""

from collections.abc import Sequence

from textual.screen import Screen

from explorer.app import actions
from explorer.app.panes.views_sheet import ViewsSheet
from explorer.app.screens.sheet_screen import SheetScreen
from explorer.results import views_table
from explorer.results.rendering import plain


class TableOfViews(SheetScreen, Screen):
    """Accuracies and leakage of every setting that has finished runs."""

    SCOPE = "views"
    BINDINGS = actions.bindings("views")

    def __init__(self, run_ids: Sequence[str] | None) -> None:
        """Of these runs only; None: of all."""
        super().__init__()
        self.page = ViewsSheet(run_ids)

    def possible(self, action: actions.Action) -> bool:
        """Only one of the threshold rules is chosen where both do not fit side by side."""
        return super().possible(action) and (action.id != "views.rule" or self.page.one_rule)

    def action_rule(self) -> None:
        """Thresholds chosen on the very examples, or on others."""
        self.page.rule = "heldout" if self.page.rule == "oracle" else "oracle"

    def action_copy(self) -> None:
        """All of it, with what does not fit the screen."""
        self.copy(plain(views_table.table(self.page.rows() or [])), "the table of views")
