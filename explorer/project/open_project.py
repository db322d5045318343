"""A project as the app sees it: the engine's news and the store's answers, kept up to date. No Textual in here."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from engine.run_states import FAILED, FINISHED, WAITING
from engine.service import protocol
from engine.service.client import EngineRefused, EngineUnreachable
from engine.service.project import Project
from explorer.project import places
from explorer.project.engine_link import EngineLink
from explorer.project.engine_log import Level, LogLine, recall
from explorer.project.query_cache import QueryCache
from explorer.project.run_tracking import RunTracker, unfinished_attacks
from store.decoding import decode
from store.rows import InferenceState, Run

GATHER_SECONDS = 0.2
"""News of runs are gathered for so long before their rows are asked for, in one question."""
LOG_LINES = 2000
QUIET_SECONDS, QUIET_AWAY = 15.0, 60.0
"""Silence that is worth a word, here and on a cluster, whose news come less often."""


class OpenProject(EngineLink):
    """What is known of one project: its runs, how far they are, answers to questions, and the log."""

    def __init__(self, project: Project, read_only: bool = False):
        super().__init__(project, read_only)
        self.runs: dict[str, Run] = {}
        """Rows of the store's `runs` by run id, in the order of submission."""
        self.tracker = RunTracker({})
        self.placed: dict[str, protocol.Placement] = {}
        """Where clusters have the runs that were handed to them."""
        self.seen: dict[str, float] = {}
        """When a running run was last heard of, on the monotonic clock."""
        self.log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.ended: deque[str] = deque()
        """Runs that ended since somebody took them from here."""
        self.changes = 0
        """Grows with every change; whoever draws compares it with the count drawn last."""
        self.news = 0
        """Grows with those of them that concern the project."""
        self.query_cache = QueryCache(self.ask, self.changed)
        self._stale: set[str] = set()
        self._opened = time.monotonic()
        self._silences: dict[str, float | None] = {}

    async def open(self) -> None:
        """Join the engine, or read the files, and recall what the engine's log says of earlier."""
        await super().open()
        self._spawn(recall(self.log, self.paths.log, self.changed))

    @property
    def datasets(self) -> int:
        """How many data sets its runs are of: short names tell them apart where there are several."""
        return len({run.dataset for run in self.runs.values()})

    def waits(self, run_id: str) -> str:
        """Why a run waits at a cluster, in plain words; empty for one that does not."""
        return places.reason(self.placed[run_id]) if run_id in self.placed else ""

    def where(self, run: Run) -> str:
        """Where a run is, or may go."""
        return places.where(run, self.placed.get(run.run_id))

    # Asking

    async def query(self, name: str, **params: Any) -> list[Any]:
        """Rows of a named query, asked for now."""
        return await self.ask(name, params)

    def rows(self, name: str, max_age: float | None = None, **params: Any) -> list[Any] | None:
        """Rows of a named query as last answered, None while there is no answer yet; a stale one is asked for again.

        Every end of a run makes all answers stale; `max_age` seconds do so too.
        """
        return self.query_cache.get(name, params, max_age)

    async def ask(self, name: str, params: dict[str, Any]) -> list[Any]:
        """The same with filters as a mapping."""
        table = await self.call(protocol.Query(name=name, params=params))
        return decode(name, table.columns, table.rows)

    async def refresh_status(self) -> None:
        """Ask the engine how it is."""
        if self.link == "engine":
            self.take_status(await self.call(protocol.GetStatus()))
            self.changed()

    def changed(self) -> None:
        """Count a change that concerns the project."""
        self.changes += 1
        self.news += 1

    def touch(self) -> None:
        """Count a change of something else that is shown, such as the machine's gauges; it is no news."""
        self.changes += 1

    def note(self, message: str, level: Level = "info", run_id: str | None = None) -> None:
        """Put a line of our own into the log."""
        self.log.append(LogLine(time.time(), level, message, run_id))
        self.changed()

    # Silence: a run that says nothing must not look alive

    def silence(self, run_id: str) -> float | None:
        """Seconds since a running run was last heard of, in steps of 5, once they are worth a word.

        One that a cluster took back, to begin it again, has nothing to say.
        """
        quiet = time.monotonic() - self.seen.get(run_id, self._opened)
        enough = quiet >= (QUIET_AWAY if run_id in self.placed else QUIET_SECONDS)
        return quiet // 5 * 5 if enough and not self.waits(run_id) else None

    def watch_silence(self) -> None:
        """Count it as a change where a run fell silent, or has been for 5 seconds more."""
        now = {run_id: self.silence(run_id) for run_id, run in self.tracker.runs.items() if run.state == "running"}
        if now != self._silences:
            self._silences = now
            self.changed()

    # Hearing

    async def load(self) -> None:
        """All runs, in the place of those known so far."""
        runs, asked = await self.query("runs"), await self.query("inferences", state=list(WAITING))
        self.runs = {}
        self._put(runs, asked)

    def _put(self, runs: Iterable[Run], asked: Iterable[InferenceState]) -> None:
        for run in runs:
            self.runs[run.run_id] = run
            self.tracker.add(run.run_id, run.kind)
            self.tracker.put_state(run.run_id, run.state, run.error)
            if run.state == "done" and run.duration:
                self.tracker.runs[run.run_id].took = run.duration
        for run_id, (state, error) in unfinished_attacks(asked).items():
            self._show_attacks(run_id, state, error)
        self.changed()

    def take_status(self, status: protocol.Status) -> None:
        """Note how the engine is, and where clusters have runs."""
        self.status, self.tracker.slots = status, places.slots(status.devices)
        self.placed = {own.run_id: own for own in status.placed}

    def take(self, push: protocol.Push) -> None:
        """Note what the engine tells."""
        if isinstance(push, protocol.RunProgress):
            self.tracker.put_progress(push.run_id, push.phase, push.label, push.fraction, push.rate)
            self.seen[push.run_id] = time.monotonic()
        elif isinstance(push, protocol.Placement):
            self.placed[push.run_id] = push
            self.seen[push.run_id] = time.monotonic()
        elif isinstance(push, protocol.StateChange):
            self._take_state(push)
        elif isinstance(push, protocol.AttacksChange):
            self._take_attacks(push)
        elif isinstance(push, protocol.Note):
            level = "warn" if push.run_id is None or push.warning else "info"
            self.log.append(LogLine(push.time, level, push.message, push.run_id))
        self.changed()

    def _take_state(self, change: protocol.StateChange) -> None:
        news = self.tracker.put_state(change.run_id, change.state, change.error)
        known = self.runs.get(change.run_id)
        if known is not None:
            self.runs[change.run_id] = known._replace(state=change.state, error=change.error)
        if change.state in FINISHED and (news or known is None):
            self.ended.append(change.run_id)
        self._log_change(change, change.state)

    def _take_attacks(self, change: protocol.AttacksChange) -> None:
        """A run whose attacks wait or are carried out stands in the queue, though what it has found stays."""
        self._show_attacks(change.run_id, change.state, change.error)
        self._log_change(change, f"attacks {change.state}")

    def _show_attacks(self, run_id: str, state: str, error: str | None) -> None:
        self.tracker.put_attacks(run_id, state, error)
        if state in WAITING and (known := self.runs.get(run_id)):
            self.runs[run_id] = known._replace(state=state)

    def _log_change(self, change: protocol.StateChange | protocol.AttacksChange, said: str) -> None:
        level = "error" if change.state in FAILED else "info"
        said += f" on {change.device}" if change.device else ""
        said += f": {change.error}" if change.error else ""
        self.log.append(LogLine(time.time(), level, said, change.run_id))
        if change.state in FINISHED:
            self.placed.pop(change.run_id, None)
        self.seen[change.run_id] = time.monotonic()
        if not self._stale:
            self._spawn(self._gather())
        self._stale.add(change.run_id)

    async def _gather(self) -> None:
        """Ask once for the rows of all runs that changed lately."""
        await asyncio.sleep(GATHER_SECONDS)
        ids, self._stale = sorted(self._stale), set()
        try:
            asked = await self.query("inferences", run_id=ids, state=list(WAITING))
            self._put(await self.query("runs", run_id=ids), asked)
            await self.refresh_status()
        except (EngineUnreachable, EngineRefused):
            return  # the engine has gone; joining the next one asks for everything again
        self.query_cache.expire()

    def answerer_changed(self) -> None:
        """Questions under way are given up."""
        self.query_cache.forget()
