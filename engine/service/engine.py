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

from engine.events import Event, Notice, Progress, RunEnded, RunStarted, Warnings
from engine.job_settings import Job, Place
from engine.service import protocol
from engine.service.commands import Commands
from engine.service.devices import Machine
from engine.service.executors import KILL_AFTER, Executor, Exited, LocalExecutor, not_started
from engine.service.project import Project, ProjectError, ProjectLock
from engine.service.scheduler import Outcome, QueuedRun, Scheduler
from engine.service.server import Server
from engine.service.settings import EngineSettings
from engine.service.writer import Item, StateWrite, Writer
from engine.spec.experiment import Experiment
from engine.text import one_line
from engine.validation import SpecError, from_mapping
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

    def __init__(self, project: Project, settings: EngineSettings, machine: Machine, store: Store, lock: ProjectLock):
        self.project, self.settings, self.lock = project, settings, lock
        self.scheduler = Scheduler(machine)
        self.progress: dict[str, protocol.RunProgress] = {}
        self.importing = 0
        """Files being taken in; no run starts meanwhile, for the file may hold it."""
        self._held: str | None = None
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._readers = ThreadPoolExecutor(4, "reader")
        self.writer = Writer(store, settings.keep_mib * 2**20, self._written)
        self.executor: Executor = LocalExecutor(self._deliver, settings.entry, self.writer.room)
        self.server = Server(Commands(self).handle)
        self._exits: dict[str, asyncio.Future[str]] = {}
        self._stopped: asyncio.Future[float] = self._loop.create_future()

    async def run(self, ready: Callable[[], None]) -> bool:
        """Serve until asked to stop or idle for long enough; False if results were lost to a disk that stayed full.

        `ready` is called once clients can connect.
        """
        await self._recover()
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

    def stop(self, grace: float | None = None) -> None:
        """End soon: running jobs get `grace` seconds (the setting's by default) for a last checkpoint."""
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
            run = start.run
            log.info("%s starts on %s", run.run_id, start.device)
            self._exits[run.run_id] = self._loop.create_future()
            job = Job(
                run_id=run.run_id,
                experiment=run.experiment,
                run_folder=str(self.project.run_folder(run.run_id)),
                place=run.place,
                device=start.device,
                threads=self.settings.threads,
            )
            try:
                self.executor.submit(job)
            except (OSError, RuntimeError) as error:  # no more threads or file descriptors
                self._loop.call_soon(self._on_exit, Exited(run.run_id, not_started(error)))

    def admit(self, runs: Iterable[PendingRun]) -> list[str]:
        """Put runs in the queue; those that cannot run here fail with the reason. Returns the ids of the others."""
        admitted = []
        for run in runs:
            problem = self._problem(run)
            if problem:
                self.put_state(run.run_id, Outcome("failed", problem, 0))
                continue
            experiment = Experiment.from_dict(run.experiment)
            queued = QueuedRun(
                run_id=run.run_id,
                experiment=run.experiment,
                place=Place(**run.place),
                priority=run.priority,
                crashes=run.attempts,
                training_id="" if experiment.defense == "pretrained" else experiment.training_id,
            )
            self.scheduler.add(queued)
            admitted.append(run.run_id)
        return admitted

    def _problem(self, run: PendingRun) -> str | None:
        """Why a run cannot be run by this engine, or None."""
        if not run.place:
            return "it came in by import; submit its sweep to run it here"
        try:
            if Experiment.from_dict(run.experiment).run_id != run.run_id:
                return "planned by another version of mia-explore, whose results differ; submit its sweep again"
            return self.scheduler.problem(from_mapping(Place, run.place, "place"))
        except SpecError as error:
            return str(error)

    def put_state(self, run_id: str, outcome: Outcome) -> None:
        """Write at once what became of a run."""
        self.writer.put(StateWrite(run_id, outcome.state, outcome.error, outcome.crashes), urgent=True)

    async def end(self, run_ids: Sequence[str]) -> list[str]:
        """End the processes of running runs; the runs that are cancelled by it, once the processes are gone."""
        exits = {run_id: self._exits[run_id] for run_id in run_ids}
        for run_id in run_ids:
            self.executor.cancel(run_id)
        if exits:
            await asyncio.wait(exits.values(), timeout=KILL_PATIENCE)
        return [run_id for run_id, exited in exits.items() if exited.done() and exited.result() == "cancelled"]

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

    def _deliver(self, message: Event | Exited) -> None:
        """Take a job's message over to the loop; called on the executor's threads."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the engine has ended without this job
            self._loop.call_soon_threadsafe(self._on_exit if isinstance(message, Exited) else self._on_event, message)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            told = protocol.RunProgress(**vars(event))
            self.progress[event.run_id] = told
            self.server.progress(told)
            if event.phase in TRAINED and self.scheduler.trained(event.run_id):
                self.pump()
        elif isinstance(event, RunEnded):
            outcome = self.scheduler.said(event.run_id, event.state, event.error)
            log.info("%s ended: %s%s", event.run_id, outcome.state, f" ({event.error})" if event.error else "")
            if outcome.state == event.state:
                self.writer.put(event, urgent=True)
            else:
                self.put_state(event.run_id, outcome)
        else:
            self.writer.put(event, urgent=isinstance(event, RunStarted))

    def _on_exit(self, exited: Exited) -> None:
        run_id = exited.run_id
        outcome = self.scheduler.exited(run_id, exited.reason)
        self.progress.pop(run_id, None)
        if outcome is not None:
            log.warning("%s: %s; now %s", run_id, exited.reason, outcome.state)
            self.put_state(run_id, outcome)
        self._exits.pop(run_id).set_result(outcome.state if outcome else "")
        self.pump()

    def _written(self, items: Sequence[Item]) -> None:
        """Tell clients what is safely on disk now; nothing means that writing broke down or works again."""
        for item in items:
            if isinstance(item, RunStarted):
                change = protocol.StateChange(run_id=item.run_id, state="running", device=item.device)
                self.server.push(change)
            elif isinstance(item, RunEnded | StateWrite):
                self.server.push(protocol.StateChange(run_id=item.run_id, state=item.state, error=item.error))
            elif isinstance(item, Notice):
                self.note(item.message, item.run_id)
            elif isinstance(item, Warnings):
                for warning in item.warnings:
                    self.note(warning["message"], item.run_id, warning=True)
        if not items:
            self._check_hold()

    def _check_hold(self) -> None:
        """Say so when runs may no longer, or again, start; start them when they may."""
        if (hold := self.hold) != self._held:
            self._held = hold
            message = f"no run starts: {hold}" if hold else "runs start again"
            log.info(message)
            self.note(message)
        self.pump()

    async def _recover(self) -> None:
        """Queue what an earlier engine left, the runs it did not bring to an end among them."""
        pending = await self.writer.call(lambda store: store.pending())
        for run in pending:
            if run.state == "running":
                self.put_state(run.run_id, Outcome("queued", None, run.attempts))
        self.admit(pending)

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

    async def _shut_down(self, grace: float) -> bool:
        log.info("stopping; running: %s", ", ".join(self.scheduler.running) or "nothing")
        self.scheduler.stopping = True
        if self._exits and grace:
            for run_id in self.scheduler.running:
                self.executor.stop(run_id)
            await asyncio.wait(self._exits.values(), timeout=grace)
        await self.end(list(self.scheduler.running))
        await self.server.close()
        await asyncio.to_thread(self._readers.shutdown)
        saved = await self.writer.close(WRITE_PATIENCE)
        self.lock.release()
        log.info("stopped")
        return saved
