import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from waiting import patience

from explorer.machine.gauges import Gauges, Gpu, GpuProcess

ROOT = Path(__file__).resolve().parents[2]
ME = pwd.getpwuid(os.geteuid()).pw_name


class NVMLError(Exception):
    pass


class LibraryNotFoundError(NVMLError):
    pass


class Nvml(ModuleType):
    """A driver of which each answer can be made to fail: `answers[function, device]`, or for all devices `function`."""

    NVMLError, NVMLError_LibraryNotFound = NVMLError, LibraryNotFoundError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self):
        super().__init__("pynvml")
        self.nvmlMemory_v2 = 2
        self.users = 0
        self.answers = {"DeviceGetCount": 0}

    def nvmlInit(self):  # noqa: N802
        self.answer("Init")
        self.users += 1

    def nvmlShutdown(self):  # noqa: N802
        self.users -= 1

    def answer(self, function, *arguments):
        value = self.answers.get((function, *arguments), self.answers.get(function))
        if isinstance(value, Exception):
            raise value
        return value

    def __getattr__(self, name):
        if not name.startswith("nvml"):
            raise AttributeError(name)
        return lambda *arguments: self.answer(name.removeprefix("nvml"), *arguments)


@pytest.fixture
def nvml(monkeypatch):
    """A driver with two GPUs and three processes."""
    module = Nvml()
    training, desktop = SimpleNamespace(pid=7, usedGpuMemory=5000), SimpleNamespace(pid=8, usedGpuMemory=None)
    elsewhere = SimpleNamespace(pid=9, usedGpuMemory=6000)
    module.answers |= {
        "DeviceGetCount": 2,
        ("DeviceGetHandleByIndex", 0): "a",
        ("DeviceGetHandleByIndex", 1): "b",
        "DeviceGetName": "NVIDIA H100",
        "DeviceGetUtilizationRates": SimpleNamespace(gpu=73, memory=10),
        "DeviceGetMemoryInfo": SimpleNamespace(used=12_000, total=80_000),
        ("DeviceGetMemoryInfo", "a", 2): SimpleNamespace(used=11_000, total=80_000),
        "DeviceGetTemperature": 61,
        "DeviceGetPowerUsage": 312_500,
        ("DeviceGetComputeRunningProcesses", "a"): [training, elsewhere],
        ("DeviceGetGraphicsRunningProcesses", "a"): [desktop, training],
    }
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


@pytest.fixture
def proc(tmp_path):
    """What a kernel tells; processes 7 and 8 are ours."""
    folder = tmp_path / "proc"
    for pid, name in ((7, b"python\n"), (8, b"X\xff\n")):
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "comm").write_bytes(name)
    (folder / "stat").write_text("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 100 0 100 700 100 0 0 0 50 0\nintr 5\n")
    (folder / "meminfo").write_text("MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n")
    return folder


@pytest.fixture
def gauges(tmp_path, proc):
    opened = Gauges(tmp_path, proc)
    yield opened
    opened.close()


def test_every_gpu_is_told_with_its_processes(nvml, gauges):
    machine = gauges.read()
    rest = {"name": "NVIDIA H100", "utilisation": 0.73, "memory_total": 80_000, "temperature": 61, "watts": 312.5}
    processes = (
        GpuProcess(9, None, None, 6000),
        GpuProcess(7, ME, "python", 5000),
        GpuProcess(8, ME, "X\ufffd", None),
    )
    assert machine.trouble is None
    assert machine.gpus[0] == Gpu(index=0, memory_used=11_000, processes=processes, **rest)
    assert (machine.gpus[1].index, machine.gpus[1].processes) == (1, ())


FIELDS = {
    "DeviceGetName": "name",
    "DeviceGetUtilizationRates": "utilisation",
    "DeviceGetMemoryInfo": "memory_used memory_total",
    "DeviceGetTemperature": "temperature",
    "DeviceGetPowerUsage": "watts",
    "DeviceGetComputeRunningProcesses": "",
}


