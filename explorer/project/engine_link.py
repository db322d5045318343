"""The way to a project's engine: joined where one runs, a reader process in its place elsewhere, regained when lost.

Everything happens on one event loop.
"""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Literal

from engine.service import protocol
from engine.service.client import Client, EngineRefused, EngineUnreachable
from engine.service.launch import ensure_engine
from engine.service.project import Project, suspended
from explorer.project.engine_log import Level
from explorer.project.reader_process import open_reader

Link = Literal["opening", "empty", "engine", "files", "lost"]
"""`empty`: nothing was ever run here. `files`: results without an engine. `lost`: the engine went away under us."""

POLL_SECONDS = 1.0
"""How often a project without an engine is looked at for one."""
PARTING_LOOKS, PARTING_SECONDS = 60, 0.05
"""A stopping engine closes its socket a little before it gives the project back."""


class EngineLink(ABC):
    """The connection of one project, and the only way from the app to its engine; subclasses know what is heard."""

    def __init__(self, project: Project, read_only: bool = False):
        self.paths, self.read_only = project, read_only
        self.link: Link = "opening"
        self.trouble = ""
        """Why there is no engine, in one line."""
        self.lost_at = 0.0
        self.status: protocol.Status | None = None
        self._client: Client | None = None
        self._pid: int | None = None
        self._unread = False
        self._joining = asyncio.Lock()
        self._tasks: set[asyncio.Task] = set()

    @abstractmethod
    async def load(self) -> None:
        """Ask for all that must be known, of an engine just joined or of files just opened."""

    @abstractmethod
    def take_status(self, status: protocol.Status) -> None:
        """Note how the engine is."""

    @abstractmethod
    def take(self, push: protocol.Push) -> None:
        """Note what the engine tells by itself."""

    @abstractmethod
    def answerer_changed(self) -> None:
        """Questions under way will not be answered."""

    @abstractmethod
    def note(self, message: str, level: Level = "info", run_id: str | None = None) -> None:
        """Put a line of our own into the log."""

    @abstractmethod
    def changed(self) -> None:
        """Count a change."""

    # Launch and closing

    async def open(self) -> None:
        """Join the engine, starting it where there are results or work; falls back to reading."""
        has_results = self.paths.database.exists()
        if has_results and not self.read_only:
            await self.start_engine()
        elif not await self._join():
            await self._read() if has_results else self._be("empty")
        self._spawn(self._follow())
        self._spawn(self._watch_engine())

    async def close(self) -> None:
        """Leave; the engine goes on."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def start_engine(self) -> bool:
        """Have an engine at work and join it; `trouble` says why it cannot be."""
        try:
            await asyncio.to_thread(ensure_engine, self.paths)
        except EngineUnreachable as error:
            self.trouble = str(error)
        else:
            if await self._join():
                return True
        if self.link == "opening":
            await self._read()
        self.changed()
        return False

    async def _join(self) -> bool:
        async with self._joining:
            return self.link == "engine" or await self._connect()

    async def _connect(self) -> bool:
        client = Client(self.paths)
        try:
            await client.connect()
            await client.call(protocol.Subscribe())
            await self._replace(client)
            await self._greet()
        except (EngineUnreachable, EngineRefused):
            return False
        self.trouble = ""
        self._be("engine")
        return True

    async def _greet(self) -> None:
        status = await self._client.call(protocol.GetStatus())
        self._pid = status.pid
        self.take_status(status)
        await self.load()
        for progress in status.progress:
            self.take(progress)

    async def _read(self, link: Link = "files") -> None:
        """Answer from the files alone, from then on under that name."""
        try:
            if self.link != link or self._client is None:
                await self._replace(await open_reader(self.paths))
            await self.load()
        except (EngineUnreachable, EngineRefused, OSError) as error:
            self.trouble, self._unread = str(error), True
        else:
            self._unread = False
            self.trouble = "" if link == "files" and self.link == "files" else self.trouble
        self._be(link)

    async def _replace(self, client: Client) -> None:
        old, self._client = self._client, client
        self.answerer_changed()
        if old is not None:
            await old.close()

    # Asking

    async def call(self, command: protocol.Command) -> protocol.AnyAnswer:
        """The engine's answer; EngineRefused or EngineUnreachable in one line. Starts an engine where there is none."""
        if self.read_only and not isinstance(command, (protocol.Query, protocol.Export, protocol.GetStatus)):
            raise EngineRefused("read-only: this app changes nothing")
        needs_engine = not isinstance(command, (protocol.Query, protocol.Export))
        if needs_engine and self.link != "engine" and not await self.start_engine():
            raise EngineUnreachable(self.trouble or "no engine runs here")
        if self._client is None:
            raise EngineUnreachable(f"{self.paths.root} holds no results yet")
        return await self._client.call(command)

    # Following

    async def _follow(self) -> None:
        """Take in the engine's news for as long as there is one, then watch out for the next."""
        while True:
            if self.link == "engine":
                async for push in self._client.pushes():
                    self.take(push)
                await self._lose()
            await asyncio.sleep(POLL_SECONDS)
            if self.link != "engine" and self.paths.held:
                await self._join()
            if self.link == "files" and self._unread:
                await self._read()

    async def _watch_engine(self) -> None:
        """Let go of an engine that is stopped by a signal: it answers nothing until somebody lets it go on."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self.link == "engine" and self._pid and suspended(self._pid):
                await self._client.close()

    async def _lose(self) -> None:
        if self._pid and suspended(self._pid):
            self.trouble = f"engine {self._pid} is suspended; `kill -CONT {self._pid}` lets it go on"
            self.lost_at, self.status = time.time(), None
            self.note(self.trouble, "warn")
            self._be("lost")
            return
        killed = await self._was_killed()
        self.trouble = f"engine {self._pid} died" if killed else "engine was stopped"
        self.lost_at, self.status = time.time(), None
        self.note(f"{self.trouble}; results are safe", "error" if killed else "warn")
        await self._read("lost")

    async def _was_killed(self) -> bool:
        """Whether the engine left without taking its name out of the lock; a stopping one does so in a moment."""
        for _ in range(PARTING_LOOKS):
            holder = self.paths.holder()
            if holder is None or holder.pid != self._pid:
                return False
            if not _alive(self._pid):
                return True
            await asyncio.sleep(PARTING_SECONDS)
        return False

    # Plumbing

    def _be(self, link: Link) -> None:
        self.link = link
        self.changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
