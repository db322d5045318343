"""The engine: jobs' events go to the store, their ends to the scheduler, news to the clients; torch stays out of it."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from engine.events import Event, JobEnded, Notice, Progress, RunEnded, RunStarted, Warnings
from engine.job_settings import JobId, RunOptions
from engine.service import protocol, recovery
from engine.service.executors import KILL_AFTER, Exited, Message, Placed, not_started
from engine.service.executors.everywhere import Everywhere
from engine.service.planning import job_of
from engine.service.project import Project, ProjectError, ProjectLock
from engine.service.scheduler import JobEnd, Scheduler, Start
from engine.service.server import Handler, Server
from engine.service.settings import EngineSettings
from engine.service.writer import Item, StateWrite, Writer
from engine.text import one_line
from engine.validation import SpecError
from store.errors import StoreError
from store.records import PendingRun
from store.store import Reader, Store

HOUSEKEEPING_SECONDS = 2.0
ABANDONED = 4
"""Exit code of an engine whose project was removed."""
KILL_PATIENCE = KILL_AFTER + 3.0
"""Seconds within which killed processes must be gone."""
WRITE_PATIENCE = 5.0
"""Seconds that an ending engine tries to write what it still holds."""
TRAINED = ("predict", "infer")
"""Phases of a run whose weights are there."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Engine:
    """One project's service, from `run` to its end; everything here happens on one event loop."""

    def __init__(
        self, project: Project, settings: EngineSettings, executor: Everywhere, store: Store, lock: ProjectLock
    ):
        self.project, self.settings, self.lock = project, settings, lock
        self.executor, self.scheduler = executor, Scheduler(executor.machine, settings.stack)
        self.progress: dict[str, protocol.RunProgress] = {}
        self.placed: dict[str, protocol.Placement] = {}
        """Where clusters have the runs that were handed to them."""
        self.importing = 0
        """Files being taken in; no run starts meanwhile, for the file may hold it."""
        self._held: str | None = None
        self._everywhere = False
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._readers = ThreadPoolExecutor(4, "reader")
        self.writer = Writer(store, settings.keep_mib * 2**20, self._written)
        executor.open(self._deliver, self.writer.room)
        self._exits: dict[JobId, asyncio.Future[str]] = {}
        self._stopped: asyncio.Future[float] = self._loop.create_future()

    async def run(self, handle: Handler, ready: Callable[[], None]) -> bool:
        """Serve until asked to stop or idle for long enough; False if results were lost to a disk that stayed full.

        `handle` answers clients' commands; `ready` is called once clients can connect.
        """
        self.server = Server(handle)
        recovery.recover(self, await self.writer.call(lambda store: store.pending()))
        await self._listen()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        housekeeping = asyncio.create_task(self._keep_house())
        log.info("listening; devices: %s; runs waiting: %d", self.scheduler.machine.names, len(self.scheduler.queued))
        ready()
        self.pump()
        grace = await self._stopped
        housekeeping.cancel()
        return await self._shut_down(grace)

    def stop(self, grace: float | None = None, *, everywhere: bool = False) -> None:
        """End soon: running jobs get `grace` seconds (the setting's by default) for a last checkpoint.

        everywhere: those on clusters as well, which otherwise go on.
        """
        self._everywhere |= everywhere
        if not self._stopped.done():
            self._stopped.set_result(self.settings.stop_grace if grace is None else grace)

    @property
    def disk_free(self) -> int:
        """Bytes free on the project's disk; none where the folder has gone."""
        try:
            return shutil.disk_usage(self.project.root).free
        except OSError:
            return 0

    @property
    def hold(self) -> str | None:
        """Why no run may start now, apart from a pause."""
        if self.writer.trouble:
            return f"results cannot be written: {self.writer.trouble}"
        if (free := self.disk_free / 2**30) < self.settings.reserve_gib:
            return f"only {free:.1f} GiB of disk are free, {self.settings.reserve_gib:g} GiB are kept in reserve"
        return "a file is being imported" if self.importing else None

    def pump(self) -> None:
        """Start whatever may start now."""
        if self.hold:
            return
        for start in self.scheduler.starts():
            job_ids = [job.job_id for job in start.jobs]
            log.info("%s starts on %s", ", ".join(map(str, job_ids)), start.device)
            for job_id in job_ids:
                self._exits[job_id] = self._loop.create_future()
                if job_id.stage == "facts":
                    self._push_state(job_id, "running", device=start.device)
            try:
                folders = [self.project.run_folder(job_id.run_id) for job_id in job_ids]
                self.executor.submit(start.jobs, start.device, folders)
            except (OSError, RuntimeError) as error:  # no more threads or file descriptors
                for job_id in job_ids:
                    self._loop.call_soon(self._on_exit, Exited(job_id, not_started(error)))

    def admit(self, runs: Iterable[PendingRun]) -> list[str]:
        """Put what runs wait for in the queue, or say why it cannot be done here; the runs that were not in there."""
        admitted = []
        for run in runs:
            try:
                job = job_of(run, self.project)
                self.know(job.options)
                if problem := self.scheduler.problem(job.options):
                    raise SpecError(problem)
            except SpecError as error:
                stage = "facts" if run.state == "done" else "answers"
                self.put_state(JobId(run.run_id, stage), JobEnd("failed", str(error), 0))
                continue
            if self.scheduler.add(job):
                admitted.append(run.run_id)
                self._push_state(job.job_id, "queued")
        return admitted

    def take_over(self, start: Start) -> None:
        """Count jobs as running that are at work already, on a cluster that an earlier engine gave them to."""
        self.scheduler.adopt(start)
        self._exits |= {job.job_id: self._loop.create_future() for job in start.jobs}

    def put_state(self, job_id: JobId, outcome: JobEnd) -> None:
        """Write at once what became of a job."""
        self.writer.put(StateWrite(job_id, outcome.state, outcome.error, outcome.crashes), urgent=True)

    async def end(self, job_ids: Sequence[JobId]) -> list[JobId]:
        """End the processes of running jobs; those that are cancelled by it, once the processes are gone.

        A cluster takes its time: what it was told to cancel, and has not within our patience, counts.
        """
        exits = {job_id: self._exits[job_id] for job_id in job_ids}
        for job_id in job_ids:
            self.executor.cancel(job_id)
        if exits:
            await asyncio.wait(exits.values(), timeout=KILL_PATIENCE)
        return [
            job_id
            for job_id, exited in exits.items()
            if (exited.result() == "cancelled" if exited.done() else self.executor.goes_on(job_id))
        ]

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """What `question` returns, called in a thread with a reader that sees every state told to clients so far."""
        await self.writer.settle()

        def asked() -> T:
            with self._store.reader() as reader:
                return question(reader)

        return await self.aside(asked)

    async def aside(self, work: Callable[[], T]) -> T:
        """What `work` returns, done in a thread so that nobody waits for it."""
        return await self._loop.run_in_executor(self._readers, work)

    def note(self, message: str, run_id: str | None = None, *, warning: bool = False) -> None:
        """Tell clients something they should see; a warning of a run goes into the engine's log too."""
        if warning:
            log.warning("%s: %s", run_id, message)
        self.server.push(protocol.Note(message=one_line(message), time=time.time(), run_id=run_id, warning=warning))

    def _deliver(self, message: Message) -> None:
        """Take a job's message over to the loop; called on the executor's threads."""
        take = {Exited: self._on_exit, Placed: self._on_placed}.get(type(message), self._on_event)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the engine has ended without this job
            self._loop.call_soon_threadsafe(take, message)

    def _on_placed(self, placed: Placed) -> None:
        run_id = placed.job_id.run_id
        own = {name: value for name, value in vars(placed).items() if name != "job_id"}
        self.placed[run_id] = told = protocol.Placement(run_id=run_id, **own)
        self.server.push(told)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            told = protocol.RunProgress(**vars(event))
            self.progress[event.run_id] = told
            self.server.progress(told)
            if event.phase in TRAINED and self.scheduler.provided(JobId(event.run_id), "weights"):
                self.pump()
        elif isinstance(event, JobEnded):
            job_id = JobId(event.run_id, event.STAGE)
            if job_id not in self._exits:  # given up by somebody while no engine was here
                return
            outcome = self.scheduler.said(job_id, event.state, event.error)
            log.info("%s ended: %s%s", job_id, outcome.state, f" ({event.error})" if event.error else "")
            if isinstance(event, RunEnded) and outcome.state == event.state:
                self.writer.put(event, urgent=True)
            else:
                self.put_state(job_id, outcome)
        else:
            self.writer.put(event, urgent=isinstance(event, RunStarted))

    def _on_exit(self, exited: Exited) -> None:
        job_id = exited.job_id
        if job_id not in self._exits:
            return
        outcome = self.scheduler.exited(job_id, exited.reason)
        self.progress.pop(job_id.run_id, None)
        self.placed.pop(job_id.run_id, None)
        if outcome is not None:
            log.warning("%s: %s; now %s", job_id, exited.reason, outcome.state)
            self.put_state(job_id, outcome)
        self._exits.pop(job_id).set_result(outcome.state if outcome else "")
        self.pump()

    def _written(self, items: Sequence[Item]) -> None:
        """Tell clients what is safely on disk now; nothing means that writing broke down or works again."""
        for item in items:
            if isinstance(item, RunStarted):
                self._push_state(JobId(item.run_id), "running", device=item.device)
            elif isinstance(item, RunEnded):
                self._on_end_written(JobId(item.run_id), item.state, item.error)
            elif isinstance(item, StateWrite):
                self._on_end_written(item.job_id, item.state, item.error)
            elif isinstance(item, Notice):
                self.note(item.message, item.run_id)
            elif isinstance(item, Warnings):
                for warning in item.warnings:
                    self.note(warning["message"], item.run_id, warning=True)
        if not items:
            self._check_hold()

    def _on_end_written(self, job_id: JobId, state: str, error: str | None) -> None:
        self._push_state(job_id, state, error)
        self.executor.forget(job_id)
        if state == "done" and not self.scheduler.stopping:
            self._loop.create_task(self._admit_more(job_id.run_id))

    async def _admit_more(self, run_id: str) -> None:
        """Queue the attacks that a run was asked for while a job was at work on it."""
        with contextlib.suppress(StoreError):  # told by the writer; the next engine queues them
            pending = await self.writer.call(lambda store: store.pending([run_id]))
            # Others may have ended since the store was asked; what they still wait for is admitted by their own ends.
            self.admit(run for run in pending if run.run_id == run_id)
            self.pump()

    def _push_state(self, job_id: JobId, state: str, error: str | None = None, device: str | None = None) -> None:
        """Tell clients the state of a run, or of the attacks it was asked for when it was done."""
        if job_id.stage == "facts":
            state = "failed" if state == "done" and error else state
            change = protocol.AttacksChange(run_id=job_id.run_id, state=state, error=error, device=device)
        else:
            change = protocol.StateChange(run_id=job_id.run_id, state=state, error=error, device=device)
        self.server.push(change)

    def _check_hold(self) -> None:
        """Say so when runs may no longer, or again, start; start them when they may."""
        if (hold := self.hold) != self._held:
            self._held = hold
            message = f"no run starts: {hold}" if hold else "runs start again"
            log.info(message)
            self.note(message)
        self.pump()

    def know(self, options: RunOptions) -> None:
        """Have the places where a run may go among the devices; `SpecError` where there is none of a name."""
        self.executor.know(options.places)
        self.scheduler.machine = self.executor.machine

    async def _listen(self) -> None:
        path = self.project.socket_path()
        await self.server.listen(path)
        self.lock.publish(path)

    async def _keep_house(self) -> None:
        """Now and then: end with the project or when idle, listen again where the socket was removed, start runs."""
        busy_at = time.monotonic()
        patience = self.settings.idle_exit
        while True:
            await asyncio.sleep(min(HOUSEKEEPING_SECONDS, patience / 4 or HOUSEKEEPING_SECONDS))
            if self.lock.lost:
                await self._abandon()
            if not self.server.reachable():
                with contextlib.suppress(OSError, ProjectError):
                    await self._listen()
            self._check_hold()
            if self.server.clients or self.scheduler.queued or self.scheduler.running or self.writer.trouble:
                busy_at = time.monotonic()
            elif patience and time.monotonic() - busy_at >= patience:
                log.info("idle for %g seconds", patience)
                self.stop()

    async def _abandon(self) -> None:
        """End at once when the project is gone: a new one may lie in its place, whose files are not ours to touch.

        Even closing the database would remove the new one's log by its name, so nothing is closed.
        """
        log.error("%s was removed; ending", self.project.root)
        await self.end(list(self.scheduler.running))
        os._exit(ABANDONED)

    def _ending(self) -> list[JobId]:
        """Jobs at work that end with the engine."""
        return [each for each in self.scheduler.running if self._everywhere or not self.executor.goes_on(each)]

    async def _shut_down(self, grace: float) -> bool:
        log.info("stopping; running: %s", ", ".join(map(str, self.scheduler.running)) or "nothing")
        self.scheduler.stopping = True
        exits = [self._exits[job_id] for job_id in self._ending()]
        if exits and grace:
            for job_id in self._ending():
                self.executor.stop(job_id)
            await asyncio.wait(exits, timeout=grace)
        await self.end(self._ending())
        await self.server.close()
        await asyncio.to_thread(self._readers.shutdown)
        saved = await self.writer.close(WRITE_PATIENCE)
        self.lock.release()
        log.info("stopped")
        return saved
