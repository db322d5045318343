"""Options that several commands share."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from engine.job_settings import LOCAL
from engine.service.project import Project
from engine.spec.recipes import SCALES
from engine.validation import require_known
from explorer.cli import completion

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class ProjectFolder(click.ParamType):
    """A folder, given to the command as the `Project` in it."""

    name = "DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Project:
        """The project at that folder."""
        if isinstance(value, Project):
            return value
        if not value:
            self.fail("the project's folder has an empty name", param, ctx)
        found = Project.at(value)
        if found.root.exists() and not found.root.is_dir():
            self.fail(f"{found.root} is not a folder", param, ctx)
        return found


class KnownWord(click.Choice):
    """A word of a closed list; another one is refused in one line with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """The word itself."""
        require_known(param.opts[0] if param else "", value, self.choices)
        return value


project: Decorator = click.option(
    "--project",
    type=ProjectFolder(),
    envvar="MIA_PROJECT",
    default="mia-results",
    show_default="$MIA_PROJECT or ./mia-results",
    help="Folder with the database and the runs.",
)
data_root: Decorator = click.option(
    "--data-root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MIA_DATA",
    default="data",
    show_default="$MIA_DATA or ./data",
    help="Folder with the data sets.",
)
scale: Decorator = click.option(
    "--scale",
    type=click.Choice(SCALES),
    default="quick",
    show_default=True,
    help="quick: small enough for two CPU cores; paper: the paper's own settings, for GPUs.",
)
detach: Decorator = click.option("--detach", is_flag=True, help="Return at once; the engine works on.")
plain: Decorator = click.option("--plain", is_flag=True, help="Lines instead of a live display.")
PLACES = "local, slurm, ray://HOST:PORT, a name of the project's project.toml, or some with commas"
on: Decorator = click.option(
    "--on",
    default=LOCAL,
    show_default=True,
    metavar="PLACE",
    shell_complete=completion.places,
    help=f"Where runs may go: {PLACES}.",
)
on_instead: Decorator = click.option(
    "--on",
    metavar="PLACE",
    shell_complete=completion.places,
    help=f"Where it may go: {PLACES}.  [default: where the run may]",
)


def width() -> int | None:
    """Cells of a line on standard output; None where it is no terminal, which has room for everything."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
