"""What somebody who helps from afar wants to know: versions, engine, terminal and sizes, as plain lines."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from explorer.project.open_project import OpenProject
from explorer.project.places import device_lines
from explorer.results import text

PACKAGES = ("mia-explore", "textual", "plotext", "rich", "msgspec", "duckdb", "torch", "torchvision", "auto-LiRPA")


def report(project: OpenProject, screen: str, settings: Path) -> str:
    """All of it; names of files, nothing from the environment but what concerns the terminal.

    screen: size and looks of the app. settings: the file they may be set in.
    """
    groups = {
        "versions": _versions(),
        "engine": _engine(project),
        "terminal": _terminal(screen, settings),
        "sizes": _sizes(project),
    }
    lines = [f"{name:9s} {line}" for name, found in groups.items() for line in found]
    return "\n".join(lines) + "\n"


def _versions() -> Iterator[str]:
    yield f"python {platform.python_version()} on {platform.platform()}"
    yield ", ".join(f"{name} {release(name)}" for name in PACKAGES)


def release(package: str) -> str:
    """The release that is installed, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _engine(project: OpenProject) -> Iterator[str]:
    yield f"project {project.paths.root}{', read-only' if project.read_only else ''}"
    yield f"link {project.link}{': ' + project.trouble if project.trouble else ''}"
    if (status := project.status) is None:
        return
    held = "paused" if status.paused else status.hold or "starting runs"
    versions = ", ".join(f"{name} {version}" for name, version in status.versions.items())
    yield f"pid {status.pid} on {status.host}, {held}, {len(status.running)} running, {status.queued} queued"
    yield versions
    yield from (line for _, line in device_lines(status))
    yield f"disk {text.size(status.disk_free)} free"


def _terminal(screen: str, settings: Path) -> Iterator[str]:
    around = [name for name in ("TMUX", "STY", "SSH_CONNECTION") if os.environ.get(name)]
    yield screen
    said = {name: os.environ.get(name) for name in ("TERM", "COLORTERM", "TERM_PROGRAM", "LANG", "LC_ALL", "NO_COLOR")}
    yield ", ".join(f"{name}={value}" for name, value in said.items() if value) or "no TERM"
    yield f"inside {', '.join(around) or 'nothing'}; encoding {sys.__stdout__.encoding if sys.__stdout__ else 'none'}"
    yield f"settings {settings}{'' if settings.exists() else ' (not there)'}"


def _sizes(project: OpenProject) -> Iterator[str]:
    states = Counter(run.state for run in project.runs.values())
    yield f"{len(project.runs)} runs: {', '.join(f'{count} {state}' for state, count in states.items()) or 'none'}"
    files = {"database": project.paths.database, "engine's log": project.paths.log}
    yield ", ".join(f"{name} {text.size(path.stat().st_size)}" for name, path in files.items() if path.exists()) or "-"
