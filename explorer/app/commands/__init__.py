"""What the actions outside the panes do, one small class for each scope."""

from typing import Any

from explorer.app.commands.application import ApplicationCommands
from explorer.app.commands.copying import CopyCommands
from explorer.app.commands.engine import EngineCommands
from explorer.app.commands.exporting import ExportCommands
from explorer.app.commands.runs import RunCommands
from explorer.app.screens.main import MainScreen


def commands_of(main: MainScreen) -> dict[str, Any]:
    """The objects that carry out what panes do not, by the actions' scope."""
    application = ApplicationCommands(main)
    return {
        "app": application,
        "welcome": application,
        "panes": main.pane_actions,
        "runs": RunCommands(main),
        "copy": CopyCommands(main),
        "export": ExportCommands(main),
        "engine": EngineCommands(main),
    }
