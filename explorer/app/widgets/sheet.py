"""A pane that is all of its screen: a title without a number, and the screen's keys in the lower border."""

from rich.cells import cell_len

from explorer.app import actions
from explorer.app.widgets.pane import Pane


class Sheet(Pane):
    """Subclasses say what stands on it; its screen says which actions are possible."""

    def titled(self, title: str) -> str:
        """The title alone."""
        return title

    def draw(self) -> None:
        """In a dialog as high as its text, if the screen is."""
        super().draw()
        if self.screen.is_modal:
            self.styles.height = min(len(self.shown.lines) + 2, self.screen.size.height)

    def keys(self, width: int) -> str:
        """The keys of the screen's actions that are possible now, as many as fit; the last one always does."""
        possible = [action for action in actions.of([self.SCOPE]) if action.hint and self.screen.possible(action)]
        words = [f"{self.host.key_of(action)} {action.hint}" for action in possible]
        while len(words) > 2 and cell_len("  ".join(words)) > width - 4:
            del words[-2]
        return "  ".join(words)
