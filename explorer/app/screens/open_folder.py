"""The dialog that asks for another project's folder."""

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from engine.service.project import Project
from explorer.app.widgets.box import Box, Toned
from explorer.results import text
from explorer.results.lines import Segment


def project_in(typed: str) -> Project:
    """The project in a folder, or of a database file, that a person typed; ValueError in one line if there is none."""
    if not typed.strip():
        raise ValueError("type a folder; → completes it")
    found = Project.at(typed.strip())
    if found.root == found.database or found.root.name == found.database.name:
        found = Project.at(found.root.parent)
    if not found.root.exists():
        raise ValueError(f"no such folder: {found.root}")
    if not found.root.is_dir():
        raise ValueError(f"not a folder: {found.root}")
    return found


def verdict(typed: str) -> Segment:
    """What opening it would show."""
    try:
        found = project_in(typed)
        size = found.database.stat().st_size if found.database.exists() else None
    except (ValueError, OSError, RuntimeError) as error:
        return (str(error), "dim" if not typed.strip() else "warn")
    if size is None:
        return ("no results in it yet", "dim")
    return (f"results: {found.database.name}, {text.size(size)}", "good")


class Folders(Suggester):
    """Completes a path by the first folder that goes on as typed, or the first file that ends so."""

    def __init__(self, ending: str = "/") -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._ending = ending

    async def get_suggestion(self, value: str) -> str | None:
        """The whole path, None where none fits."""
        return await asyncio.to_thread(completed, value, self._ending)


def completed(typed: str, ending: str = "/") -> str | None:
    """The path typed so far with the rest of a name, of a folder or a file that ends so."""
    start, slash, begun = typed.rpartition("/")
    try:
        parent = Path(start + slash or ".").expanduser()
        found = [entry.name + "/" * entry.is_dir() for entry in parent.iterdir() if entry.name.startswith(begun)]
    except (OSError, RuntimeError):
        return None
    names = sorted(name for name in found if name.endswith(("/", ending)) and (begun or not name.startswith(".")))
    return f"{start}{slash}{names[0]}" if names and typed else None


class OpenFolder(ModalScreen[Project | None]):
    """Gives the project to open, None if none is."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        """The path, and what is there."""
        yield Box(
            "Open another folder",
            "→ complete  enter open  esc leave",
            Static("A project folder, or the explore.duckdb in one:", markup=False),
            Input(f"{self.app.project.paths.root.parent}/", compact=True, select_on_focus=False, suggester=Folders()),
            Toned(id="verdict"),
            id="open-folder",
        )

    def on_mount(self) -> None:
        """Say what is in the folder to begin with."""
        self._judge(self.query_one(Input).value)

    def _judge(self, typed: str) -> None:
        self.query_one("#verdict", Toned).show([(verdict(typed),)], layout=True)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Every letter is another folder."""
        self._judge(event.value)

    @on(Input.Submitted)
    def open(self, event: Input.Submitted) -> None:
        """Open it, if it is there."""
        try:
            self.dismiss(project_in(event.value))
        except (ValueError, OSError, RuntimeError):
            self._judge(event.value)
