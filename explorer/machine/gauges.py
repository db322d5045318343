"""What the machine is doing now: its GPUs through NVML, its processors, memory and disk."""

import pwd
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class GpuProcess:
    """A process that uses a GPU; what the system does not tell is None."""

    pid: int
    user: str | None
    name: str | None
    memory: int | None
    """Bytes on this GPU."""


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU; what its driver does not tell is None."""

    index: int
    """As the driver's own tools count, in the order of the PCI bus."""
    name: str | None
    utilisation: float | None
    """Share of the time in which it computed lately, 0 to 1."""
    memory_used: int | None
    """Bytes, of all processes."""
    memory_total: int | None
    temperature: float | None
    """Degrees Celsius."""
    watts: float | None
    processes: tuple[GpuProcess, ...]
    """The largest first."""


@dataclass(frozen=True)
class MachineReading:
    """One reading; what this system does not tell is None."""

    gpus: tuple[Gpu, ...]
    trouble: str | None
    """Why no GPU can be read, in a few words."""
    cpu: float | None
    """Share of all processors' time that was used since the reading before, 0 to 1; None the first time."""
    memory_used: int | None
    """Bytes that could not be given to a new process."""
    memory_total: int | None
    disk_free: int | None
    """Bytes free for this user where the folder lies or would lie."""


class Gauges:
    """Reads the machine again and again; one reading at a time, from any thread. The first one starts NVML."""

    def __init__(self, folder: Path, proc: Path = Path("/proc")):
        """`folder`: whose disk to look at. `proc`: where the kernel tells about processes; Linux has it."""
        self._folder, self._proc = folder, proc
        self._nvml: ModuleType | None = None
        self._trouble: str | None = None
        self._ticks: tuple[int, int] | None = None

    def read(self) -> MachineReading:
        """The machine now; never an error."""
        gpus, trouble = self._gpus()
        used, total = _or_none(self._memory, LookupError, ValueError) or (None, None)
        return MachineReading(
            gpus=gpus,
            trouble=trouble,
            cpu=_or_none(self._cpu, LookupError, ValueError),
            memory_used=used,
            memory_total=total,
            disk_free=_or_none(lambda: shutil.disk_usage(_existing(self._folder)).free),
        )

    def close(self) -> None:
        """Give NVML back; a later reading would start it again."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            _or_none(nvml.nvmlShutdown, nvml.NVMLError)

    def _gpus(self) -> tuple[tuple[Gpu, ...], str | None]:
        """Every GPU, or why there is none."""
        if self._nvml is None and self._trouble is None:
            self._start()
        nvml = self._nvml
        if nvml is None:
            return (), self._trouble
        try:
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            return (), f"NVML: {error}"
        return tuple(_gpu(nvml, index, self._proc) for index in range(count)), None

    def _start(self) -> None:
        """Start NVML; not again where there is none."""
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError_LibraryNotFound:
            self._trouble = "NVML not found"
        except pynvml.NVMLError as error:
            self._trouble = f"NVML: {error}"
        else:
            self._nvml = pynvml

    def _cpu(self) -> float | None:
        """Of the time since the last reading, the share in which the processors were neither idle nor waiting."""
        first, _, _ = (self._proc / "stat").read_text().partition("\n")
        # proc(5): user nice system idle iowait irq softirq steal; guests' time is in user's already.
        ticks = [int(word) for word in first.split()[1:9]]
        now, before = (sum(ticks), ticks[3] + ticks[4]), self._ticks
        self._ticks = now
        if before is None or now[0] <= before[0]:
            return None
        # The kernel's count of waiting may fall a little.
        return min(1.0, max(0.0, 1 - (now[1] - before[1]) / (now[0] - before[0])))

    def _memory(self) -> tuple[int, int]:
        """Bytes used and in all."""
        lines = (self._proc / "meminfo").read_text().splitlines()
        kib = {words[0]: int(words[1]) for line in lines if len(words := line.split()) > 1}
        return (kib["MemTotal:"] - kib["MemAvailable:"]) * 1024, kib["MemTotal:"] * 1024


def _or_none(ask: Callable[[], Any], *errors: type[Exception]) -> Any:
    """The answer, or None where the system or the driver has none."""
    try:
        return ask()
    except (OSError, *errors):
        return None


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())


def _gpu(nvml: ModuleType, index: int, proc: Path) -> Gpu:
    def told(name: str, *arguments: Any) -> Any:
        return _or_none(lambda: getattr(nvml, f"nvmlDeviceGet{name}")(*arguments), nvml.NVMLError)

    device = told("HandleByIndex", index)
    if device is None:
        return Gpu(index, None, None, None, None, None, None, ())
    rates, milliwatts = told("UtilizationRates", device), told("PowerUsage", device)
    # As the driver's own tools: the second version leaves out what the driver keeps for itself. Older drivers lack it.
    memory = told("MemoryInfo", device, nvml.nvmlMemory_v2) or told("MemoryInfo", device)
    users = (told("ComputeRunningProcesses", device) or []) + (told("GraphicsRunningProcesses", device) or [])
    return Gpu(
        index=index,
        name=told("Name", device),
        utilisation=None if rates is None else rates.gpu / 100,
        memory_used=None if memory is None else memory.used,
        memory_total=None if memory is None else memory.total,
        temperature=told("Temperature", device, nvml.NVML_TEMPERATURE_GPU),
        watts=None if milliwatts is None else milliwatts / 1000,
        processes=tuple(_processes({user.pid: user.usedGpuMemory for user in users}, proc)),
    )


def _processes(memory: dict[int, int | None], proc: Path) -> Iterator[GpuProcess]:
    """Each process with its owner and name, which are unknown for one of another container."""
    for pid in sorted(memory, key=lambda pid: (-(memory[pid] or 0), pid)):
        folder = proc / str(pid)
        status, name = _or_none(folder.stat), _or_none((folder / "comm").read_bytes)
        yield GpuProcess(
            pid=pid,
            user=None if status is None else _user(status.st_uid),
            name=None if name is None else name.decode(errors="replace").strip(),
            memory=memory[pid],
        )


def _user(uid: int) -> str:
    """The user's name, or number where there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
