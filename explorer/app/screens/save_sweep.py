"""The dialogs that ask where a sweep file goes, and where one is."""

import itertools
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from explorer.app.screens.open_folder import Folders
from explorer.app.widgets.box import Box, Toned


class SaveSweep(ModalScreen[Path | None]):
    """Writes the file, never over another one, and gives its path; None where nothing was written."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def __init__(self, name: str, content: str) -> None:
        """`name`: of the sweep, and of the file to begin with."""
        super().__init__()
        self._name, self._content = name, content

    def compose(self) -> ComposeResult:
        """The path, and what is in the way."""
        line = Input(str(free(self._name)), compact=True, select_on_focus=False, suggester=Folders(), id="path")
        asked = Static("A new file, which mia-explore run reads:", markup=False)
        yield Box("Save the sweep", "→ complete  enter save  esc leave it", asked, line, Toned(id="trouble"))

    @on(Input.Changed)
    def typed(self) -> None:
        """Another path is another matter."""
        self._say("")

    @on(Input.Submitted)
    def write(self, event: Input.Submitted) -> None:
        """Write it; the dialog stays where that fails."""
        try:
            path = written(event.value, self._content)
        except (OSError, ValueError, RuntimeError) as error:
            self._say(f"Not saved: {(isinstance(error, OSError) and error.strerror) or error}")
        else:
            self.dismiss(path)

    def _say(self, words: str) -> None:
        self.query_one("#trouble", Toned).show([((words, "bad"),)], layout=True)


class OpenSweep(ModalScreen[tuple[str, str] | None]):
    """Gives the name and the text of a sweep file."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", show=False)]

    def compose(self) -> ComposeResult:
        """The path, and what is in the way."""
        line = Input(f"{Path.cwd()}/", compact=True, select_on_focus=False, suggester=Folders(".toml"))
        asked = Static("A sweep file:", markup=False)
        yield Box("Open a sweep", "→ complete  enter open  esc leave it", asked, line, Toned(id="trouble"))

    @on(Input.Submitted)
    def read(self, event: Input.Submitted) -> None:
        """Read it; the dialog stays where that fails."""
        path = Path(event.value.strip())
        try:
            self.dismiss((path.stem, path.expanduser().read_text(encoding="utf-8")))
        except (OSError, ValueError, RuntimeError) as error:
            words = f"Not opened: {(isinstance(error, OSError) and error.strerror) or error}"
            self.query_one("#trouble", Toned).show([((words, "bad"),)], layout=True)


def free(name: str) -> Path:
    """The file for a sweep in the current folder, numbered where there is such a file already."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for each in names if not (path := Path(f"{each}.toml").absolute()).exists())


def written(typed: str, content: str) -> Path:
    """Write a file that is not there yet, `.toml` where no ending was typed; its absolute path."""
    if not typed.strip():
        raise ValueError("type a path")
    path = Path(typed.strip()).expanduser().absolute()
    path = path if path.suffix else path.with_suffix(".toml")
    with path.open("x", encoding="utf-8") as file:
        file.write(content)
    return path
