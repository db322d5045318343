"""The engine's side of the socket: connections of this user only, their requests, and what is pushed to them."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from engine.service import frames, protocol
from engine.service.frames import FrameError
from engine.text import one_line, shown

PROGRESS_SECONDS = 0.5
"""Progress of a run is pushed at most this often."""
AT_ONCE = 16
"""Requests of one connection that are worked on at the same time; further ones wait in the socket."""
PROGRESS_BACKLOG = 64 * 2**10
"""Unsent bytes beyond which a slow subscriber gets no progress."""
BACKLOG = 2 * frames.FRAME_LIMIT
"""Unsent bytes beyond which a slow subscriber is dropped; it will ask again."""
CLOSE_SECONDS = 1.0
"""What a client that does not read gets to take its last answers."""

SHORT_SECONDS = 1.0
"""Pause before one more connection is tried to be taken where there was no room for it."""

log = logging.getLogger(__name__)


class Refusal(RuntimeError):  # noqa: N818 - an answer to a request, not a failure of the engine
    """Why a command is not carried out, in one line made for a person."""

    def __init__(self, message: str):
        """Whatever the message quotes, it is one printable line."""
        super().__init__(one_line(message))


def absolute(path: str) -> Path:
    """The path, refused if it is relative: the engine's own folder means nothing to a client."""
    if "\0" in path:
        raise Refusal(f"{shown(path)}: no path has a zero byte in it")
    if not Path(path).is_absolute():
        raise Refusal(f"{path}: must be an absolute path")
    return Path(path)


Handler = Callable[[protocol.AnyCommand], Awaitable[protocol.AnyAnswer]]


class Server:
    """Listens on a Unix socket, hands commands to `handle` and pushes to subscribers."""

    def __init__(self, handle: Handler):
        """`handle` answers a command, or raises `Refusal`."""
        self._handle = handle
        self._sessions: set[ClientConnection] = set()
        self._listener: asyncio.Task | None = None
        self._connections: set[asyncio.Task] = set()
        self._path: Path | None = None
        self._inode = 0
        self._progress: dict[str, protocol.RunProgress] = {}
        self._progress_timer: asyncio.TimerHandle | None = None
        self._refused: set[int] = set()

    @property
    def clients(self) -> int:
        """Open connections."""
        return len(self._sessions)

    async def listen(self, path: Path) -> None:
        """Take connections at this path from now on; whatever lay there is replaced, for only we may listen there."""
        self.deaf()
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o600)
        self._path, self._inode = path, path.stat().st_ino
        listener.listen()
        listener.setblocking(False)
        self._listener = asyncio.create_task(self._accept(listener))

    def reachable(self) -> bool:
        """Whether the socket is still there; a login manager removes its owner's folder when the last session ends."""
        try:
            return self._path is not None and self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def deaf(self) -> None:
        """Take no more connections; those that are open stay."""
        if self._listener is not None:
            self._listener.cancel()
            if self.reachable():
                self._path.unlink(missing_ok=True)
        self._listener = None

    async def close(self) -> None:
        """Take no more connections and close those that are open."""
        self.deaf()
        if self._progress_timer is not None:
            self._progress_timer.cancel()
        for session in list(self._sessions):
            await session.close()

    def push(self, message: protocol.Push) -> None:
        """Tell all subscribers; how far a run was before its state changed is no news after that."""
        if isinstance(message, protocol.StateChange | protocol.AttacksChange):
            self._progress.pop(message.run_id, None)
        frame = frames.frame(message)
        for session in list(self._sessions):
            session.push(frame, BACKLOG)

    def progress(self, message: protocol.RunProgress) -> None:
        """Tell all subscribers soon how far a run is; of several in `PROGRESS_SECONDS`, the last."""
        self._progress[message.run_id] = message
        if self._progress_timer is None:
            loop = asyncio.get_running_loop()
            self._progress_timer = loop.call_later(PROGRESS_SECONDS, self._push_progress)

    def _push_progress(self) -> None:
        self._progress_timer = None
        together = b"".join(map(frames.frame, self._progress.values()))
        self._progress.clear()
        for session in list(self._sessions):
            session.push(together, PROGRESS_BACKLOG, droppable=True)

    async def _accept(self, listener: socket.socket) -> None:
        """Take connections one after another; without room for one they wait, which is said once.

        asyncio's own server tells every failed attempt with a traceback, a hundred in a row.
        """
        loop, short = asyncio.get_running_loop(), False
        with listener:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError as error:
                    if not short:
                        log.warning("no new connections for now: %s", error.strerror)
                    short = True
                    await asyncio.sleep(SHORT_SECONDS)
                    continue
                if short:
                    log.info("connections are taken again")
                short = False
                task = asyncio.create_task(self._connected(connection))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)

    async def _connected(self, connection: socket.socket) -> None:
        try:
            session = ClientConnection(*await asyncio.open_unix_connection(sock=connection), self._handle)
        except OSError as error:
            log.warning("a connection broke: %s", error)
            connection.close()
            return
        self._sessions.add(session)
        try:
            uid = frames.peer_uid(connection)
            if uid == os.geteuid():
                await session.serve()
            else:
                self._refused_user(uid)
        except OSError as error:
            log.warning("a connection broke: %s", error)
        finally:
            self._sessions.discard(session)
            await session.close()

    def _refused_user(self, uid: int) -> None:
        """Say so once: whoever keeps trying shall not fill the log."""
        if uid not in self._refused:
            self._refused.add(uid)
            log.warning("refused a connection of user %d; further ones are not told", uid)


class ClientConnection:
    """One client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler):
        self._reader, self._writer, self._handle = reader, writer, handle
        self._subscribed = False
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task] = set()

    async def serve(self) -> None:
        """Answer requests until the client leaves or sends something that is none."""
        try:
            while True:
                await self._free.acquire()
                size = frames.body_size(await self._reader.readexactly(frames.HEADER_SIZE))
                request = frames.read_request(await self._reader.readexactly(size))
                task = asyncio.create_task(self._answer(request))
                self._tasks.add(task)
                task.add_done_callback(self._answered)
        except (asyncio.IncompleteReadError, OSError):
            pass
        except FrameError as error:
            log.warning("closed a connection that sent %s", error)

    def push(self, frame: bytes, backlog: int, *, droppable: bool = False) -> None:
        """Send a frame to a subscriber unless it reads too slowly; then drop the frame or else the client."""
        if not self._subscribed or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() <= backlog:
            self._writer.write(frame)
        elif not droppable:
            log.warning("dropped a client that does not read")
            self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection; commands under way go on without their client."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    def _answered(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        self._free.release()

    async def _answer(self, request: protocol.Request) -> None:
        try:
            answer = await self._command(request)
            frame = frames.frame(protocol.Reply(request.number, answer))
        except (Refusal, FrameError) as error:
            frame = frames.frame(protocol.Failure(request.number, str(error)))
        except Exception as error:
            log.exception("a command failed")
            message = f"the engine failed at this: {type(error).__name__}: {error} (its log has more)"
            frame = frames.frame(protocol.Failure(request.number, one_line(message)))
        with contextlib.suppress(OSError):
            self._writer.write(frame)
            await self._writer.drain()

    async def _command(self, request: protocol.Request) -> protocol.AnyAnswer:
        command = frames.read_command(request.command)
        if isinstance(command, protocol.Subscribe):
            self._subscribed = True
            return protocol.Done()
        return await self._handle(command)
