"""Jobs on a Slurm cluster, each handed over by `sbatch`, watched by one `squeue` for all, ended by `scancel`."""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from engine.event_file import LATE
from engine.job_settings import Assignment, JobId
from engine.service.devices import Device, Machine
from engine.service.executors import Deliver, Exited, Left, Message, not_started
from engine.service.executors import slurm_commands as slurm
from engine.service.executors.handover import Handover, hand_over, left
from engine.service.executors.local import last_words
from engine.service.executors.slurm_commands import GOING, WAITING, QueueRow, SlurmBusyError
from engine.service.places import SlurmPlace
from engine.service.project import Project
from engine.service.scheduler import MAX_STARTS, Job
from engine.service.settings import EngineSettings
from engine.validation import SpecError, require

AT_ONCE = 20
"""Jobs handed over between two looks at the queue."""
LOOK_SECONDS = 0.01
"""Seconds between two looks for each job that there is: a thousand are looked at every ten seconds."""
MISSES = 3
"""Looks in a row at which Slurm does not name a job before that counts as gone: one may be late."""
NEVER_BEGAN = "ended before it began"
RESUMED = {"TIMEOUT", "PREEMPTED", "DEADLINE"}
"""Ends in which a process that got anywhere is not at fault."""

log = logging.getLogger(__name__)


