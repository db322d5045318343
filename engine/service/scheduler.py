"""Which job starts next, where, and what becomes of a job that ended: pure decisions, without processes or clocks."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.job_settings import JobId, RunOptions
from engine.service.devices import Device, Machine

MAX_STARTS = 3
"""A job whose process crashes is started this often in all before it counts as failed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Something to be computed by one process, which waits for its turn.

    What it `needs` and `provides` are names of things, such as `weights:TRAINING` or `answers:RUN`. A job that cannot
    provide a thing itself waits for it as long as another job here will; one that could waits only while another is at
    it, and then finds it there. No two jobs may wait for each other.
    """

    job_id: JobId
    options: RunOptions
    experiment: Mapping[str, Any] = field(default_factory=dict)
    """`Experiment.to_dict()`."""
    attacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of each inference attack to carry out its own settings."""
    population: tuple[str, ...] = ()
    """The other runs that attacks with references compare it with."""
    stack: str = ""
    """Jobs with the same options and the same name here can be carried out together; empty: only by itself."""
    needs: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    priority: int = 0
    """Higher ones first; equal ones in the order of submission."""
    crashes: int = 0
    """How often its process has crashed since it was last asked for."""


@dataclass(frozen=True)
class Start:
    """Jobs that begin now in one process, on a device."""

    jobs: tuple[Job, ...]
    device: str


@dataclass(frozen=True)
class JobEnd:
    """The state that follows an end, why, and the crashes counted so far."""

    state: str
    error: str | None
    crashes: int


@dataclass(eq=False)
class _Entry:
    """A job in the scheduler's hands: waiting without a device, running with one."""

    job: Job
    order: int
    device: str | None = None
    process: int = 0
    """Which process is at it; those that are carried out together share it."""
    cancelled: bool = False
    outcome: JobEnd | None = None
    """How its process said it ends, while the process itself is still there."""
    again: Job | None = None
    """The same job, asked for again in that moment."""
    provided: set[str] = field(default_factory=set)
    """What of all that it provides is there already."""

    @property
    def promised(self) -> set[str]:
        """What it is still to provide."""
        return set(self.job.provides) - self.provided

    @property
    def ends_for_good(self) -> bool:
        """Whether its process has said that it will not be started again."""
        return self.outcome is not None and self.outcome.state != "queued"


