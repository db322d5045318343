"""What the engine does for each command of the protocol."""

import itertools
import os
import platform
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from engine import event_lines
from engine.events import Event, RunStarted
from engine.job_settings import JobId, RunOptions
from engine.run_states import FINISHED
from engine.service import protocol
from engine.service.engine import Engine
from engine.service.planning import jobs_about
from engine.service.project import hostname
from engine.service.protocol import AnyAnswer, AnyCommand, RunRequest
from engine.service.reader import answer
from engine.service.scheduler import JobEnd
from engine.service.server import Refusal, absolute
from engine.service.writer import apply_each
from engine.spec import requirements
from engine.spec.experiment import Experiment
from engine.validation import SpecError, from_mapping
from store.errors import StoreError
from store.records import NewRun, PendingRun
from store.store import Store

IMPORT_LINES = 500
"""Lines of an imported file that become one transaction."""


class Commands:
    """Carries out commands on an engine."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._actions: dict[type, Callable[[Any], Awaitable[AnyAnswer]]] = {
            protocol.GetStatus: self._status,
            protocol.Query: self._read,
            protocol.Submit: self._submit,
            protocol.Cancel: self._cancel,
            protocol.Retry: self._retry,
            protocol.Prioritise: self._prioritise,
            protocol.Pause: self._pause,
            protocol.Resume: self._resume,
            protocol.Stop: self._stop,
            protocol.Export: self._read,
            protocol.Import: self._import,
        }

    async def handle(self, command: AnyCommand) -> AnyAnswer:
        """The command's answer; `Refusal` in one line where it cannot be carried out."""
        try:
            return await self._actions[type(command)](command)
        except (StoreError, SpecError) as error:
            raise Refusal(str(error)) from None
        except OSError as error:
            raise Refusal(f"{error.filename or 'the file'}: {error.strerror or error}") from None

    async def _pause(self, _: protocol.Pause) -> protocol.Done:
        self._engine.scheduler.paused = True
        return protocol.Done()

    async def _resume(self, _: protocol.Resume) -> protocol.Done:
        self._engine.scheduler.paused = False
        self._engine.pump()
        return protocol.Done()

    async def _stop(self, command: protocol.Stop) -> protocol.Done:
        self._engine.stop(command.grace, everywhere=command.everywhere)
        return protocol.Done()

    async def _status(self, _: protocol.GetStatus) -> protocol.Status:
        engine, scheduler = self._engine, self._engine.scheduler
        running = scheduler.running
        devices = [
            protocol.DeviceStatus(
                device.name,
                device.label,
                device.slots,
                [job_id.run_id for job_id, name in running.items() if name == device.name],
                scheduler.load(device.name),
                device.place,
            )
            for device in scheduler.machine.devices
        ]
        return protocol.Status(
            pid=os.getpid(),
            host=hostname(),
            since=engine.lock.since,
            project=str(engine.project.root),
            versions=versions(),
            devices=devices,
            running=[job_id.run_id for job_id in running],
            queued=len(scheduler.queued),
            progress=list(engine.progress.values()),
            placed=list(engine.placed.values()),
            paused=scheduler.paused,
            hold=engine.hold,
            disk_free=engine.disk_free,
        )

    async def _read(self, command: protocol.Query | protocol.Export) -> AnyAnswer:
        return await self._engine.ask(lambda reader: answer(reader, command))

    async def _submit(self, command: protocol.Submit) -> protocol.Runs:
        runs = await self._engine.aside(lambda: [self._checked(run) for run in command.runs])
        for options in {from_mapping(RunOptions, run.place) for run in runs}:
            await self._engine.aside(partial(self._engine.executor.prepare, options.places))
            self._engine.know(options)
            if problem := self._engine.scheduler.problem(options):
                raise SpecError(problem)

        def enqueue(store: Store) -> list[PendingRun]:
            known = store.states([run.run_id for run in runs])
            # What is computed elsewhere may be shown here.
            new = (Experiment.from_dict(run.experiment) for run in runs if run.run_id not in known)
            requirements.require_installed(new)
            store.enqueue(command.sweep, runs, command.priority)
            return store.pending([run.run_id for run in runs])

        return self._queue(await self._engine.writer.call(enqueue))

    def _checked(self, run: RunRequest) -> NewRun:
        """The run under the name its content gives it; SpecError for one that is wrong or cannot run here."""
        experiment = Experiment.from_dict(run.experiment)
        from_mapping(RunOptions, run.place, "place")
        return NewRun(experiment.run_id, experiment.to_dict(), run.place)

    def _queue(self, runs: Iterable[PendingRun]) -> protocol.Runs:
        admitted = self._engine.admit(runs)
        self._engine.pump()
        return protocol.Runs(run_ids=admitted)

    async def _cancel(self, command: protocol.Cancel) -> protocol.Runs:
        waiting, running = self._engine.scheduler.cancel(jobs_about(command.run_ids))
        for job_id in waiting:
            self._engine.put_state(job_id, JobEnd("cancelled", None, 0))
        ended = await self._engine.end(running)
        await self._engine.writer.flush()
        return protocol.Runs(run_ids=[job_id.run_id for job_id in waiting + ended])

    async def _retry(self, command: protocol.Retry) -> protocol.Runs:
        def requeue(store: Store) -> list[PendingRun]:
            store.retry(command.run_ids)
            return store.pending(command.run_ids)

        return self._queue(await self._engine.writer.call(requeue))

    async def _prioritise(self, command: protocol.Prioritise) -> protocol.Runs:
        jobs = self._engine.scheduler.prioritise(jobs_about(command.run_ids), command.priority)
        known = list(dict.fromkeys(job_id.run_id for job_id in jobs))

        def note(store: Store) -> None:
            for run_id in known:
                store.set_priority(run_id, command.priority)

        await self._engine.writer.call(note)
        return protocol.Runs(run_ids=known)

    async def _import(self, command: protocol.Import) -> protocol.Imported:
        """Take in a file piece by piece, then see to the runs it speaks of that are not at their end."""
        engine = self._engine
        lines = event_lines.read_lines(regular_file(command.path))
        count, unreadable, run_ids, known = 0, [], set(), set()
        engine.importing += 1
        try:
            while piece := await engine.aside(lambda: list(itertools.islice(lines, IMPORT_LINES))):
                spoken_of = {event.run_id for _, event in piece if event is not None} - known
                known |= set(await engine.writer.call(lambda store, ids=spoken_of: store.states(sorted(ids))))
                known |= {event.run_id for _, event in piece if isinstance(event, RunStarted) and names_itself(event)}
                taken = [event for _, event in piece if event is not None and event.run_id in known]
                self._refuse_running(taken)
                refused = await engine.writer.call(lambda store, taken=taken: apply_each(store, taken))
                out = {id(event) for event, _ in refused}
                unreadable += [
                    number for number, event in piece if event is None or event.run_id not in known or id(event) in out
                ]
                run_ids.update(event.run_id for event in taken)
                count += len(taken) - len(refused)
        finally:
            engine.importing -= 1
            await self._settle(sorted(run_ids))
            engine.pump()
        return protocol.Imported(events=count, unreadable=unreadable)

    def _refuse_running(self, taken: list[Event]) -> None:
        for event in taken:
            if JobId(event.run_id) in self._engine.scheduler.running:
                raise Refusal(f"{event.run_id} is running here; cancel it first, or wait for its end")

    async def _settle(self, run_ids: list[str]) -> None:
        """After an import: what is finished leaves the queue; what is unfinished and not queued here is not running."""
        scheduler = self._engine.scheduler
        states = await self._engine.writer.call(lambda store: store.states(run_ids))
        for run_id, state in states.items():
            job_id = JobId(run_id)
            if state in FINISHED:
                scheduler.cancel([job_id])
            elif job_id in scheduler:
                self._engine.put_state(job_id, JobEnd("queued", None, 0))
            else:
                self._engine.put_state(job_id, JobEnd("failed", "the imported file ends before the run does", 0))
        self._queue(
            run for run in await self._engine.writer.call(lambda store: store.pending(run_ids)) if run.state == "done"
        )
        await self._engine.writer.flush()


def names_itself(event: RunStarted) -> bool:
    """Whether a run has the id that its experiment gives it."""
    try:
        return Experiment.from_dict(event.experiment).run_id == event.run_id
    except SpecError:
        return False


def regular_file(path: str) -> Path:
    """The path of a file with an end, unlike a device or a pipe."""
    found = absolute(path)
    if found.exists() and not found.is_file():
        raise Refusal(f"{path}: not a file")
    return found


def versions() -> dict[str, str]:
    """Releases of what runs in this process."""
    known = {"python": platform.python_version()}
    for package in ("mia-explore", "duckdb"):
        try:
            known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            known[package] = "source"
    return known
