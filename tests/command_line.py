"""The command line as a person calls it, in this process: where only its words and its exit code are asked for."""

import io
import os
import sys
from dataclasses import dataclass

import pytest

from explorer.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def call(folder, *arguments, check=0):
    """The answer of `mia-explore ARGUMENTS` in that folder, whose exit code has to be `check`."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdout", "stderr")}
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(folder)
        changed.setattr(sys, "path", sys.path.copy())
        changed.setattr(sys, "argv", ["mia-explore", *map(str, arguments)])
        for name in [key for key in os.environ if key.startswith("MIA_")]:
            changed.delenv(name)
        for name, stream in streams.items():
            changed.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            main.main()
    said = {name: stream.buffer.getvalue().decode() for name, stream in streams.items()}
    answer = Answer(end.value.code or 0, **said)
    assert answer.returncode == check, answer.stdout + answer.stderr
    return answer
