"""Which run starts next, where, and what becomes of a run that ended: pure decisions, without processes or clocks."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.job_settings import Place
from engine.service.devices import Device, Machine

MAX_STARTS = 3
"""A run whose process crashes is started this often in all before it counts as failed."""


@dataclass(frozen=True, kw_only=True)
class QueuedRun:
    """A run that waits for its turn."""

    run_id: str
    experiment: Mapping[str, Any]
    place: Place
    priority: int = 0
    """Higher ones first; equal ones in the order of submission."""
    crashes: int = 0
    """How often its process has crashed since it was last asked for."""
    training_id: str = ""
    """Runs that share it share their weights, so one of them trains first; empty for a run that trains nothing."""


@dataclass(frozen=True)
class Start:
    """A run that begins now, on a device."""

    run: QueuedRun
    device: str


@dataclass(frozen=True)
class Outcome:
    """The state that follows an end, why, and the crashes counted so far."""

    state: str
    error: str | None
    crashes: int


@dataclass
class _Entry:
    """A run in the scheduler's hands: waiting without a device, running with one."""

    run: QueuedRun
    order: int
    device: str | None = None
    cancelled: bool = False
    outcome: Outcome | None = None
    """How its process said it ends, while the process itself is still there."""
    again: QueuedRun | None = None
    """The same run, asked for again in that moment."""
    trained: bool = False
    """Whether its process has its weights."""

    @property
    def ends_for_good(self) -> bool:
        """Whether its process has said that it will not be started again."""
        return self.outcome is not None and self.outcome.state != "queued"


@dataclass
class Scheduler:
    """The queue and the running jobs of one machine.

    A run is in here from `add` until it has ended for good, whatever its process does in between.
    """

    machine: Machine
    paused: bool = False
    stopping: bool = False
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _orders: Iterator[int] = field(default_factory=itertools.count)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._entries

    @property
    def queued(self) -> list[str]:
        """Waiting runs, the next one first."""
        return [entry.run.run_id for entry in self._waiting()]

    @property
    def running(self) -> dict[str, str]:
        """Device of each run that has a process."""
        return {run_id: entry.device for run_id, entry in self._entries.items() if entry.device}

    def problem(self, place: Place) -> str | None:
        """Why a run with this place could never start here, or None."""
        if self.machine.suitable(place.device):
            return None
        return f"device: {place.device!r} is not on this machine, which has {self.machine.names}"

    def add(self, run: QueuedRun) -> None:
        """Put a run at the end of its priority; one that is in here already stays as it is."""
        entry = self._entries.get(run.run_id)
        if entry is None:
            self._entries[run.run_id] = _Entry(run, next(self._orders))
        elif entry.ends_for_good:
            entry.again = run

    def starts(self) -> list[Start]:
        """Runs to start now; they count as running from here on.

        A run that finds its devices taken reserves them for itself, so smaller or later ones never overtake it there;
        one whose weights are being trained by another run lets others pass until they are there.
        """
        if self.paused or self.stopping:
            return []
        begun, closed = [], set()
        training = {entry.run.training_id for entry in self._entries.values() if entry.device and not entry.trained}
        for entry in self._waiting():
            if entry.run.training_id and entry.run.training_id in training:
                continue
            suitable = self.machine.suitable(entry.run.place.device)
            free = [device for device in suitable if device.name not in closed and self._has_room(device)]
            if free:
                entry.device = min(free, key=lambda device: self._load(device) / device.slots).name
                begun.append(Start(entry.run, entry.device))
                training.add(entry.run.training_id)
            else:
                closed.update(device.name for device in suitable)
                if len(closed) == len(self.machine.devices):
                    break
        return begun

    def trained(self, run_id: str) -> bool:
        """The process of a run has its weights; whether that is news."""
        entry = self._entries.get(run_id)
        if entry is None or entry.device is None or entry.trained:
            return False
        entry.trained = True
        return True

    def said(self, run_id: str, state: str, error: str | None) -> Outcome:
        """The process of a run said how it ends; its slot is taken until `exited`."""
        entry = self._entries[run_id]
        if entry.cancelled and state != "done":
            state, error = "cancelled", None
        entry.outcome = Outcome(state, error, entry.run.crashes)
        return entry.outcome

    def exited(self, run_id: str, reason: str) -> Outcome | None:
        """The process of a run is gone and its slot free; the outcome where it is not the one the process spoke of."""
        entry = self._entries.pop(run_id)
        outcome = entry.outcome or self._after_crash(entry, reason)
        if entry.cancelled and outcome.state == "queued":
            outcome = Outcome("cancelled", None, outcome.crashes)
        if outcome.state == "queued":
            self._entries[run_id] = _Entry(replace(entry.run, crashes=outcome.crashes), entry.order)
        elif entry.again is not None:
            self.add(entry.again)
        return None if outcome is entry.outcome else outcome

    def _after_crash(self, entry: _Entry, reason: str) -> Outcome:
        if entry.cancelled:
            return Outcome("cancelled", None, entry.run.crashes)
        if self.stopping:
            return Outcome("queued", None, entry.run.crashes)
        crashes = entry.run.crashes + 1
        return Outcome("queued" if crashes < MAX_STARTS else "failed", reason, crashes)

    def cancel(self, run_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """Give runs up: (those that waited and are gone now, those whose process must be ended)."""
        waiting, running = [], []
        for run_id in dict.fromkeys(run_ids):
            entry = self._entries.get(run_id)
            if entry is None:
                continue
            if entry.device is None:
                del self._entries[run_id]
                waiting.append(run_id)
            elif entry.again is not None:
                entry.again = None
                waiting.append(run_id)
            elif not entry.ends_for_good:
                entry.cancelled = True
                running.append(run_id)
        return waiting, running

    def prioritise(self, run_ids: Iterable[str], priority: int) -> list[str]:
        """Give runs another priority; those of them that are in here."""
        known = [run_id for run_id in dict.fromkeys(run_ids) if run_id in self._entries]
        for run_id in known:
            entry = self._entries[run_id]
            entry.run = replace(entry.run, priority=priority)
        return known

    def _waiting(self) -> list[_Entry]:
        waiting = [entry for entry in self._entries.values() if entry.device is None]
        return sorted(waiting, key=lambda entry: (-entry.run.priority, entry.order))

    def _load(self, device: Device) -> int:
        return sum(entry.device == device.name for entry in self._entries.values())

    def _has_room(self, device: Device) -> bool:
        if self._load(device) >= device.slots:
            return False
        if device.name == "cpu":
            return True
        on_accelerators = sum(entry.device not in (None, "cpu") for entry in self._entries.values())
        return on_accelerators < self.machine.accelerator_jobs
