"""The executor that the engine speaks to: this machine's, and those of the places that runs ask for."""

import contextlib
import importlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from engine.job_settings import LOCAL, JobId
from engine.service.devices import Machine
from engine.service.executors import ClusterExecutor, Deliver, Executor, Left
from engine.service.executors.local import LocalExecutor
from engine.service.places import Place, RayPlace, SlurmPlace, place_of
from engine.service.project import Project
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings
from engine.validation import SpecError

EXECUTORS: dict[type, str] = {
    SlurmPlace: "engine.service.executors.slurm:SlurmExecutor",
    RayPlace: "engine.service.executors.ray:RayExecutor",
}
"""Kind of a place -> `module:class`, imported when the first run asks for one of that kind."""
FRESH = 60.0
"""Seconds for which a place that was tried is not tried again."""


def executor_of(place: Place, project: Project, settings: EngineSettings) -> ClusterExecutor:
    """What hands jobs to the place."""
    module, _, name = EXECUTORS[type(place)].partition(":")
    return getattr(importlib.import_module(module), name)(place, project, settings)


@dataclass
class _Tried:
    """A place's settings and when they were last found to work."""

    place: Place
    at: float


class Everywhere:
    """Hands jobs to the executor of their device's place; `machine` grows by a device with each place asked for."""

    def __init__(self, project: Project, settings: EngineSettings, here: Executor | None = None):
        self.here = here or LocalExecutor(settings)
        self.machine: Machine = self.here.machine
        self._project, self._settings = project, settings
        self._away: dict[str, ClusterExecutor] = {}
        self._tried: dict[str, _Tried] = {}
        self._at: dict[JobId, Executor] = {}

    def open(self, deliver: Deliver, room: threading.Event) -> None:
        """Tell everything by `deliver`, those of the places that come later too."""
        self._deliver, self._room = deliver, room
        self.here.open(deliver, room)

    def prepare(self, places: Sequence[str]) -> None:
        """See that jobs can go to these places; `SpecError` in one line where they cannot. Takes seconds."""
        for name in places:
            if name == LOCAL:
                continue
            place, now, tried = place_of(name, self._project.root), time.monotonic(), self._tried.get(name)
            if tried is None or tried.place != place or now > tried.at + FRESH:
                self._executor(place).prepare()
                self._tried[name] = _Tried(place, now)

    def know(self, places: Sequence[str]) -> None:
        """Have a device for each of these places, tried or not; `SpecError` where there is none of the name."""
        for name in places:
            if name != LOCAL:
                self._executor(place_of(name, self._project.root))

    def _executor(self, place: Place) -> ClusterExecutor:
        """The place's executor, made when it is first asked for; one with settings that changed has the new ones."""
        if (known := self._away.get(place.name)) is None:
            known = executor_of(place, self._project, self._settings)
            known.open(self._deliver, self._room)
            self._away[place.name] = known
        elif known.place != place:
            known.place = place
        devices = (device for own in self._away.values() for device in own.machine.devices)
        self.machine = replace(self.here.machine, devices=(*self.here.machine.devices, *devices))
        return known

    def submit(self, jobs: Sequence[Job], device: str, folders: Sequence[Path]) -> None:
        """Start jobs where the device is."""
        executor = self._away.get(device, self.here)
        self._at |= {job.job_id: executor for job in jobs}
        executor.submit(jobs, device, folders)

    def stop(self, job_id: JobId) -> None:
        """Ask for a checkpoint and an end."""
        self._at.get(job_id, self.here).stop(job_id)

    def cancel(self, job_id: JobId) -> None:
        """End a job."""
        self._at.get(job_id, self.here).cancel(job_id)

    def goes_on(self, job_id: JobId) -> bool:
        """Whether a job that is at work goes on when the engine ends."""
        return self._at.get(job_id, self.here) is not self.here

    def left(self) -> list[Left]:
        """The jobs that an earlier engine left to clusters."""
        found = []
        for folder in self._project.handovers.iterdir() if self._project.handovers.is_dir() else ():
            with contextlib.suppress(SpecError):  # no run waits for a place that is no longer known
                self.know([unquote(folder.name)])
        for executor in self._away.values():
            own = executor.left()
            self._at |= {job_id: executor for each in own for job_id in each.job_ids}
            found += own
        return found

    def forget(self, job_id: JobId) -> None:
        """How the job ended is safely on disk."""
        for executor in self._away.values():
            executor.forget(job_id)
