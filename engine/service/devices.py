"""What this machine can train on, found without torch, and how many jobs each device takes at once."""

import math
import os
import platform
import runpy
import sys
from dataclasses import dataclass
from importlib import util

from engine.job_settings import LOCAL, RunOptions
from engine.service.settings import EngineSettings


@dataclass(frozen=True)
class Device:
    """One device that runs jobs."""

    name: str
    """What a job is given: `cpu`, `cuda:0`, `mps`. The index counts within CUDA_VISIBLE_DEVICES where that is set."""
    label: str
    """What people call it."""
    slots: int
    """Jobs at once on this device."""
    place: str = LOCAL
    """Where it is; a cluster counts as one device of its place's name, for its own scheduler gives jobs their GPUs."""

    @property
    def is_accelerator(self) -> bool:
        """Whether it shares the accelerators' jobs of this machine."""
        return self.place == LOCAL and self.name != "cpu"


@dataclass(frozen=True)
class Machine:
    """All devices, the accelerators first, and how many jobs the accelerators take together."""

    devices: tuple[Device, ...]
    accelerator_jobs: int

    def suitable(self, options: RunOptions) -> tuple[Device, ...]:
        """Devices that a run may get, in all of the places where it may go; empty if there is none.

        In a cluster it takes what it finds: the device that it asks for counts on this machine.
        """
        here = tuple(device for device in self.devices if device.place == LOCAL)
        if options.device == "auto":
            here = tuple(device for device in here if device.is_accelerator) or here
        else:
            here = tuple(own for own in here if own.name == options.device or own.name.startswith(f"{options.device}:"))
        away = (device for device in self.devices if device.place != LOCAL)
        return tuple(device for device in (*here, *away) if device.place in options.places)

    @property
    def names(self) -> str:
        """All devices in one line."""
        return ", ".join(device.name for device in self.devices)


def machine(settings: EngineSettings) -> Machine:
    """What this machine offers under these settings."""
    found = accelerators()
    per_device = math.ceil(settings.jobs_per_gpu)
    cpu_jobs = settings.cpu_jobs or max(1, cores() // settings.threads)
    devices = [Device(name, label, per_device) for name, label in found]
    cpu = Device("cpu", f"{platform.machine()}, {cores()} cores", cpu_jobs)
    return Machine((*devices, cpu), max(1, math.floor(len(found) * settings.jobs_per_gpu)))


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def accelerators() -> list[tuple[str, str]]:
    """(name, label) of every GPU that torch could use."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return [("mps", "Apple GPU")]
    if not torch_has_cuda():
        return []
    labels = visible(nvidia_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return [(f"cuda:{index}", label) for index, label in enumerate(labels)]


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA, read from its version file without importing it."""
    spec = util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    try:
        return bool(runpy.run_path(os.path.join(spec.submodule_search_locations[0], "version.py")).get("cuda"))
    except OSError:
        return False


def nvidia_gpus() -> list[tuple[str, str]]:
    """(uuid, label) of every NVIDIA GPU in the order of the PCI bus; none where the driver is missing."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [(pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle)) for handle in handles]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def visible(gpus: list[tuple[str, str]], mask: str | None) -> list[str]:
    """Labels of the GPUs that CUDA will number 0, 1, ... under CUDA_VISIBLE_DEVICES.

    As CUDA does: the list counts up to its first invalid entry; an entry is an index or the beginning of a UUID.
    """
    if mask is None:
        return [label for _, label in gpus]
    labels = []
    for entry in (part.strip() for part in mask.split(",")):
        if entry.isdigit() and int(entry) < len(gpus):
            labels.append(gpus[int(entry)][1])
        elif entry.startswith("MIG-"):
            labels.append("MIG instance")
        elif matches := [label for uuid, label in gpus if entry.startswith("GPU-") and uuid.startswith(entry)]:
            labels.append(matches[0])
        else:
            break
    return labels
