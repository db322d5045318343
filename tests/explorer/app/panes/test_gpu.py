import os
from dataclasses import replace

import pytest
from waiting import chosen_next

from engine.service import protocol
from explorer.machine.gauges import Gpu, GpuProcess, MachineReading
from explorer.results.lines import line_text

GIB = 2**30
BARE = MachineReading((), "NVML not found", None, 6 * GIB, 23 * GIB, 212 * 10**9)
OURS, ALICE = GpuProcess(os.getpid(), "me", "python", 30 * GIB), GpuProcess(1, "alice", "train", GIB // 5)
GPU = Gpu(0, "NVIDIA H100 80GB HBM3", 0.8, int(31.2 * GIB), int(79.6 * GIB), 70, 300.0, (OURS, ALICE))
RUNNING = "digits-pgd-c2-e0.1-s0-aa04"


def status(devices):
    return protocol.Status(
        pid=os.getpid(),
        host="box",
        since=0.0,
        project="project",
        versions={},
        devices=devices,
        running=[RUNNING],
        queued=0,
        progress=[],
        paused=False,
        hold=None,
        disk_free=10**12,
        placed=[],
    )


@pytest.fixture
def gpu_app(make_app, monkeypatch):
    """A function making an app whose gauges always read the same, with the GPU pane shown."""

    def make(machine, devices=()):
        class Still:
            def __init__(self, folder):
                pass

            def read(self):
                return machine

            def close(self):
                pass

        monkeypatch.setattr("explorer.machine.machine_watch.Gauges", Still)
        monkeypatch.setattr(os, "getsid", {os.getpid(): os.getpid(), ALICE.pid: ALICE.pid}.get)
        app = make_app()
        app.choices.layout, app.choices.hidden = "work", []
        app.choices.side = "5"
        app.project.status = status(list(devices)) if devices else None
        return app

    return make


def shown(app):
    return "\n".join(line_text(line).rstrip() for line in app.screen.query_one("#gpu").shown.lines)


async def test_without_a_gpu_it_says_why_and_what_to_expect(gpu_app, until):
    app = gpu_app(BARE, [protocol.DeviceStatus("cpu", "x86_64, 2 cores", 2, [RUNNING], 1)])
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "host" in shown(app))
        said = " ".join(shown(app).split())
        assert "No NVIDIA GPU seen (NVML not found). CPU runs work; the demo takes about 2 min." in said
        assert "RAM 6/23 GiB, disk 212 GB free" in said
        assert "cpu 1 of 2 slots taken: pgd-c2-e0.1-s0" in said


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_gpu_is_shown_with_its_runs_and_other_peoples_processes(gpu_app, until, size):
    devices = [
        protocol.DeviceStatus("cuda:0", "H100", 1, [RUNNING], 1),
        protocol.DeviceStatus("cpu", "x86_64", 2, [], 0),
    ]
    app = gpu_app(replace(BARE, gpus=(GPU,), trouble=None), devices)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "GPU0 H100" in shown(app))
        said = " ".join(shown(app).split())
        for words in ("80%", "70°C 300W", "1 of 1 slot taken: pgd-c2-e0.1-s0", "alice train pid 1 0.2 GiB"):
            assert words in said
        assert "30.0 GiB" in said, "what our own jobs hold"
        assert f"pid {os.getpid()}" not in said, "our own jobs are not other people's"
        assert "cpu 0 of 2 slots taken" in said


async def test_v_shows_the_last_ten_minutes_and_v_again_the_bars(gpu_app, until):
    app = gpu_app(replace(BARE, gpus=(GPU,), trouble=None))
    async with app.run_test(size=(200, 60)) as pilot:
        pane = app.screen.query_one("#gpu")
        await until(pilot, lambda: "GPU0 H100" in shown(app))
        for second in range(1, 40):
            app.machine_watch.take(replace(BARE, gpus=(GPU,)), second * 10.0)
        await pilot.press("5")
        await chosen_next(pilot, "v")
        await until(pilot, lambda: "▇▇▇" in shown(app))
        assert "last 10 min" in pane.border_title
        await chosen_next(pilot, "v")
        await until(pilot, lambda: "████" in shown(app))


async def test_gpus_that_the_engine_does_not_have_are_not_taken_for_its_own(gpu_app, until):
    two = (GPU, replace(GPU, index=1, processes=()))
    app = gpu_app(replace(BARE, gpus=two), [protocol.DeviceStatus("cuda:0", "H100", 1, [RUNNING], 1)])
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "GPU1" in shown(app))
        assert "runs" not in shown(app)
        assert " cuda:0 1 of 1 slot taken: pgd-c2-e0.1-s0" in shown(app)


async def test_the_header_speaks_of_the_machine(gpu_app, until, screen_text):
    app = gpu_app(replace(BARE, gpus=(GPU,)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "GPU0 H100" in screen_text(app)[1])


async def test_a_cluster_is_counted_by_its_runs_and_not_as_this_machine(gpu_app, until):
    cluster = protocol.DeviceStatus("gpu-short", "Slurm", 100, [RUNNING, "other"], 2, "gpu-short")
    app = gpu_app(BARE, [protocol.DeviceStatus("cpu", "x86_64, 2 cores", 2, [], 0), cluster])
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "host" in shown(app))
        app.project.take(protocol.Placement(run_id=RUNNING, job="slurm 12", node="n7"))
        app.screen.draw()
        words = "gpu-short 1 running, 1 waiting there, at most 100 jobs at once"
        await until(pilot, lambda: words in " ".join(shown(app).split()))
        assert "cpu    0 of 2 slots taken" in shown(app)
