"""The machine's gauges read again and again in a thread, calmed so that a quiet machine changes nothing on screen."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from explorer.machine.gauges import Gauges, Gpu, MachineReading

BUSY_SECONDS, CALM_SECONDS = 2.0, 10.0
"""Between two readings: where a GPU is or a run is at work, and elsewhere."""
CELL_SECONDS, CELLS = 10.0, 60
"""A history has so many cells of so many seconds: the last ten minutes."""
GIB, GB = 2**30, 10**9


@dataclass
class GaugeHistory:
    """The last ten minutes of a gauge, a mean for every cell of time; None where nothing was read."""

    cells: deque[float | None] = field(default_factory=lambda: deque(maxlen=CELLS))
    _now: int | None = None
    _sum: float = 0.0
    _count: int = 0

    def put(self, moment: float, value: float | None) -> bool:
        """Note a reading, 0 to 1; whether the cells look different now."""
        cell = int(moment // CELL_SECONDS)
        before = list(self.cells)
        if self._now is not None and cell != self._now:
            self.cells.append(round(self._sum / self._count, 2) if self._count else None)
            self.cells.extend([None] * min(CELLS, cell - self._now - 1))
            self._sum, self._count = 0.0, 0
        self._now = cell
        if value is not None:
            self._sum, self._count = self._sum + value, self._count + 1
        return list(self.cells) != before


class MachineWatch:
    """Reads the gauges for as long as the app is open; the rest of it lives on the event loop that started it."""

    def __init__(self, folder: Path, working: Callable[[], bool], on_change: Callable[[], None]):
        """`folder`: whose disk. `working`: whether runs are at work. `on_change`: something looks new."""
        self.latest: MachineReading | None = None
        """The latest reading as it is to be shown; what changes all the time is there only while runs are at work."""
        self.utilisation: dict[int, GaugeHistory] = {}
        self.memory: dict[int, GaugeHistory] = {}
        """Histories by the GPU's index; memory as a share of all there is."""
        self._folder, self._working, self._on_change = folder, working, on_change
        self._gap = BUSY_SECONDS
        self._end = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        # A driver that hangs must not keep the app from ending: so no thread that anybody waits for.
        threading.Thread(target=self._read, args=(loop,), name="gauges", daemon=True).start()

    def close(self) -> None:
        """Read no more."""
        self._end.set()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        gauges = Gauges(self._folder)
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            while not self._end.is_set():
                loop.call_soon_threadsafe(self.take, gauges.read(), time.monotonic())
                self._end.wait(self._gap)
        gauges.close()

    def take(self, reading: MachineReading, moment: float) -> None:
        """Note a reading made at that moment of the monotonic clock."""
        if self._end.is_set():
            return
        working = self._working()
        self._gap = BUSY_SECONDS if reading.gpus or working else CALM_SECONDS
        before, self.latest = self.latest, calmed(reading, self.latest, working)
        changed = before != self.latest
        for gpu in reading.gpus:
            changed |= self.utilisation.setdefault(gpu.index, GaugeHistory()).put(moment, gpu.utilisation)
            changed |= self.memory.setdefault(gpu.index, GaugeHistory()).put(moment, memory_share(gpu))
        if changed:
            self._on_change()


def memory_share(gpu: Gpu) -> float | None:
    """The share of a GPU's memory that is used, None where the driver does not tell."""
    return gpu.memory_used / gpu.memory_total if gpu.memory_used is not None and gpu.memory_total else None


def calmed(new: MachineReading, old: MachineReading | None, working: bool) -> MachineReading:
    """The reading in the steps in which it is shown; `old` is the one shown before.

    While nothing runs here the processors' share is left out, and a GPU's gauges move in coarse steps.
    """
    before = {gpu.index: gpu for gpu in old.gpus} if old else {}
    return replace(
        new,
        gpus=tuple(_calmed_gpu(gpu, before.get(gpu.index), working) for gpu in new.gpus),
        cpu=steady(new.cpu, old and old.cpu, 0.05) if working else None,
        memory_used=steady(new.memory_used, old and old.memory_used, GIB),
        disk_free=steady(new.disk_free, old and old.disk_free, GB if (new.disk_free or 0) >= 10 * GB else GB / 10),
    )


def _calmed_gpu(new: Gpu, old: Gpu | None, working: bool) -> Gpu:
    processes = tuple(replace(process, memory=steady(process.memory, None, GIB / 10)) for process in new.processes)
    return replace(
        new,
        utilisation=steady(new.utilisation, old and old.utilisation, 0.01 if working else 0.1),
        memory_used=steady(new.memory_used, old and old.memory_used, GIB / 10),
        temperature=steady(new.temperature, old and old.temperature, 1 if working else 5),
        watts=steady(new.watts, old and old.watts, 5 if working else 25),
        processes=processes,
    )


def steady(new: float | None, old: float | None, step: float) -> float | None:
    """`new` in whole steps, or still `old` while that is less than three quarters of a step away.

    So a value on the edge between two steps does not go back and forth.
    """
    if new is None or (old is not None and abs(new - old) < 0.75 * step):
        return None if new is None else old
    return round(new / step) * step
