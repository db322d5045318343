"""`python -m engine.service.reader --project DIR`: the results of a project without an engine, for one client.

It speaks the engine's protocol over a connected socket, its standard input, starts no work and ends with the socket.
"""

import argparse
import asyncio
import fcntl
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TypeVar

from engine.service import protocol
from engine.service.project import Project
from engine.service.protocol import AnyAnswer, AnyCommand
from engine.service.server import ClientConnection, Refusal, absolute
from store.errors import StoreBusy, StoreError
from store.export import export
from store.store import Reader, Store

NO_SOCKET = 2
"""Exit code where standard input is not a connected socket."""

T = TypeVar("T")


def main() -> int:
    """Answer until the client leaves."""
    parser = argparse.ArgumentParser(prog="python -m engine.service.reader", description=__doc__, allow_abbrev=False)
    parser.add_argument("--project", required=True, help="the project's folder")
    project = Project.at(parser.parse_args().project)
    try:
        connection = socket.socket(fileno=0)
        connection.getpeername()
    except OSError:
        print("standard input must be a connected socket", file=sys.stderr)
        return NO_SOCKET
    # Ctrl+C in a terminal reaches the whole group; the client's end is what ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(project, connection))
    return 0


async def serve(project: Project, connection: socket.socket) -> None:
    """Answer the client at the other end until it leaves; what it asked before is brought to an end."""
    results = Results(project)
    session = ClientConnection(*await asyncio.open_unix_connection(sock=connection), results.handle)
    await session.serve()
    await session.close()
    await results.idle.wait()


def answer(reader: Reader, command: protocol.Query | protocol.Export) -> protocol.Rows | protocol.Count:
    """The answer of the database; `StoreError`, or `Refusal` of a relative path."""
    if isinstance(command, protocol.Query):
        table = reader.query(command.name, **command.params)
        return protocol.Rows(columns=list(table.columns), rows=table.rows)
    path = absolute(command.path)
    return protocol.Count(rows=export(reader, command.table, command.format, path, **command.filters))


class Results:
    """Answers from the database, whose file is held only while questions wait: an engine that starts must get it."""

    def __init__(self, project: Project):
        self.idle = asyncio.Event()
        """Set while no question waits."""
        self.idle.set()
        self._project = project
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._store: Store | None = None
        self._held = ExitStack()

    async def handle(self, command: AnyCommand) -> AnyAnswer:
        """The answer to a query or an export; `Refusal` in one line of every other command."""
        try:
            if isinstance(command, (protocol.Query, protocol.Export)):
                return await self._ask(lambda store: answer(store, command))
        except StoreError as error:
            raise Refusal(str(error)) from None
        except OSError as error:
            raise Refusal(f"{error.filename or 'the file'}: {error.strerror or error}") from None
        raise Refusal("read-only: no engine runs here")

    async def _ask(self, question: Callable[[Store], T]) -> T:
        """What `question` returns, called in a thread; the last of those that wait closes the file."""
        self._waiting += 1
        self.idle.clear()
        try:
            async with self._turn:
                return await asyncio.to_thread(self._answer, question)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._store = None
                self._held.close()
                self.idle.set()

    def _answer(self, question: Callable[[Store], T]) -> T:
        if self._store is None:
            self._store = self._held.enter_context(opened(self._project))
        return question(self._store)


@contextmanager
def opened(project: Project) -> Iterator[Store]:
    """The project's database, read only; `StoreError` where there is none, `StoreBusy` where an engine has it."""
    if not project.database.exists():
        raise StoreError(f"{project.root} holds no results yet; `mia-explore demo` makes some")
    with without_engine(project), Store(project.database, read_only=True) as store:
        yield store


@contextmanager
def without_engine(project: Project) -> Iterator[None]:
    """Keep engines from starting; `StoreBusy` where one runs.

    An engine that starts meanwhile finds the project held, as if by an engine about to leave, so that whoever starts
    it tries again soon. Over a database file in use it would end for good.
    """
    with ExitStack() as held:
        with suppress(OSError):  # no engine ever ran in this copy of the folder, or none can: there are no locks here
            share(held.enter_context(open(project.lock, "rb")), project)
        yield


def share(lock: IO[bytes], project: Project) -> None:
    """Lock the project's lock file for reading; `StoreBusy` where an engine has locked it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        who = project.holder() or "it has not given its name yet"
        raise StoreBusy(f"{project.root}: an engine has the results: {who}") from None


if __name__ == "__main__":
    sys.exit(main())
