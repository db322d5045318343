"""The files of a project and of its runs: written whole or not at all, and never through a link to somewhere else."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.validation import SpecError


class LinkError(SpecError):
    """A link where a file of our own should be."""


def refuse_links(paths: Iterable[Path]) -> None:
    """`LinkError` for the first of these that is a link: what it points to is not ours to write to or to lock."""
    for path in paths:
        if path.is_symlink():
            raise LinkError(f"{path}: is a link to {os.readlink(path)}; files of a project are never links: remove it")


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name, in place of what was there, once it is complete and on the disk."""
    temporary = path.with_name(f"{path.name}.partial")
    temporary.unlink(missing_ok=True)  # left by a process that was killed, or a link
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
