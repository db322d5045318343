"""What the actions outside the panes do, one small class for each scope."""

from typing import TYPE_CHECKING, Any

from explorer.app.commands.application import ApplicationVerbs
from explorer.app.commands.copying import CopyVerbs
from explorer.app.commands.engine import EngineVerbs
from explorer.app.commands.exporting import ExportVerbs
from explorer.app.screens.pane_actions import PaneVerbs

if TYPE_CHECKING:
    from explorer.app.screens.main import MainScreen


def verbs_of(screen: "MainScreen") -> dict[str, Any]:
    """The object for each scope that is not a pane's."""
    return {
        "app": ApplicationVerbs(screen),
        "panes": PaneVerbs(screen),
        "copy": CopyVerbs(screen),
        "export": ExportVerbs(screen),
        "engine": EngineVerbs(screen),
    }