@dataclass
class Scheduler:
    """The queue and the running jobs of one machine.

    A job is in here from `add` until it has ended for good, whatever its process does in between.
    """

    machine: Machine
    stack: int = 1
    """How many jobs may be carried out together."""
    paused: bool = False
    stopping: bool = False
    _stacks: dict[str, int] = field(default_factory=dict)
    """Of jobs that gave others of their stack back, how many went on together."""
    _entries: dict[JobId, _Entry] = field(default_factory=dict)
    _orders: Iterator[int] = field(default_factory=itertools.count)
    _processes: Iterator[int] = field(default_factory=itertools.count)

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._entries

    @property
    def queued(self) -> list[JobId]:
        """Waiting jobs, the next one first."""
        return [entry.job.job_id for entry in self._waiting()]

    @property
    def running(self) -> dict[JobId, str]:
        """Device of each job that has a process."""
        return {job_id: entry.device for job_id, entry in self._entries.items() if entry.device}

    def problem(self, options: RunOptions) -> str | None:
        """Why a job with these options could never start here, or None."""
        if self.machine.suitable(options):
            return None
        return f"device: {options.device!r} is not on this machine, which has {self.machine.names}"

    def add(self, job: Job) -> bool:
        """Put a job at the end of its priority; whether it was not here. One that waits becomes as it is now asked."""
        entry = self._entries.get(job.job_id)
        if entry is None:
            self._entries[job.job_id] = _Entry(job, next(self._orders))
        elif entry.device is None:
            entry.job = job
        elif entry.ends_for_good:
            entry.again = job
            return True
        return entry is None

    def adopt(self, start: Start) -> None:
        """Take over jobs that are at work already, in one process that outlived the engine that began it."""
        process = next(self._processes)
        for job in start.jobs:
            self._entries[job.job_id] = _Entry(job, next(self._orders), start.device, process)

    def starts(self) -> list[Start]:
        """Jobs to start now, of the places where one may go in the first that has room; they count as running.

        A job that finds its devices taken reserves them for itself, so smaller or later ones never overtake it there;
        one that waits for what it needs lets others pass until it is there.
        """
        if self.paused or self.stopping:
            return []
        begun, closed, waiting = [], set(), self._waiting()
        coming = set().union(*(entry.promised for entry in self._entries.values()))
        at_work = set().union(*(entry.promised for entry in self._entries.values() if entry.device))
        running = Counter(entry.job.stack for entry in self._entries.values() if entry.device)
        loads = {device.name: self.load(device.name) for device in self.machine.devices}
        alike: dict[tuple, list[_Entry]] = {}
        for entry in waiting:
            if entry.job.stack and _stackable(entry.job) and not _blocked(entry.job, coming, at_work):
                alike.setdefault(_kind(entry.job), []).append(entry)
        for entry in waiting:
            if entry.device or _blocked(entry.job, coming, at_work):
                continue
            suitable = self.machine.suitable(entry.job.options)
            free = [device for device in suitable if device.name not in closed and self._has_room(device, loads)]
            if free:
                order = entry.job.options.places  # slots of a cluster are places in its queue: they say nothing of room
                device = min(free, key=lambda own: (order.index(own.place), loads[own.name] / own.slots)).name
                slots = sum(device.slots for device in suitable)
                others = alike.get(_kind(entry.job), [])
                together = [entry, *self._mates(entry, others, running[entry.job.stack], slots, coming, at_work)]
                running[entry.job.stack] += len(together)
                begun.append(Start(tuple(each.job for each in together), device))
                process = next(self._processes)
                loads[device] += 1
                for each in together:
                    each.device, each.process = device, process
                    at_work |= set(each.job.provides)
            else:
                closed.update(device.name for device in suitable)
                if len(closed) == len(self.machine.devices):
                    break
        return begun

    def _mates(
        self, lead: _Entry, alike: list[_Entry], running: int, slots: int, coming: set[str], at_work: set[str]
    ) -> list[_Entry]:
        """Those that wait and start in the lead's process: no more than make a fair share of all for every slot."""
        if self.stack == 1 or lead not in alike:
            return []
        alike[:] = [entry for entry in alike if entry.device is None]
        share = math.ceil((running + len(alike)) / slots)
        most = min(self.stack, self._stacks.get(lead.job.stack, self.stack), share)
        taken = at_work | set(lead.job.provides)
        found: list[_Entry] = []
        for entry in alike:
            if len(found) >= most - 1:
                break
            if entry is not lead and not _blocked(entry.job, coming, taken):
                found.append(entry)
                taken |= set(entry.job.provides)
        return found

    def provided(self, job_id: JobId, kind: str) -> bool:
        """What a running job provides of a kind, such as `weights`, is there; whether that is news."""
        entry = self._entries.get(job_id)
        if entry is None or entry.device is None:
            return False
        there = {thing for thing in entry.promised if thing.startswith(f"{kind}:")}
        entry.provided |= there
        return bool(there)

    def said(self, job_id: JobId, state: str, error: str | None) -> JobEnd:
        """The process of a job said how it ends; its slot is taken until `exited`."""
        entry = self._entries[job_id]
        if entry.cancelled and state != "done":
            state, error = "cancelled", None
        entry.outcome = JobEnd(state, error, entry.job.crashes)
        together = [each for each in self._entries.values() if each.device and each.process == entry.process]
        left = sum(each.outcome is None for each in together)
        if state == "queued" and left and not self.stopping:
            self._stacks[entry.job.stack] = left
        return entry.outcome

    def exited(self, job_id: JobId, reason: str) -> JobEnd | None:
        """The process of a job is gone and its slot free; the outcome where it is not the one the process spoke of."""
        entry = self._entries.pop(job_id)
        outcome = entry.outcome or self._after_crash(entry, reason)
        if entry.cancelled and outcome.state == "queued":
            outcome = JobEnd("cancelled", None, outcome.crashes)
        if outcome.state == "queued":
            self._entries[job_id] = _Entry(replace(entry.job, crashes=outcome.crashes), entry.order)
        elif entry.again is not None:
            self.add(entry.again)
        return None if outcome is entry.outcome else outcome

    def _after_crash(self, entry: _Entry, reason: str) -> JobEnd:
        if entry.cancelled:
            return JobEnd("cancelled", None, entry.job.crashes)
        if self.stopping:
            return JobEnd("queued", None, entry.job.crashes)
        crashes = entry.job.crashes + 1
        return JobEnd("queued" if crashes < MAX_STARTS else "failed", reason, crashes)

    def cancel(self, job_ids: Iterable[JobId]) -> tuple[list[JobId], list[JobId]]:
        """Give jobs up: (those that waited and are gone now, those whose process must be ended)."""
        waiting, running = [], []
        for job_id in dict.fromkeys(job_ids):
            entry = self._entries.get(job_id)
            if entry is None:
                continue
            if entry.device is None:
                del self._entries[job_id]
                waiting.append(job_id)
            elif entry.again is not None:
                entry.again = None
                waiting.append(job_id)
            elif not entry.ends_for_good:
                entry.cancelled = True
                running.append(job_id)
        return waiting, running

    def prioritise(self, job_ids: Iterable[JobId], priority: int) -> list[JobId]:
        """Give jobs another priority; those of them that are in here."""
        known = [job_id for job_id in dict.fromkeys(job_ids) if job_id in self._entries]
        for job_id in known:
            entry = self._entries[job_id]
            entry.job = replace(entry.job, priority=priority)
        return known

    def _waiting(self) -> list[_Entry]:
        waiting = [entry for entry in self._entries.values() if entry.device is None]
        return sorted(waiting, key=lambda entry: (-entry.job.priority, entry.order))

    def load(self, device: str) -> int:
        """Slots of a device that are taken: one by each process."""
        return len({entry.process for entry in self._entries.values() if entry.device == device})

    def _has_room(self, device: Device, loads: Mapping[str, int]) -> bool:
        if loads[device.name] >= device.slots:
            return False
        accelerators = sum(loads[own.name] for own in self.machine.devices if own.is_accelerator)
        return not device.is_accelerator or accelerators < self.machine.accelerator_jobs


def _blocked(job: Job, coming: set[str], at_work: set[str]) -> bool:
    """Whether something that the job needs is still to come: what it could provide itself, only from those at work."""
    own = set(job.provides)
    return any(need in (at_work if need in own else coming) for need in job.needs)


def _kind(job: Job) -> tuple[Any, ...]:
    """What jobs that may be carried out together have in common."""
    return job.stack, job.options, job.priority


def _stackable(job: Job) -> bool:
    """Whether it may be carried out with others: its last chance after crashes is its own."""
    return job.crashes < MAX_STARTS - 1
