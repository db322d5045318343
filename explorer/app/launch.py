"""From the command line into the app and back out: exit codes, the crash report, how to come back."""

import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.printing import within
from engine.run_states import WAITING
from engine.service.project import Project
from engine.text import printable
from explorer.app import terminal
from explorer.results.ascii_text import speaks_unicode

if TYPE_CHECKING:
    from explorer.app.app import ExploreApp

UNUSABLE, CRASHED = 2, 70
"""Exit codes: a terminal that cannot show the app, and a bug of the app itself."""
HOPELESS = ("", "dumb", "unknown")
"""Terminals that cannot move their cursor."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How the app is opened."""

    project: Project
    read_only: bool = False
    ascii: bool = False
    theme: str = ""
    """Empty: as `config.toml` says."""
    begin: str = ""
    """An action to carry out once the project is open."""


def terminal_problem() -> str:
    """Why this terminal cannot show the app, in one line; empty where it can."""
    name = os.environ.get("TERM", "")
    if name not in HOPELESS:
        return ""
    return f"TERM={name or '(not set)'} cannot show the app; set TERM=xterm-256color, or see mia-explore --help"


def open_app(wanted: Launch) -> int:
    """Run the app until it is left, on one project after another; the exit code."""
    if problem := terminal_problem():
        print(f"error: {problem}", file=sys.stderr)
        return UNUSABLE
    terminal.end_without()
    while True:
        with _skeleton(wanted.project):
            app = _app(wanted)
        with terminal.drawn_on():
            code = app.run()
        if not isinstance(code, Project):
            break
        wanted = replace(wanted, project=code, begin="")
    back = terminal.come_back(wanted.project, wanted.read_only)
    if app.crash is not None:
        said = f"mia-explore: a bug in the app: {_report(app.crash)}\nThe engine goes on. Back in: {back}"
        print(said, file=sys.stderr)
        return CRASHED
    if app.project.tracker.count(*WAITING) and not code:
        at_work = app.project.link == "engine" and not app.engine_stopped
        said = "The engine goes on" if at_work else "The work waits for the next engine"
        print(f"{said}. Back in: {back}", file=sys.stderr)
    return code or 0


def screenshot(wanted: Launch, size: tuple[int, int], keys: Sequence[str]) -> str:
    """The app's screen in so many columns and rows as SVG, after such keys."""
    from explorer.app.screenshot import take
    from explorer.app.settings import AppSettings

    return take(wanted.project, size, AppSettings(theme=wanted.theme, ascii=wanted.ascii), keys)


def _app(wanted: Launch) -> "ExploreApp":
    from explorer.app import settings
    from explorer.app.app import ExploreApp

    sys.path.insert(0, str(Path.cwd()))  # where a network of one's own may lie
    chosen, complaints = settings.load()
    ascii = chosen.ascii or wanted.ascii or not speaks_unicode()
    chosen = replace(chosen, ascii=ascii, theme=wanted.theme or chosen.theme)
    app = ExploreApp(wanted.project, chosen, wanted.read_only, wanted.begin)
    for line in complaints:
        app.project.note(line, "warn")
    return app


@contextmanager
def _skeleton(project: Project) -> Iterator[None]:
    """The app's first lines at once, for importing Textual takes longer than a person likes to wait in the dark."""
    screen = within(sys.stdout)
    screen.write(f"\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H mia-explore  {printable(project.root.name)}\r\n opening …")
    screen.flush()
    try:
        yield
    except BaseException:
        screen.write("\x1b[?25h\x1b[?1049l")
        screen.flush()
        raise


def _report(error: BaseException) -> str:
    """Write the crash report and say where it is; what happened comes first."""
    from explorer.project.choices import state_folder

    said = f"{type(error).__name__}: {error}"
    path = state_folder() / time.strftime("crash-%Y%m%d-%H%M%S.txt")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)))
    except OSError:
        return f"{said}\n{''.join(traceback.format_exception(error))}"
    return f"{said}\nReport: {path}"
