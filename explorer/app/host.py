"""What panes, screens and commands may ask of the app that they are part of; they know it as no more than this."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from explorer.app.actions import Action
from explorer.app.settings import AppSettings
from explorer.machine.checks import Checkup
from explorer.machine.gauges import MachineReading
from explorer.machine.machine_watch import MachineWatch
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.project.selection import Selection


class Host(Protocol):
    """The app as seen from below, beside what Textual's own `App` offers."""

    settings: AppSettings
    project: OpenProject
    """The project and the way to its engine."""
    choices: Choices
    """What the person has chosen to look at."""
    commands: Mapping[str, Any]
    """The objects that carry out the actions outside the panes, by scope."""
    checkup: Checkup
    machine_watch: MachineWatch
    theme: str

    @property
    def selection(self) -> Selection:
        """The runs of the project that are seen by the person's choices."""

    @property
    def machine(self) -> MachineReading | None:
        """The latest reading of the machine's gauges."""

    def key_of(self, action: Action) -> str:
        """The key an action has now, as people write it."""

    def page_file(self, path: Path) -> None:
        """Show a file in `$PAGER`."""

    def page_log(self, run_id: str) -> None:
        """Show what a run's process printed."""
