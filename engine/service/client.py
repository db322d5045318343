"""Clients of an engine: `Client` on an event loop, `SyncClient` in a script; neither imports torch, duckdb or numpy."""

import asyncio
import contextlib
import itertools
import os
import select
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator

from engine.service import frames
from engine.service.frames import FrameError
from engine.service.project import Project, hostname, suspended, user_name
from engine.service.protocol import AnyAnswer, AnyMessage, Command, Failure, Push, Reply

LOOK_SECONDS = 1.0
"""Whoever waits for an engine looks this often whether it is stopped."""
MISSABLE = 1000
"""Pushes kept for a reader that is behind; beyond them the oldest are forgotten."""


class EngineUnreachable(RuntimeError):  # noqa: N818 - named for what the person sees
    """No engine answers for this project; the message is one line."""


class EngineSuspended(EngineUnreachable):
    """The project's engine is there but stopped by a signal; the message says how to let it go on."""


class EngineForeign(EngineUnreachable):
    """Another user's engine is at work on the project; the message says whose."""


class EngineRefused(RuntimeError):  # noqa: N818 - named for what the person sees
    """The engine, or its start, refused what was asked; the message is one line."""


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


def require_ours(connection: socket.socket, project: Project) -> None:
    """`EngineForeign` where the other end is a process of another user."""
    if (uid := frames.peer_uid(connection)) != os.geteuid():
        raise EngineForeign(f"{project.root}: its engine is {user_name(uid)}'s: {project.holder()}")


def no_answer(project: Project, error: OSError) -> EngineUnreachable:
    """Why nobody could be reached at the engine's socket."""
    if isinstance(error, PermissionError):
        owner = user_name(os.stat(project.lock).st_uid)
        return EngineForeign(f"{project.root}: its engine is {owner}'s: {project.holder()}")
    return EngineUnreachable(f"{project.root}: no engine answers here")


def answer_of(message: Reply | Failure) -> AnyAnswer:
    """A reply's content; EngineRefused for a failure."""
    if isinstance(message, Failure):
        raise EngineRefused(message.message)
    return message.answer


def framed(number: int, command: Command) -> bytes:
    """The command's frame; EngineRefused if it is too long to be sent."""
    try:
        return frames.request(number, command)
    except FrameError as error:
        raise EngineRefused(str(error)) from None


class SyncClient:
    """One blocking connection. Use it as a context manager."""

    def __init__(self, project: Project, timeout: float | None = None):
        """Connect, waiting at most `timeout` seconds for it and for each message; EngineUnreachable if none answers."""
        self._project = project
        self._numbers = itertools.count(1)
        self._pushes: deque[Push] = deque(maxlen=MISSABLE)
        path = socket_of(project)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(path)
            require_ours(self._socket, project)
        except (OSError, EngineUnreachable) as error:
            self._socket.close()
            raise no_answer(project, error) if isinstance(error, OSError) else error from None
        self._timeout = timeout
        self._ready = select.poll()
        self._ready.register(self._socket, select.POLLIN)

    def __enter__(self) -> "SyncClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave; the engine goes on."""
        self._socket.close()

    def call(self, command: Command) -> AnyAnswer:
        """The engine's answer to a command, of the type its docstring names; EngineRefused, EngineUnreachable."""
        number = next(self._numbers)
        frame = framed(number, command)
        try:
            self._socket.sendall(frame)
        except OSError as error:
            raise self._lost(error) from None
        while True:
            message = self._receive()
            if isinstance(message, Push):
                self._pushes.append(message)
            elif message.number == number:
                return answer_of(message)

    def pushes(self) -> Iterator[Push]:
        """What the engine tells from now on, waiting for it; call `Subscribe` before. Ends when the engine does.

        `EngineSuspended` where it is stopped meanwhile.
        """
        self._timeout = None
        while True:
            while self._pushes:
                yield self._pushes.popleft()
            try:
                message = self._receive()
            except EngineSuspended:
                raise
            except EngineUnreachable:
                return
            if isinstance(message, Push):
                self._pushes.append(message)

    def _receive(self) -> AnyMessage:
        try:
            size = frames.body_size(self._exactly(frames.HEADER_SIZE))
            return frames.read_message(self._exactly(size))
        except TimeoutError:
            raise EngineUnreachable(f"{self._project.root}: the engine does not answer in time") from None
        except (OSError, FrameError) as error:
            raise self._lost(error) from None

    def _exactly(self, size: int) -> bytes:
        body = bytearray()
        while len(body) < size:
            piece = self._next(min(size - len(body), 2**20))
            if not piece:
                raise ConnectionResetError("connection closed")
            body += piece
        return bytes(body)

    def _next(self, size: int) -> bytes:
        """What comes next, at most `size` bytes; every `LOOK_SECONDS` without any the engine is looked at."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, max(0.0, deadline - time.monotonic()))
            if self._ready.poll(1000 * left):
                return self._socket.recv(size)
            require_awake(self._project)
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError

    def _lost(self, error: Exception) -> EngineUnreachable:
        return EngineUnreachable(f"{self._project.root}: the engine is gone ({error})")


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
        frame = framed(number, command)
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
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, socket_of(self._project))
            require_ours(connection, self._project)
        except (OSError, EngineUnreachable) as error:
            connection.close()
            raise no_answer(self._project, error) if isinstance(error, OSError) else error from None
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
        try:
            call.set_result(answer_of(message))
        except EngineRefused as error:
            call.set_exception(error)

    def _lost(self) -> EngineUnreachable:
        who = "the engine" if self._reader is None else "the process that reads the results"
        return EngineUnreachable(f"{self._project.root}: {who} is gone")
