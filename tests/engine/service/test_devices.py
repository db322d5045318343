import subprocess
import sys

import pytest

from engine.job_settings import RunOptions
from engine.service import devices
from engine.service.devices import visible
from engine.service.settings import EngineSettings


def asking(device):
    return RunOptions(data_root="", device=device)


GPUS = [("GPU-aa11", "A"), ("GPU-bb22", "B"), ("GPU-bb33", "C")]


@pytest.mark.parametrize(
    ("mask", "labels"),
    [
        (None, ["A", "B", "C"]),
        ("", []),
        ("-1", []),
        ("2,0", ["C", "A"]),
        (" 1 ", ["B"]),
        ("0,7,1", ["A"]),
        ("GPU-bb33,GPU-aa", ["C", "A"]),
        ("GPU-zz", []),
        ("MIG-0f,MIG-1f", ["MIG instance", "MIG instance"]),
    ],
)
def test_devices_are_numbered_as_cuda_numbers_them(mask, labels):
    assert visible(GPUS, mask) == labels


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", lambda: [("cuda:0", "A"), ("cuda:1", "B")])
    monkeypatch.setattr(devices, "cores", lambda: 8)


@pytest.mark.parametrize(("per_gpu", "each", "together"), [(1, 1, 2), (2, 2, 4), (0.5, 1, 1), (1.5, 2, 3), (0.1, 1, 1)])
def test_jobs_per_gpu_is_an_average_with_at_least_one_job(two_gpus, per_gpu, each, together):
    machine = devices.machine(EngineSettings(jobs_per_gpu=per_gpu))
    assert [device.slots for device in machine.devices] == [each, each, 8]
    assert machine.accelerator_jobs == together


@pytest.mark.parametrize(("settings", "slots"), [({"threads": 3}, 2), ({"threads": 99}, 1), ({"cpu_jobs": 5}, 5)])
def test_cpu_jobs_are_the_cores_divided_by_the_threads_unless_said(two_gpus, settings, slots):
    assert devices.machine(EngineSettings(**settings)).devices[-1].slots == slots


def test_what_a_run_asks_for_is_found(two_gpus):
    machine = devices.machine(EngineSettings())
    names = {
        wanted: [device.name for device in machine.suitable(asking(wanted))] for wanted in ("auto", "cuda", "cuda:1")
    }
    assert names == {"auto": ["cuda:0", "cuda:1"], "cuda": ["cuda:0", "cuda:1"], "cuda:1": ["cuda:1"]}
    assert [device.name for device in machine.suitable(asking("cpu"))] == ["cpu"]
    assert machine.suitable(asking("mps")) == machine.suitable(asking("cuda:2")) == ()


def test_without_a_gpu_automatic_means_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", list)
    assert [device.name for device in devices.machine(EngineSettings()).suitable(asking("auto"))] == ["cpu"]


def test_the_machine_is_looked_at_without_torch():
    code = (
        "import sys; from engine.service.devices import machine; from engine.service.settings import EngineSettings;"
        "assert machine(EngineSettings()).devices; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