@pytest.mark.parametrize("function", FIELDS)
def test_what_one_gpu_does_not_tell_is_none_and_all_else_is_there(nvml, gauges, function):
    nvml.answers |= {(function, "b", *rest): NVMLError("Not Supported") for rest in ((), (0,), (2,))}
    first, second = gauges.read().gpus
    assert {name for name, value in vars(second).items() if value is None} == set(FIELDS[function].split())
    assert None not in vars(first).values()


def test_memory_is_told_by_drivers_that_count_it_the_old_way_only(nvml, gauges):
    nvml.answers["DeviceGetMemoryInfo", "a", 2] = NVMLError("Function Not Found")
    assert gauges.read().gpus[0].memory_used == 12_000


def test_a_gpu_that_fell_off_the_bus_keeps_its_place(nvml, gauges):
    nvml.answers["DeviceGetHandleByIndex", 0] = NVMLError("GPU is lost")
    first, second = gauges.read().gpus
    assert first == Gpu(0, None, None, None, None, None, None, ())
    assert second.index == 1


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (LibraryNotFoundError("NVML Shared Library Not Found"), "NVML not found"),
        (NVMLError("Driver Not Loaded"), "NVML: Driver Not Loaded"),
    ],
)
def test_without_a_driver_there_is_no_gpu_and_a_reason(nvml, gauges, error, trouble):
    nvml.answers["Init"] = error
    for _ in range(2):
        machine = gauges.read()
        assert (machine.gpus, machine.trouble) == ((), trouble)
        assert machine.memory_total == 1000 * 1024


def test_a_driver_that_goes_and_comes_back_is_told(nvml, gauges):
    nvml.answers["DeviceGetCount"] = NVMLError("Driver/library version mismatch")
    assert gauges.read().trouble == "NVML: Driver/library version mismatch"
    nvml.answers["DeviceGetCount"] = 2
    assert (len(gauges.read().gpus), gauges.read().trouble) == (2, None)


def test_nvml_is_started_once_and_given_back(nvml, gauges):
    assert nvml.users == 0
    gauges.read()
    gauges.read()
    assert nvml.users == 1
    gauges.close()
    gauges.close()
    assert nvml.users == 0


def test_the_processors_share_is_that_since_the_reading_before(nvml, gauges, proc):
    assert gauges.read().cpu is None
    assert gauges.read().cpu is None, "no time has passed"
    (proc / "stat").write_text("cpu  160 5 105 720 110 0 0 0 90 0\n")
    assert gauges.read().cpu == pytest.approx(0.7)
    (proc / "stat").write_text("cpu  200 5 105 720 109 0 0 0 90 0\n")
    assert gauges.read().cpu == 1.0


def test_memory_and_disk_are_told(nvml, gauges, tmp_path):
    machine = gauges.read()
    assert (machine.memory_used, machine.memory_total) == (600 * 1024, 1000 * 1024)
    assert machine.disk_free > 0
    assert Gauges(tmp_path / "not" / "made" / "yet").read().disk_free > 0


@pytest.mark.parametrize("content", [None, "", "nonsense here\n"])
def test_another_system_tells_less_and_never_fails(nvml, tmp_path, content):
    if content is not None:
        for name in ("stat", "meminfo"):
            (tmp_path / name).write_text(content)
    machine = Gauges(tmp_path, proc=tmp_path).read()
    assert (machine.cpu, machine.memory_used, machine.memory_total) == (None, None, None)
    assert machine.gpus[0].processes[0] == GpuProcess(9, None, None, 6000)


def test_a_thread_may_read(nvml, gauges):
    nvml.answers["Init"] = LibraryNotFoundError("not found")
    read = []
    thread = threading.Thread(target=lambda: read.append(gauges.read()))
    thread.start()
    thread.join(patience(10))
    assert len(read) == 1


def test_this_machine_can_be_read():
    gauges = Gauges(Path.cwd())
    machine = gauges.read()
    gauges.close()
    assert bool(machine.gpus) or machine.trouble is None or "NVML" in machine.trouble
    assert machine.disk_free > 0


def test_nvml_is_not_imported_before_the_first_reading():
    code = "import sys, explorer.machine.gauges; print(*{'pynvml', 'numpy', 'torch'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
