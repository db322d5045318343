"""The terminal under the app: left to the shell for a while, missed when it goes away, and how to come back in it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.service.project import Project
from engine.text import printable

LOOK_SECONDS = 2.0
"""How often the terminal is looked for."""
GRACE_SECONDS = 5.0
"""How long an app that was told of its terminal's end may take to put its things away."""


def gone() -> bool:
    """Whether standard input is no terminal (any more)."""
    return not os.isatty(sys.__stdin__.fileno())


def leave_to_shell() -> None:
    """Stop until the shell says `fg`, together with what this was started by (`uv run`); after `bg`, stop again.

    A terminal that went away meanwhile lets go on too: there is nothing left to wait for.
    """
    while True:
        os.killpg(0, signal.SIGSTOP)
        if gone() or os.tcgetpgrp(sys.__stdin__.fileno()) == os.getpgrp():
            return


@contextmanager
def lent() -> Iterator[None]:
    """While another program has the terminal, control-Z in it stops this one with it, as the system does."""
    before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


@contextmanager
def drawn_on() -> Iterator[None]:
    """Let Textual, which draws on standard error, draw on standard output where only that is the terminal."""
    before = sys.__stderr__
    if before is None or not before.isatty():
        sys.__stderr__ = sys.__stdout__
    try:
        yield
    finally:
        sys.__stderr__ = before


def end_without() -> None:
    """See to it that this process does not outlive its terminal: SIGHUP first, and what does not heed it is ended.

    Needed beside the system's own SIGHUP, which may be ignored (nohup) or come to a main thread that waits for good:
    Textual's writer dies with the terminal, and whoever writes to it then waits for room in its queue.
    """
    if not gone():
        threading.Thread(target=_mind, name="terminal", daemon=True).start()


def _mind() -> None:
    while not gone():
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(GRACE_SECONDS)
    os._exit(128 + signal.SIGHUP)


def come_back(project: Project, read_only: bool = False) -> str:
    """The command that opens the app again."""
    folder = "" if project.root == Path("mia-results").resolve() else f" --project {printable(str(project.root))}"
    return f"mia-explore{folder}{' --read-only' if read_only else ''}"
