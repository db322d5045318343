"""A project as the app sees it: the engine's news and the store's answers, kept up to date. No Textual in here.

One `Live` joins the project's engine, follows what it pushes, and asks again after every gap; where no engine runs it
reads the results through a reader process. Everything happens on one event loop.
"""

import asyncio
import os
import time
from collections import deque
from typing import Any, Literal

from engine.service import protocol
from engine.service.client import Client, EngineRefused, EngineUnreachable
from engine.service.project import Project, suspended
from explorer.project.answers import Answers
from explorer.project.board import ENDED, Board
from explorer.project.engine_log import Level, LogLine, recall
from store.decoding import decode
from store.rows import Run

Link = Literal["opening", "empty", "engine", "files", "lost"]
"""`empty`: nothing was ever run here. `files`: results without an engine. `lost`: the engine went away under us."""

POLL_SECONDS = 1.0
"""How often a project without an engine is looked at for one."""
GATHER_SECONDS = 0.2
"""News of runs are gathered for so long before their rows are asked for, in one question."""
LOG_LINES = 2000
QUIET_SECONDS = 15.0
KIND = ("dataset", "size", "network", "defense", "capacity", "steps")
"""Runs alike in these take about equally long."""
PARTING_LOOKS, PARTING_SECONDS = 60, 0.05
"""A stopping engine closes its socket a little before it gives the project back."""


