"""What the actions outside the panes do, one small class for each scope."""

from typing import TYPE_CHECKING, Any

from explorer.app.verbs.application import ApplicationVerbs
from explorer.app.verbs.copying import CopyVerbs
from explorer.app.verbs.engine import EngineVerbs
from explorer.app.verbs.exporting import ExportVerbs
from explorer.app.verbs.placing import PaneVerbs

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
