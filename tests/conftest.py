"""Fixtures shared by all tests."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import hypothesis
import pytest
from waiting import patience

# How long an example takes depends on what else the machine does; speed belongs to the benchmarks.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

os.environ.setdefault("NO_COLOR", "1")
# Small networks gain nothing from a second thread, and tests that start processes lose by it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"

ADOPT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Makes the terminal at its standard input the controlling one, then becomes the command."""
ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=$]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9])")


LONGEST = ("test_survival.py", "test_cli.py", "test_terminal.py", "test_play.py")
"""Files whose tests wait for whole programs. They begin first, so that in the end no core is left alone with them."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the repository; users do not have it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared real data is not beside the repository")
    return SHARED


class Terminal:
    """A pseudo-terminal with the app in it."""

    def __init__(self, *command, home, size=(120, 40)):
        self.end, theirs = os.openpty()
        columns, rows = size
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MIA_") and key != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ADOPT, *map(str, command)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=kept
            | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
            | {"XDG_STATE_HOME": str(home / "state"), "XDG_CONFIG_HOME": str(home / "config")},
        )
        os.close(theirs)
        self.output = b""

    def wait_for(self, text, seconds=60.0):
        """Until the text was painted after what was read before."""
        start, deadline = len(self.output), time.monotonic() + patience(seconds)
        while text.encode() not in ESCAPES.sub(b"", self.output[start:]):
            assert time.monotonic() < deadline, f"{text!r} does not appear"
            assert self.read(), f"{text!r} does not appear, the app has ended: {ESCAPES.sub(b'', self.output[-600:])}"

    def read(self):
        """Take in what is painted; False once the app is gone."""
        if not select.select([self.end], [], [], 0.2)[0]:
            return self.process.poll() is None
        try:
            piece = os.read(self.end, 65536)
        except OSError:
            return False
        self.output += piece
        return bool(piece)

    def read_now(self, seconds=0.0):
        """Take in what is there, waiting so long for it at most; how many bytes that were."""
        before = len(self.output)
        if select.select([self.end], [], [], seconds)[0]:
            self.output += os.read(self.end, 65536)
        return len(self.output) - before

    def press(self, keys):
        os.write(self.end, keys.encode())

    def code(self, seconds=20.0):
        """The exit code, with everything painted until then."""
        deadline = time.monotonic() + patience(seconds)
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the app does not end"
            self.read()
        while self.read():
            pass
        return self.process.returncode

    @property
    def restored(self):
        """Whether the cursor, the main screen and the mouse are as they were."""
        pairs = ((b"[?1049h", b"[?1049l"), (b"[?25l", b"[?25h"), (b"[?1003h", b"[?1003l"))
        return all(self.output.rfind(off) > self.output.rfind(on) for on, off in pairs)


@pytest.fixture
def open_terminal(tmp_path):
    """A function opening a command in a terminal of its own; it is killed when the test ends."""
    opened = []

    def start(*command, size=(120, 40)):
        opened.append(Terminal(*command, home=tmp_path, size=size))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.process.kill()
        terminal.process.wait()
