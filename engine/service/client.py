"""Clients of an engine: `Client` on an event loop, `SyncClient` in a script; neither imports torch, duckdb or numpy."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import TypeVar

from engine.service import frames
from engine.service.frames import FrameError
from engine.service.project import Project, hostname, suspended, user_name
from engine.service.protocol import AnyAnswer, AnyMessage, Command, Failure, Push

LOOK_SECONDS = 1.0
"""Whoever waits for an engine looks this often whether it is stopped."""
MISSABLE = 1000
"""Pushes kept for a reader that is behind; beyond them the oldest are forgotten."""

T = TypeVar("T")


class EngineUnreachable(RuntimeError):  # noqa: N818 - named for what the person sees
    """No engine answers for this project; the message is one line."""


class EngineSuspended(EngineUnreachable):
    """The project's engine is there but stopped by a signal; the message says how to let it go on."""


class EngineForeign(EngineUnreachable):
    """Another user's engine is at work on the project; the message says whose."""


class EngineRefused(RuntimeError):  # noqa: N818 - named for what the person sees
    """The engine refused what was asked; the message is one line."""


def socket_of(project: Project) -> str:
    """Where the project's engine listens; EngineUnreachable if there is none on this host."""
    if owner := project.foreign:
        raise EngineUnreachable(f"{project.root}: belongs to {owner}, who alone may look into it")
    holder = project.holder()
    if holder is None:
        raise EngineUnreachable(f"{project.root}: no engine runs here")
    if holder.host != hostname():
        raise EngineUnreachable(f"{project.root}: its engine runs on another machine: {holder}")
    if holder.socket and os.path.basename(holder.socket) != project.socket_name:
        raise EngineUnreachable(f"{project.root}: no engine runs here; its lock is of another folder (copied or moved)")
    if not project.held:
        raise EngineUnreachable(f"{project.root}: no engine runs here; the last one, {holder}, was killed")
    require_awake(project)
    if not holder.socket:
        raise EngineUnreachable(f"{project.root}: its engine is only just starting")
    return holder.socket


def require_awake(project: Project) -> None:
    """`EngineSuspended` where the project's engine is stopped: it takes connections, but will not answer."""
    holder = project.holder()
    if holder is not None and holder.host == hostname() and suspended(holder.pid):
        say = f"its engine, pid {holder.pid}, is suspended; `kill -CONT {holder.pid}` lets it go on"
        raise EngineSuspended(f"{project.root}: {say}")


class Client:
    """One connection on an event loop, for many calls at once. Use it as an asynchronous context manager."""

    def __init__(self, project: Project, reader: socket.socket | None = None):
        """`reader`: a socket at whose other end a process reads the project's results, in place of the engine's."""
        self._project = project
        self._reader = reader
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[AnyAnswer]] = {}
        self._pushes: deque[Push] = deque(maxlen=MISSABLE)
        self._news = asyncio.Event()
        self._listener: asyncio.Task | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Client":
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect to the project's engine unless connected; EngineUnreachable if there is none."""
        if self.connected:
            return
        connection = self._reader or await self._reach_engine()
        stream, self._writer = await asyncio.open_unix_connection(sock=connection)
        self._listener = asyncio.create_task(self._listen(stream))

    @property
    def connected(self) -> bool:
        """Whether the engine is still at the other end."""
        return self._listener is not None and not self._listener.done()

    async def close(self) -> None:
        """Leave; the engine goes on."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def call(self, command: Command) -> AnyAnswer:
        """The engine's answer to a command, of the type its docstring names; EngineRefused, EngineUnreachable."""
        number = next(self._numbers)
        try:
            frame = frames.request(number, command)
        except FrameError as error:
            raise EngineRefused(str(error)) from None
        if not self.connected:
            raise self._lost()
        self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(frame)
            return await self._calls[number]
        finally:
            del self._calls[number]

    async def pushes(self) -> AsyncIterator[Push]:
        """What the engine tells from now on; call `Subscribe` before. Ends when the connection does.

        A reader more than `MISSABLE` behind loses the oldest; ask again with `GetStatus` and `Query`.
        """
        while self._pushes or self.connected:
            while self._pushes:
                yield self._pushes.popleft()
            if self.connected:
                self._news.clear()
                await self._news.wait()

    async def _reach_engine(self) -> socket.socket:
        project, path = self._project, socket_of(self._project)
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, path)
            owner = frames.peer_uid(connection)
        except PermissionError:
            owner = os.stat(project.lock).st_uid
        except OSError:
            connection.close()
            raise EngineUnreachable(f"{project.root}: no engine answers here") from None
        if owner != os.geteuid():
            connection.close()
            raise EngineForeign(f"{project.root}: its engine is {user_name(owner)}'s: {project.holder()}")
        return connection

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        try:
            while True:
                size = frames.body_size(await stream.readexactly(frames.HEADER_SIZE))
                self._take(frames.read_message(await stream.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError, FrameError):
            pass
        finally:
            for call in self._calls.values():
                if not call.done():
                    call.set_exception(self._lost())
            self._news.set()

    def _take(self, message: AnyMessage) -> None:
        if isinstance(message, Push):
            self._pushes.append(message)
            self._news.set()
            return
        call = self._calls.get(message.number)
        if call is None or call.done():
            return
        if isinstance(message, Failure):
            call.set_exception(EngineRefused(message.message))
        else:
            call.set_result(message.answer)

    def _lost(self) -> EngineUnreachable:
        who = "the engine" if self._reader is None else "the process that reads the results"
        return EngineUnreachable(f"{self._project.root}: {who} is gone")


class SyncClient:
    """A `Client` for a script: whoever asks waits for the answer. Use it as a context manager."""

    def __init__(self, project: Project, timeout: float | None = None):
        """Connect, waiting at most `timeout` seconds for it and for each answer; EngineUnreachable if none comes."""
        self._project, self._timeout = project, timeout
        self._runner = asyncio.Runner()
        self._client = Client(project)
        try:
            self._wait_for(self._client.connect())
        except BaseException:
            self._runner.close()
            raise

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave; the engine goes on."""
        with self._runner:
            self._runner.run(self._client.close())

    def call(self, command: Command) -> AnyAnswer:
        """As `Client.call`; `EngineSuspended` where the engine is stopped meanwhile."""
        return self._wait_for(self._client.call(command))

    def pushes(self) -> Iterator[Push]:
        """As `Client.pushes`, waiting without end for each; `EngineSuspended` where the engine is stopped meanwhile."""
        self._timeout = None
        coming = self._client.pushes()
        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield self._wait_for(anext(coming))

    def _wait_for(self, asked: Awaitable[T]) -> T:
        return self._runner.run(self._looking(asked))

    async def _looking(self, asked: Awaitable[T]) -> T:
        """What is asked for; the engine is looked at every `LOOK_SECONDS`."""
        task = asyncio.ensure_future(asked)
        try:
            async with asyncio.timeout(self._timeout):
                while not task.done():
                    await asyncio.wait([task], timeout=LOOK_SECONDS)
                    if not task.done():
                        require_awake(self._project)
        except TimeoutError:
            raise EngineUnreachable(f"{self._project.root}: the engine does not answer in time") from None
        finally:
            task.cancel()
        return task.result()
