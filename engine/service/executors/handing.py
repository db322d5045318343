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
from engine.service.executors import Deliver, Exited, Left, Message, not_started
from engine.service.executors.handover import Handover, hand_over, left
from engine.service.places import Place
from engine.service.project import Project
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings

LOOK_SECONDS = 0.01
"""Seconds between two looks for each job that there is: a thousand are looked at every ten seconds."""
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
            Assignment(
                job_id=job.job_id,
                experiment=job.experiment,
                attacks=job.attacks,
                population=job.population,
                run_folder=str(folder),
                options=job.options,
                device=self.device(job.options.device),
                threads=self.place.cpus,
            )
            for job, folder in zip(jobs, folders, strict=True)
        ]
        self._asked.put(partial(self._take, assignments))

    def device(self, asked: str) -> str:
        """What a job is told of its device, where its runs ask for this one."""
        return asked

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
    def _turn(self) -> None:
        """Hand over what is to be, see how all stand, tell."""

    @abstractmethod
    def _end_one(self, handover: Handover, job_id: JobId, softly: bool) -> None:
        """End what the cluster has of a job, or ask for it; nobody wants `handover.unwanted` any more."""

    def _rest(self, turned: float) -> float | None:
        """Seconds until the next turn, the last one having begun then; None: until something is asked for."""
        between = max(self.place.poll, LOOK_SECONDS * len(self._here))
        return max(0.0, turned + between - time.monotonic()) if self._here else None

    def _run(self) -> None:
        turned = 0.0
        while True:
            try:
                self._obey(self._rest(turned))
                if self._rest(turned) == 0.0:
                    self._room.wait()
                    self._turn()
                    turned = time.monotonic()
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
