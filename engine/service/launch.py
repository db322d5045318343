"""Starting a project's engine as a process of its own, which outlives whoever started it."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

import engine
from engine.service.client import EngineForeign, EngineRefused, EngineUnreachable, SyncClient, require_awake
from engine.service.project import Project, hostname
from engine.service.protocol import GetStatus
from engine.service.settings import EngineSettings

BUSY_PATIENCE = 40.0
"""An engine that still stops its jobs holds the project for its `stop_grace`; once it has left a new one starts."""
START_PATIENCE = 60.0
"""Launch a database after a crash replays its log first."""
POLL_SECONDS = 0.02
BUSY_SECONDS = 0.2
"""Pause before trying again where another engine was found at work."""
BUSY = 3
"""Exit code of an engine that found another one at work."""


def ensure_engine(project: Project, settings: EngineSettings | None = None, patience: float = BUSY_PATIENCE) -> bool:
    """Start the project's engine unless one answers; returns once one does, and whether it was started here.

    Safe when several clients do it at once. `EngineUnreachable` says in one line why there is none: a folder that
    cannot be written, a damaged database, an engine on another machine or of another user, or one that has not
    answered for `patience` seconds.
    """
    with tempfile.TemporaryFile() as errors:
        return _ensure(project, settings or EngineSettings(), time.monotonic() + patience, errors)


def _ensure(project: Project, settings: EngineSettings, deadline: float, errors: IO[bytes]) -> bool:
    attempt: _Attempt | None = None
    while not answers(project):
        if attempt is None:
            attempt = _Attempt(project, settings, errors)
        code = attempt.exit_code()
        if code == BUSY:
            # Another client was faster and its engine will answer soon, or an old engine is about to leave.
            line, attempt = attempt.last_line(), None
            _require_reachable(project)
            if time.monotonic() > deadline:
                raise EngineUnreachable(line)
            time.sleep(BUSY_SECONDS)
        elif code is not None:
            raise EngineUnreachable(attempt.last_line() or f"the engine ended at once with code {code}")
        elif time.monotonic() > attempt.since + START_PATIENCE:
            raise EngineUnreachable(f"{project.root}: the engine was started but does not answer; see {project.log}")
        else:
            time.sleep(POLL_SECONDS)
    holder = project.holder()
    return attempt is not None and holder is not None and holder.pid == attempt.pid


def answers(project: Project) -> bool:
    """Whether an engine answers for this project.

    That it takes a connection is not enough: the kernel still does so for one that is being killed.
    `EngineForeign` where it is another user's, which never will.
    """
    try:
        with SyncClient(project, timeout=5.0) as client:
            client.call(GetStatus())
    except EngineForeign:
        raise
    except (EngineUnreachable, EngineRefused):
        return False
    return True


def _require_reachable(project: Project) -> None:
    """Give up at once on an engine that will not answer here: one that is stopped, or on another machine."""
    require_awake(project)
    holder = project.holder()
    if holder is not None and holder.host != hostname():
        raise EngineUnreachable(f"{project.root}: its engine runs on another machine: {holder}")


class _Attempt:
    """One engine's process, from its start to the moment it answers or gives up."""

    def __init__(self, project: Project, settings: EngineSettings, errors: IO[bytes]):
        self._errors = errors
        command = [sys.executable, "-P", "-m", "engine.service", f"--project={project.root}", *settings.to_arguments()]
        self.since = time.monotonic()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": import_path()},
        )
        # Somebody has to take note of its end some day, or it would stay in the process table.
        threading.Thread(target=self._process.wait, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        return self._process.returncode

    def last_line(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def import_path() -> str:
    """PYTHONPATH with which a process started in any folder imports the same packages as this one."""
    given = os.environ.get("PYTHONPATH", "")
    ours = Path(engine.__file__).parents[1]
    if ours.name in ("site-packages", "dist-packages"):
        return given
    return os.pathsep.join(dict.fromkeys([*filter(None, given.split(os.pathsep)), str(ours)]))