class SlurmExecutor:
    """Hands jobs to Slurm; one thread does all that takes time, and alone knows how the jobs stand.

    What is in Slurm's queue goes on without the engine, and is found again by its folder in the project.
    """

    def __init__(self, place: SlurmPlace, project: Project, settings: EngineSettings):
        self.place = place
        self._project, self._entry = project, settings.entry
        self._folder = project.handovers / place.name
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._here: list[Handover] = []
        """Handed over, or to be, and not at their end."""
        self._over: list[Handover] = []
        """At their end, which may not be on disk yet."""
        self._trouble = ""
        self._fruitless: Counter[JobId] = Counter()
        """Of jobs how many processes in a row got nowhere in the time that they had."""

    @property
    def machine(self) -> Machine:
        """One device, of as many slots as there may be jobs in the queue."""
        return Machine((Device(self.place.name, self.place.label, self.place.jobs, self.place.name),), 1)

    def open(self, deliver: Deliver, room: threading.Event) -> None:
        """Tell everything by `deliver`."""
        self._deliver, self._room = deliver, room
        threading.Thread(target=self._run, name=f"slurm {self.place.name}", daemon=True).start()

    def prepare(self) -> None:
        """See that the commands are there, that nodes can see the project, and that Slurm takes such jobs."""
        place, root = self.place, self._project.root
        if missing := slurm.missing():
            raise SpecError(f"on: {place.name}: no {', '.join(missing)} on this machine; is it a login node of Slurm?")
        if place.shared:
            shared = Path(place.shared).expanduser().resolve()
            require(shared.is_dir(), "shared", place.shared, "a folder that is there")
            fine = root.is_relative_to(shared)
            require(fine, "--project", str(root), f"a folder within {shared}, which the nodes of {place.name} see")
        try:
            slurm.test(place, root)
        except SlurmBusyError as error:
            raise SpecError(f"on: {place.name}: {error}") from None

    def left(self) -> list[Left]:
        """What an earlier engine handed over, or was about to."""
        found = left(self._folder)
        for handover in found:
            handover.sure = False
        self._asked.put(partial(self._here.extend, found))
        return [Left(handover.jobs, self.place.name) for handover in found]

    def submit(self, jobs: Sequence[Job], device: str, folders: Sequence[Path]) -> None:  # noqa: ARG002 - it has one
        """Hand the jobs over, as one job of Slurm's."""
        assignments = [
            Assignment(
                job_id=job.job_id,
                experiment=job.experiment,
                attacks=job.attacks,
                population=job.population,
                run_folder=str(folder),
                options=job.options,
                device=job.options.device,
                threads=self.place.cpus,
            )
            for job, folder in zip(jobs, folders, strict=True)
        ]
        self._asked.put(partial(self._take, assignments))

    def stop(self, job_id: JobId) -> None:
        """Ask for a checkpoint and an end; a job that only waits leaves the queue."""
        self._asked.put(partial(self._end, job_id, softly=True))

    def cancel(self, job_id: JobId) -> None:
        """Take a job out of Slurm, or tell a process that others still need to leave it."""
        self._asked.put(partial(self._end, job_id))

    def forget(self, job_id: JobId) -> None:
        """Its end is on disk."""
        self._asked.put(partial(self._forget, job_id))

    # On the executor's own thread from here on

    def _run(self) -> None:
        looked = 0.0
        while True:
            between = max(self.place.poll, LOOK_SECONDS * len(self._here))
            self._obey(max(0.0, looked + between - time.monotonic()) if self._here else None)
            try:
                self._hand_over_some()
                if self._here and time.monotonic() >= looked + between:
                    self._look()
                    looked = time.monotonic()
            except Exception:  # whatever it is, those that run must be watched on
                log.exception("%s: an unexpected error", self.place.name)
                time.sleep(1.0)

    def _obey(self, patience: float | None) -> None:
        """Do what was asked for, waiting so long for the first word."""
        try:
            self._asked.get(timeout=patience)()
            while True:
                self._asked.get_nowait()()
        except queue.Empty:
            pass

    def _tell(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._deliver(message)

    def _take(self, assignments: Sequence[Assignment]) -> None:
        try:
            Path(assignments[0].run_folder).mkdir(parents=True, exist_ok=True)
            self._here.append(hand_over(self._folder, assignments, self._entry))
        except OSError as error:
            self._tell(Exited(each.job_id, not_started(error)) for each in assignments)

    def _hand_over_some(self) -> None:
        now = time.monotonic()
        waiting = [own for own in self._here if own.sure and not own.cluster_id and own.again_at <= now]
        for handover in waiting[:AT_ONCE]:
            try:
                name = f"{slurm.NAME}{handover.token}"
                place = self.place
                handover.cluster_id = slurm.submit(place, name, handover.folder, handover.log, handover.cpu_only)
            except SlurmBusyError as error:
                handover.sure = False  # it may have been taken all the same; the queue tells
                self._wait_for(handover, str(error))
                return
            except SpecError as error:
                self._finish(handover, handover.failed("failed", str(error)))
            else:
                log.info("%s: %s", ", ".join(map(str, handover.jobs)), self._named(handover))
                self._tell(handover.where(job=self._named(handover), waits="handed over"))

    def _wait_for(self, handover: Handover, words: str) -> None:
        handover.again_at = time.monotonic() + self.place.pause
        self._tell(handover.where(waits=words))

    def _named(self, handover: Handover) -> str:
        return f"slurm {handover.cluster_id}"

    def _look(self) -> None:
        """One question about all jobs; then what each has said, and what has become of it."""
        self._room.wait()
        try:
            rows = slurm.look()
        except SlurmBusyError as error:
            rows = None
            if str(error) != self._trouble:
                log.warning("%s: %s", self.place.name, error)
            self._trouble = str(error)
        by_id = {row.slurm_id: row for row in rows or ()}
        by_name = {row.name: row for row in rows or ()}
        for handover in list(self._here):
            self._tell(handover.heard())
            if not handover.left:
                self._finish(handover, ())
            elif rows is not None and not handover.cluster_id:
                self._find(handover, by_name.get(f"{slurm.NAME}{handover.token}"))
            elif rows is not None:
                self._see(handover, by_id.get(handover.cluster_id))

    def _find(self, handover: Handover, row: QueueRow | None) -> None:
        """Of a handover that Slurm may have or not: it has it if `sbatch` wrote an id, or the queue shows its name."""
        if handover.sure:
            return
        if slurm_id := slurm.written_id(handover.folder) or (row.slurm_id if row else ""):
            handover.cluster_id, handover.sure = slurm_id, True
            self._tell(handover.where(job=self._named(handover)))
            if handover.unwanted.issuperset(handover.left):
                slurm.cancel([slurm_id])
            return
        handover.misses += 1
        if handover.misses >= MISSES and handover.unwanted.issuperset(handover.left):
            self._finish(handover, handover.over(NEVER_BEGAN))
        elif handover.misses >= MISSES and handover.again_at <= time.monotonic():
            handover.sure, handover.misses = True, 0

    def _see(self, handover: Handover, row: QueueRow | None) -> None:
        if row is None:
            handover.misses += 1
            if handover.misses >= MISSES:
                state = slurm.last_state(handover.cluster_id)
                self._gone(handover, state, f"{self._named(handover)} is gone from the queue without a word")
            return
        handover.misses = 0
        if row.state in WAITING:
            self._tell(handover.where(node="", waits=row.reason or row.state.lower()))
        elif row.state in GOING:
            self._tell(handover.where(node=row.node, waits=""))
        else:
            self._gone(handover, row.state, f"{self._named(handover)} ended on {row.node} as {row.state}")

    def _gone(self, handover: Handover, state: str, reason: str) -> None:
        """Slurm has ended it: it is what its process said, as soon as all of that has come."""
        now = time.monotonic()
        handover.gone_at = handover.gone_at or now
        if state == "COMPLETED" and not handover.held and now < handover.gone_at + LATE:
            return  # a shared file system may still hold its last words back
        self._tell(handover.heard())
        words = last_words(handover.log, 0)
        if state.startswith("CANCELLED") and not handover.unwanted.issuperset(handover.left):
            self._finish(handover, handover.failed("cancelled", f"{self._named(handover)} was cancelled in Slurm"))
        elif (state in RESUMED or handover.stopping) and self._may_go_on(handover):
            self._finish(handover, handover.over("") if handover.held else handover.failed("queued", None))
        else:
            self._finish(handover, handover.over(f"{reason}: {words}" if words else reason))

    def _may_go_on(self, handover: Handover) -> bool:
        """Whether a process that was ended for want of time is no crash: it got somewhere, or one of the last did."""
        of = handover.jobs[0]
        self._fruitless[of] = 0 if handover.moved > 1 or handover.held else self._fruitless[of] + 1
        return self._fruitless[of] < MAX_STARTS

    def _finish(self, handover: Handover, messages: Iterable[Message]) -> None:
        self._here.remove(handover)
        self._over.append(handover)
        self._tell(messages)

    def _end(self, job_id: JobId, *, softly: bool = False) -> None:
        for handover in [own for own in self._here if job_id in own.left]:
            handover.unwanted.add(job_id)
            begun = bool(handover.placed.get("node"))
            if not handover.cluster_id and handover.sure:
                self._finish(handover, handover.over(NEVER_BEGAN))
            elif begun and not handover.unwanted.issuperset(handover.left):
                handover.tell(f"cancel {job_id.run_id}")
            elif handover.cluster_id:
                slurm.cancel([handover.cluster_id], softly=softly and begun)

    def _forget(self, job_id: JobId) -> None:
        for handover in [own for own in self._over if job_id in own.remembered]:
            handover.remembered.discard(job_id)
            if not handover.remembered:
                self._over.remove(handover)
                handover.remove()
