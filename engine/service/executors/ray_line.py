"""The line to a Ray cluster: a process of its own that speaks to it, for Ray prints, takes signals and may end one.

It is the only one with Ray in it, and ends with the engine; whatever was asked of it can be asked again.
"""

import contextlib
import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from typing import Any

from engine.service.executors import ClusterBusyError
from engine.service.launch import import_path
from engine.service.places import RayPlace
from engine.validation import SpecError

ANSWERS = "engine.service.executors.ray_answers"
PATIENCE = 90.0
"""Seconds that an answer may take; the first one has a connection and a process on a node to wait for."""
REACH_SECONDS = 3.0
LEAVE_SECONDS = 5.0


@dataclass(frozen=True)
class Told:
    """What the project has of a job."""

    folder: str
    """Its handover."""
    log: str
    """Where people read what its process prints."""
    files: int
    """How many of the files that it brought are here."""


class RayLine:
    """The engine's end; for any thread, one call after another."""

    def __init__(self) -> None:
        self.desk = f"mia-explore {secrets.token_hex(8)}"
        """The name of ours in the cluster; others have another."""
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def ask(self, place: RayPlace, question: str, *arguments: object) -> Any:
        """What a function of `RayCluster` returns; `SpecError` or `ClusterBusyError` in one line."""
        with self._turn:
            try:
                if self._process is None:
                    self._start(place)
                self._pipe.send((question, arguments))
                if not self._pipe.poll(PATIENCE):
                    raise ClusterBusyError(f"no answer from {place.address} within {PATIENCE:g} s")
                answer, error = self._pipe.recv()
            except (OSError, EOFError):
                error = ClusterBusyError(f"the connection to {place.address} broke")
            except ClusterBusyError as late:
                error = late
            if isinstance(error, ClusterBusyError):
                self._end()
            if error is not None:
                raise error
            return answer

    def close(self) -> None:
        """End the process, after it has cleared away what has nothing more to do in the cluster."""
        with self._turn:
            if self._process is not None:
                with contextlib.suppress(OSError, EOFError):
                    self._pipe.send(("leave", ()))
                    if self._pipe.poll(LEAVE_SECONDS):
                        self._pipe.recv()
                self._end()

    def _start(self, place: RayPlace) -> None:
        self._pipe, theirs = Pipe()
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": import_path(), "RAY_DEDUP_LOGS": "0"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", ANSWERS, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=os.environ | quiet,
            )
        finally:
            theirs.close()
        self._pipe.send((place, self.desk))

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._pipe.close()
        self._process = None


def require_installed(place: RayPlace) -> None:
    """`SpecError` where this machine has no Ray, or nobody listens at the address; found without Ray itself."""
    if importlib.util.find_spec("ray") is None:
        raise SpecError("Ray is not installed here: pip install 'mia-explore[ray]'")
    host, _, port = place.address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise SpecError(f"{host}:{port}: {getattr(error, 'strerror', '') or error}") from None
