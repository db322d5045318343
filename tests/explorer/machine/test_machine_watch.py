import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from waiting import patience

from explorer.machine import machine_text
from explorer.machine.gauges import Gpu, GpuProcess, MachineReading
from explorer.machine.machine_watch import BUSY_SECONDS, CALM_SECONDS, CELLS, GaugeHistory, MachineWatch, calmed, steady

GIB = 2**30
GPU = Gpu(0, "NVIDIA H100 80GB HBM3", 0.76, int(31.2 * GIB), int(79.6 * GIB), 68, 291.0, ())
BARE = MachineReading((), "NVML not found", 0.43, 6 * GIB, 23 * GIB, 212 * 10**9)
WITH_GPU = replace(BARE, gpus=(GPU,), trouble=None)


@given(st.floats(-1e6, 1e6), st.floats(-0.74, 0.74), st.sampled_from([0.05, 1.0, 25.0]))
def test_a_shown_value_stays_while_the_gauge_moves_less_than_three_quarters_of_a_step(value, jitter, step):
    shown = steady(value, None, step)
    assert abs(shown - value) <= step * 0.501
    assert steady(shown + jitter * step, shown, step) == shown


@given(st.floats(0, 1000), st.floats(0, 1000), st.sampled_from([0.05, 1.0, 25.0]))
def test_a_shown_value_is_never_further_away_than_three_quarters_of_a_step(old, new, step):
    assert abs(steady(new, old, step) - new) <= 0.75 * step


def test_what_changes_all_the_time_is_shown_only_while_runs_are_at_work():
    assert calmed(BARE, None, working=True).cpu == pytest.approx(0.45)
    assert calmed(BARE, None, working=False).cpu is None
    assert calmed(WITH_GPU, None, working=False).gpus[0].utilisation == pytest.approx(0.8)


def test_a_quiet_machine_changes_nothing():
    changes = []
    watch = MachineWatch(None, lambda: False, lambda: changes.append(1))
    for second, jitter in enumerate((0, 90, -60, 30, 80)):
        reading = replace(BARE, cpu=second / 10, memory_used=6 * GIB + jitter * 2**20, disk_free=212 * 10**9 - jitter)
        watch.take(reading, float(second))
    assert len(changes) == 1


def test_work_and_other_peoples_processes_are_changes():
    changes = []
    watch = MachineWatch(None, lambda: True, lambda: changes.append(1))
    watch.take(WITH_GPU, 0.0)
    watch.take(replace(WITH_GPU, gpus=(replace(GPU, utilisation=0.5),)), 2.0)
    other = GpuProcess(9, "alice", "python", GIB)
    watch.take(replace(WITH_GPU, gpus=(replace(GPU, utilisation=0.5, processes=(other,)),)), 4.0)
    assert len(changes) == 3
    assert watch.latest.gpus[0].processes[0].user == "alice"


@pytest.mark.parametrize(
    ("reading", "working", "gap"),
    [(BARE, False, CALM_SECONDS), (BARE, True, BUSY_SECONDS), (WITH_GPU, False, BUSY_SECONDS)],
)
def test_a_machine_without_gpu_and_work_is_read_more_seldom(reading, working, gap):
    watch = MachineWatch(None, lambda: working, lambda: None)
    watch.take(reading, 0.0)
    assert watch._gap == gap


def test_a_history_keeps_the_mean_of_every_ten_seconds_and_leaves_gaps_open():
    history = GaugeHistory()
    for second in range(0, 20, 2):
        history.put(float(second), 0.2 if second % 4 else 0.4)
    history.put(20.0, 1.0)
    assert list(history.cells) == [pytest.approx(0.32), pytest.approx(0.28)]
    history.put(55.0, 1.0)
    assert list(history.cells)[2:] == [1.0, None, None]


def test_a_history_ends_after_ten_minutes_and_a_constant_one_looks_the_same():
    history = GaugeHistory()
    changed = [history.put(float(second), 0.5) for second in range(0, 1300, 10)]
    assert len(history.cells) == CELLS
    assert not any(changed[CELLS + 2 :])


async def test_the_thread_reads_until_it_is_closed(tmp_path, monkeypatch):
    class Still:
        def __init__(self, folder):
            assert folder == tmp_path

        def read(self):
            return BARE

        def close(self):
            closed.set()

    closed, read = threading.Event(), asyncio.Event()
    monkeypatch.setattr("explorer.machine.machine_watch.Gauges", Still)
    watch = MachineWatch(tmp_path, lambda: True, read.set)
    watch.start()
    await asyncio.wait_for(read.wait(), patience(10))
    watch.close()
    assert await asyncio.to_thread(closed.wait, 10)
    assert watch.latest.trouble == "NVML not found"


# In words


@given(st.integers(0, 12), st.integers(0, 250), st.booleans())
def test_the_summary_fits_every_width(count, width, told):
    gpu = GPU if told else Gpu(0, None, None, None, None, None, None, ())
    machine = replace(BARE, gpus=tuple(replace(gpu, index=index) for index in range(count)))
    assert cell_len(machine_text.summary(machine, width)) <= width


def test_the_summary_says_as_much_as_fits():
    assert machine_text.summary(WITH_GPU, 60) == "GPU0 H100 ███████▋░░ 76% 31/80G 68°C"
    assert machine_text.summary(WITH_GPU, 24) == "GPU0 76% 31/80G 68°C"
    assert machine_text.summary(BARE, 60).endswith("43% · RAM 6/23G")
    many = replace(BARE, gpus=tuple(replace(GPU, index=index, utilisation=index / 7) for index in range(8)))
    assert machine_text.summary(many, 40) == "8 GPUs ▁▂▃▄▅▆▇█ 50%"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA A100 80GB PCIe", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("NVIDIA RTX A6000", "RTX A6000"),
        ("NVIDIA GeForce GTX 1080 Ti", "GTX 1080 Ti"),
        (None, "—"),
    ],
)
def test_gpus_are_called_by_their_short_names(name, short):
    assert machine_text.short_name(name) == short


@given(st.lists(st.none() | st.floats(0, 1), max_size=60), st.integers(1, 100))
def test_a_sparkline_fits_and_has_its_newest_value_at_the_right(cells, width):
    drawn = machine_text.sparkline(cells, width, 60)
    assert len(drawn) <= min(width, 60)
    if cells and width >= 60:
        newest = cells[-1]
        assert drawn[-1] == (" " if newest is None else machine_text.SPARKS[min(7, int(newest * 8))])