class Live:
    """The state of one project, and the only way from the app to its engine."""

    def __init__(self, project: Project, read_only: bool = False):
        self.project, self.read_only = project, read_only
        self.link: Link = "opening"
        self.trouble = ""
        """Why there is no engine, in one line."""
        self.lost_at = 0.0
        self.status: protocol.Status | None = None
        self.runs: dict[str, Run] = {}
        """Rows of the store's `runs` by run id, in the order of submission."""
        self.board = Board({})
        self.seen: dict[str, float] = {}
        """When a running run was last heard of, on the monotonic clock."""
        self.log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.ended: deque[str] = deque()
        """Runs that ended since somebody took them from here."""
        self.changes = 0
        """Grows with every change; whoever draws compares it with the count drawn last."""
        self.news = 0
        """Grows with those of them that concern the project."""
        self.answers = Answers(self._ask, self._changed)
        self._client: Client | None = None
        self._stale: set[str] = set()
        self._tasks: set[asyncio.Task] = set()
        self._pid: int | None = None
        self._joining = asyncio.Lock()
        self._opened = time.monotonic()
        self._silences: dict[str, float | None] = {}

    # Opening and closing

    async def open(self) -> None:
        """Join the engine, starting it where there are results or work; falls back to reading."""
        has_results = self.project.database.exists()
        if has_results and not self.read_only:
            await self.start_engine()
        elif not await self._join():
            await self._read() if has_results else self._set_link("empty")
        self._spawn(self._follow())
        self._spawn(self._watch_engine())
        self._spawn(recall(self.log, self.project.log, self._changed))

    async def close(self) -> None:
        """Leave; the engine goes on."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def start_engine(self) -> bool:
        """Have an engine at work and join it; `trouble` says why it cannot be."""
        from explorer.project.access import ensure

        try:
            await asyncio.to_thread(ensure, self.project)
        except EngineUnreachable as error:
            self.trouble = str(error)
        else:
            if await self._join():
                return True
        if self.link == "opening":
            await self._read()
        self._changed()
        return False

    async def _join(self) -> bool:
        async with self._joining:
            return self.link == "engine" or await self._connect()

    async def _connect(self) -> bool:
        client = Client(self.project)
        try:
            await client.connect()
            await client.call(protocol.Subscribe())
            await self._replace(client)
            await self._resync()
        except (EngineUnreachable, EngineRefused):
            return False
        self.trouble = ""
        self._set_link("engine")
        return True

    async def _read(self, link: Link = "files") -> None:
        """Answer from the files alone, from then on under that name."""
        from explorer.project.reading import open_reader

        try:
            if self.link != link or self._client is None:
                await self._replace(await open_reader(self.project))
            await self._load_runs()
        except (EngineUnreachable, EngineRefused, OSError) as error:
            self.trouble = str(error)
        else:
            self.trouble = "" if link == "files" and self.link == "files" else self.trouble
        self._set_link(link)

    async def _replace(self, client: Client) -> None:
        old, self._client = self._client, client
        self.answers.forget()
        if old is not None:
            await old.close()

    # Asking and telling

    async def call(self, command: protocol.Command) -> protocol.AnyAnswer:
        """The engine's answer; EngineRefused or EngineUnreachable in one line. Starts an engine where there is none."""
        if self.read_only and not isinstance(command, (protocol.Query, protocol.Export, protocol.GetStatus)):
            raise EngineRefused("read-only: this app changes nothing")
        needs_engine = not isinstance(command, (protocol.Query, protocol.Export))
        if needs_engine and self.link != "engine" and not await self.start_engine():
            raise EngineUnreachable(self.trouble or "no engine runs here")
        if self._client is None:
            raise EngineUnreachable(f"{self.project.root} holds no results yet")
        return await self._client.call(command)

    async def query(self, name: str, **params: Any) -> list[Any]:
        """Rows of a named query, asked for now."""
        return await self._ask(name, params)

    def rows(self, name: str, max_age: float | None = None, **params: Any) -> list[Any] | None:
        """Rows of a named query as last answered, None while there is no answer yet; a stale one is asked for again.

        Every end of a run makes all answers stale; `max_age` seconds do so too.
        """
        return self.answers.get(name, params, max_age)

    async def _ask(self, name: str, params: dict[str, Any]) -> list[Any]:
        table = await self.call(protocol.Query(name=name, params=params))
        return decode(name, table.columns, table.rows)

    async def refresh_status(self) -> None:
        """Ask the engine how it is."""
        if self.link == "engine":
            self.status = await self.call(protocol.GetStatus())
            self.board.slots = sum(device.slots for device in self.status.devices)
            self._changed()

    def touch(self) -> None:
        """Count a change of something else that is shown, such as the machine's gauges; it is no news."""
        self.changes += 1

    def note(self, message: str, level: Level = "info", run_id: str | None = None) -> None:
        """Put a line of our own into the log."""
        self.log.append(LogLine(time.time(), level, message, run_id))
        self._changed()

    # Silence: a run that says nothing must not look alive

    def silence(self, run_id: str) -> float | None:
        """Seconds since a running run was last heard of, in steps of 5, once they are worth a word."""
        quiet = time.monotonic() - self.seen.get(run_id, self._opened)
        return quiet // 5 * 5 if quiet >= QUIET_SECONDS else None

    def watch_silence(self) -> None:
        """Count it as a change where a run fell silent, or has been for 5 seconds more."""
        now = {run_id: self.silence(run_id) for run_id, run in self.board.runs.items() if run.state == "running"}
        if now != self._silences:
            self._silences = now
            self._changed()

    # Following

    async def _follow(self) -> None:
        """Take in the engine's news for as long as there is one, then watch out for the next."""
        while True:
            if self.link == "engine":
                async for push in self._client.pushes():
                    self._take(push)
                await self._lose()
            await asyncio.sleep(POLL_SECONDS)
            if self.link != "engine" and self.project.held:
                await self._join()
            if self.link == "files" and self.trouble and not self.runs:
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
            self._set_link("lost")
            return
        killed = await self._was_killed()
        self.trouble = f"engine {self._pid} died" if killed else "engine was stopped"
        self.lost_at, self.status = time.time(), None
        self.note(f"{self.trouble}; results are safe", "error" if killed else "warn")
        await self._read("lost")

    async def _was_killed(self) -> bool:
        """Whether the engine left without taking its name out of the lock; a stopping one does so in a moment."""
        for _ in range(PARTING_LOOKS):
            holder = self.project.holder()
            if holder is None or holder.pid != self._pid:
                return False
            if not _alive(self._pid):
                return True
            await asyncio.sleep(PARTING_SECONDS)
        return False

    async def _resync(self) -> None:
        self.status = await self._client.call(protocol.GetStatus())
        self.board.slots = sum(device.slots for device in self.status.devices)
        self._pid = self.status.pid
        await self._load_runs()
        for progress in self.status.progress:
            self._take(progress)

    async def _load_runs(self, ids: list[str] | None = None) -> None:
        answer = await self._client.call(protocol.Query(name="runs", params={"run_id": ids} if ids else {}))
        if ids is None:
            self.runs = {}
        for run in decode("runs", answer.columns, answer.rows):
            self.runs[run.run_id] = run
            self.board.add(run.run_id, " ".join(str(getattr(run, name)) for name in KIND))
            self.board.put_state(run.run_id, run.state, run.error)
            if run.state == "done" and run.duration:
                self.board.runs[run.run_id].took = run.duration
        self._changed()

    def _take(self, push: protocol.Push) -> None:
        if isinstance(push, protocol.RunProgress):
            self.board.put_progress(push.run_id, push.phase, push.label, push.fraction, push.rate)
            self.seen[push.run_id] = time.monotonic()
        elif isinstance(push, protocol.StateChange):
            self._take_state(push)
        elif isinstance(push, protocol.Note):
            level = "warn" if push.run_id is None or push.warning else "info"
            self.log.append(LogLine(push.time, level, push.message, push.run_id))
        self._changed()

    def _take_state(self, change: protocol.StateChange) -> None:
        news = self.board.put_state(change.run_id, change.state, change.error)
        known = self.runs.get(change.run_id)
        if known is not None:
            self.runs[change.run_id] = known._replace(state=change.state, error=change.error)
        if change.state in ENDED and (news or known is None):
            self.ended.append(change.run_id)
        level = "error" if change.state in ("failed", "diverged") else "info"
        said = change.state + (f" on {change.device}" if change.device else "")
        said += f": {change.error}" if change.error else ""
        self.log.append(LogLine(time.time(), level, said, change.run_id))
        self.seen[change.run_id] = time.monotonic()
        if not self._stale:
            self._spawn(self._gather())
        self._stale.add(change.run_id)

    async def _gather(self) -> None:
        """Ask once for the rows of all runs that changed lately."""
        await asyncio.sleep(GATHER_SECONDS)
        ids, self._stale = sorted(self._stale), set()
        try:
            await self._load_runs(ids)
            await self.refresh_status()
        except (EngineUnreachable, EngineRefused):
            return  # the engine has gone; joining the next one asks for everything again
        self.answers.expire()

    # Plumbing

    def _set_link(self, link: Link) -> None:
        self.link = link
        self._changed()

    def _changed(self) -> None:
        self.changes += 1
        self.news += 1

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
