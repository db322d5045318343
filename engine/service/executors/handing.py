"""What executors of clusters share: handovers on disk, and one thread that does all that takes time."""

import logging
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from engine.job_settings import Assignment, JobId
from engine.service.devices import Device, Machine
from engine.service.executors import ClusterBusyError, Deliver, Exited, Left, Message, assignment_of, not_started
from engine.service.executors.handover import Handover, hand_over, left
from engine.service.places import Place
from engine.service.project import Project
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings
from engine.validation import SpecError

LOOK_SECONDS = 0.01
"""Seconds between two looks for each job that there is: a thousand are looked at every ten seconds."""
AT_ONCE = 20
"""Jobs handed over before anything else is done."""
NEVER_BEGAN = "ended before it began"

log = logging.getLogger(__name__)


class HandingExecutor(ABC):
    """Hands jobs to a cluster, where they go on without the engine and are found again by their folders in the project.

    Its thread alone knows how the jobs stand; what others ask for waits for its next turn.
    """

    def __init__(self, place: Place, project: Project, settings: EngineSettings):
        self.place = place
        self._project, self._entry = project, settings.entry
        self._folder = project.handovers / quote(place.name, safe="")
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._here: list[Handover] = []
        """Handed over, or to be, and not at their end."""
        self._over: list[Handover] = []
        """At their end, which may not be on disk yet."""
        self._again_at = 0.0
        """When to hand over again after the cluster was busy."""
        self._trouble = ""

    @property
    def machine(self) -> Machine:
        """One device, of as many slots as there may be jobs in the cluster's queue."""
        return Machine((Device(self.place.name, self.place.label, self.place.jobs, self.place.name),), 1)

    def open(self, deliver: Deliver, room: threading.Event) -> None:
        """Tell everything by `deliver`."""
        self._deliver, self._room = deliver, room
        threading.Thread(target=self._run, name=self.place.name, daemon=True).start()

    def left(self) -> list[Left]:
        """What an earlier engine handed over, or was about to."""
        found = left(self._folder)
        self._asked.put(partial(self._find_again, found))
        return [Left(handover.jobs, self.place.name) for handover in found]

    def submit(self, jobs: Sequence[Job], device: str, folders: Sequence[Path]) -> None:  # noqa: ARG002 - it has one
        """Hand the jobs over, as one job of the cluster's."""
        assignments = [
            assignment_of(job, folder, device_there(job.options.device), self.place.cpus)
            for job, folder in zip(jobs, folders, strict=True)
        ]
        self._asked.put(partial(self._take, assignments))

    def stop(self, job_id: JobId) -> None:
        """Ask for a checkpoint and an end; a job that only waits leaves the queue."""
        self._asked.put(partial(self._end, job_id, softly=True))

    def cancel(self, job_id: JobId) -> None:
        """Take a job out of the cluster, or tell a process that others still need to leave it."""
        self._asked.put(partial(self._end, job_id))

    def forget(self, job_id: JobId) -> None:
        """Its end is on disk."""
        self._asked.put(partial(self._forget, job_id))

    # On the executor's own thread from here on

    @abstractmethod
    def _hand_over(self, handover: Handover) -> tuple[str, str]:
        """What the cluster calls the job from now on, and why it waits there; `ClusterBusyError`, `SpecError`."""

    @abstractmethod
    def _look(self) -> None:
        """See how all stand, and tell."""

    @abstractmethod
    def _named(self, handover: Handover) -> str:
        """The cluster's name of a job, as people are told it."""

    @abstractmethod
    def _end_one(self, handover: Handover, job_id: JobId, softly: bool) -> None:
        """End what the cluster has of a job, or ask for it; nobody wants `handover.unwanted` any more."""

    def _until_look(self, looked: float) -> float | None:
        """Seconds until the next look, the last one having been then; None: there is nothing to look at."""
        between = max(self.place.poll, LOOK_SECONDS * len(self._here))
        return max(0.0, looked + between - time.monotonic()) if self._here else None

    def _run(self) -> None:
        looked = 0.0
        while True:
            try:
                self._obey(0.0 if self._to_hand_over() else self._until_look(looked))
                self._hand_over_some()
                if self._until_look(looked) == 0.0:
                    self._room.wait()
                    self._look()
                    looked = time.monotonic()
            except Exception:  # whatever it is, those that run must be watched on
                log.exception("%s: an unexpected error", self.place.name)
                time.sleep(1.0)

    def _to_hand_over(self) -> list[Handover]:
        """Those that the cluster has not got, as long as it is not known to be busy."""
        if time.monotonic() < self._again_at:
            return []
        return [own for own in self._here if own.sure and not own.cluster_id][:AT_ONCE]

    def _hand_over_some(self) -> None:
        for handover in self._to_hand_over():
            try:
                handover.cluster_id, waits = self._hand_over(handover)
            except ClusterBusyError as error:
                self._busy(str(error))
                return
            except SpecError as error:
                self._finish(handover, handover.failed("failed", str(error)))
            else:
                log.info("%s: %s", ", ".join(map(str, handover.jobs)), self._named(handover))
                self._tell(handover.where(job=self._named(handover), waits=waits))

    def _busy(self, words: str) -> None:
        """The cluster takes no more now: say why to those that wait for it, and try again after a while."""
        self._again_at = time.monotonic() + self.place.pause
        self._complain(words)
        for handover in self._here:
            if not handover.cluster_id:
                self._tell(handover.where(waits=words))

    def _complain(self, words: str) -> None:
        """Into the log, but only once in a row."""
        if words and words != self._trouble:
            log.warning("%s: %s", self.place.name, words)
        self._trouble = words

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

    def _find_again(self, found: Sequence[Handover]) -> None:
        self._here.extend(found)

    def _take(self, assignments: Sequence[Assignment]) -> None:
        try:
            Path(assignments[0].run_folder).mkdir(parents=True, exist_ok=True)
            self._here.append(hand_over(self._folder, assignments, self._entry))
        except OSError as error:
            self._tell(Exited(each.job_id, not_started(error)) for each in assignments)

    def _finish(self, handover: Handover, messages: Iterable[Message]) -> None:
        self._here.remove(handover)
        self._over.append(handover)
        self._tell(messages)

    def _end(self, job_id: JobId, *, softly: bool = False) -> None:
        for handover in [own for own in self._here if job_id in own.left]:
            handover.unwanted.add(job_id)
            self._end_one(handover, job_id, softly)

    def _forget(self, job_id: JobId) -> None:
        for handover in [own for own in self._over if job_id in own.remembered]:
            handover.remembered.discard(job_id)
            if not handover.remembered:
                self._over.remove(handover)
                handover.remove()


def device_there(asked: str) -> str:
    """A cluster gives each job its own GPUs, of which the first has the number 0."""
    return "cuda" if asked.startswith("cuda") else asked
