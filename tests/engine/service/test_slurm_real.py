"""The Slurm executor on a real Slurm of this machine, with real training on the digits."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from slurm_here import SlurmHere, problem
from waiting import wait_until

from engine import experiment
from engine.job_settings import ANSWERS, RunOptions
from engine.service import protocol
from engine.service.client import EngineRefused
from engine.spec import sweeps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),  # jobs of a minute, on a machine that may have other work
    pytest.mark.skipif(problem() is not None, reason=str(problem())),
]
SECONDS = 60.0
"""What a run may take on a quiet machine, waiting in Slurm's queue among it."""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    here = SlurmHere(tmp_path_factory.mktemp("slurm"))
    try:
        here.ready()
    except RuntimeError as error:
        here.stop()
        pytest.skip(str(error))
    yield here
    here.stop()


@pytest.fixture
def cluster(bench, slurm, monkeypatch):
    """A project on that Slurm, whose jobs train."""
    monkeypatch.setenv("SLURM_CONF", str(slurm.settings))
    bench.project.root.mkdir()
    settings(bench, "poll = 0.5\n")
    yield bench
    bench.kill()
    slurm.ask("scancel", "--user=root")


def settings(bench, text):
    (bench.project.root / "project.toml").write_text(f"[cluster]\n{text}")


def digits(**given):
    """Small runs of the demo."""
    table = sweeps.presets()["demo"]
    overrides = [f"{key.replace('__', '.')}={value}" for key, value in given.items()]
    return sweeps.plan(table, "quick", overrides, Path()).experiments


def start(bench):
    return bench.start(entry="engine.job:run_job", cpu_jobs=1)


def submit(bench, experiments, on="slurm", checkpoint_seconds=1.0):
    place = {"data_root": "", "device": "cpu", "on": on, "checkpoint_seconds": checkpoint_seconds}
    bench.mine |= {one.run_id: one for one in experiments}
    runs = [protocol.RunRequest(one.to_dict(), place) for one in experiments]
    bench.call(protocol.Submit(sweep="test", runs=runs))
    return [one.run_id for one in experiments]


def answers(folder):
    with np.load(folder / ANSWERS) as file:
        return {name: file[name] for name in file.files}


def local_answers(folder, one):
    """What the same run answers, carried out here and now by itself."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True)
    context = experiment.RunContext(folder, RunOptions(data_root=""), torch.device("cpu"))
    experiment.run(one, context, lambda _: None, lambda: False)
    return answers(folder)


def assert_same_bits_as_here(bench, tmp_path, run_id):
    mine, here = answers(bench.project.run_folder(run_id)), local_answers(tmp_path / run_id, bench.mine[run_id])
    assert mine.keys() == here.keys()
    assert all(mine[name].tobytes() == here[name].tobytes() for name in mine)


def long_run():
    """One that trains for several seconds."""
    return digits(capacity="[1]", defense="pgd", epsilon="[0.1]", seed="[0]", recipe__steps="700")


def test_a_sweep_ends_as_it_does_here_to_the_last_bit(cluster, tmp_path):
    experiments = digits(capacity="[1]", seed="[0,1]", recipe__steps="20")
    assert len(experiments) == 8
    start(cluster)
    ids = submit(cluster, experiments)
    cluster.wait_for(dict.fromkeys(ids, "done"), 8 * SECONDS)
    for run_id in (ids[0], ids[-1]):
        assert_same_bits_as_here(cluster, tmp_path, run_id)
    wait_until(lambda: not list(cluster.project.handovers.glob("*/*")))


def test_cancelling_frees_the_node(cluster, slurm):
    start(cluster)
    (run_id,) = submit(cluster, long_run())
    cluster.wait_for({run_id: "running"}, SECONDS)
    cluster.call(protocol.Cancel(run_ids=[run_id]))
    cluster.wait_for({run_id: "cancelled"}, SECONDS)
    wait_until(lambda: slurm.ask("squeue", "--noheader") == "")


def test_stopped_with_a_checkpoint_killed_with_its_engine_and_resumed_it_ends_with_the_same_bits(cluster, tmp_path):
    start(cluster)
    (run_id,) = submit(cluster, long_run())
    begun(cluster, run_id)
    cluster.call(protocol.Stop(everywhere=True))
    cluster.ended(cluster.pids[-1])
    assert cluster.stored()[run_id][0] == "queued"
    start(cluster)
    cluster.wait_for({run_id: "running"}, SECONDS)
    os.kill(cluster.pids[-1], signal.SIGKILL)
    cluster.ended(cluster.pids[-1])
    start(cluster)
    cluster.wait_for({run_id: "done"}, 3 * SECONDS)
    assert cluster.rows()[0]["attempts"] == 0
    assert_same_bits_as_here(cluster, tmp_path, run_id)


def test_preempted_requeued_and_resumed_it_ends_with_the_same_bits(cluster, slurm, tmp_path):
    start(cluster)
    (run_id,) = submit(cluster, long_run())
    begun(cluster, run_id)
    (slurm_id,) = slurm.ask("squeue", "--noheader", "--format=%i").split()
    urgent = slurm.ask(
        "sbatch", "--parsable", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap", "sleep 2"
    )
    wait_until(lambda: any(one.waits for one in cluster.status().placed), SECONDS)
    wait_until(lambda: slurm.ask("squeue", "--noheader", "--format=%T", "-j", urgent, "--states=all") == "COMPLETED")
    slurm.ask("scontrol", "update", f"job={slurm_id}", "StartTime=now")  # Slurm lets two minutes pass by itself
    cluster.wait_for({run_id: "done"}, 3 * SECONDS)
    (row,) = cluster.rows()
    assert row["device"].endswith(f"slurm {slurm_id}"), "it is the same job, requeued"
    assert row["attempts"] == 0
    assert_same_bits_as_here(cluster, tmp_path, run_id)


def test_a_killed_slurmd_ends_nothing(cluster, slurm):
    start(cluster)
    (run_id,) = submit(cluster, long_run())
    begun(cluster, run_id)
    slurm.kill("slurmd")
    slurm.start("slurmd")
    cluster.wait_for({run_id: "done"}, 3 * SECONDS)


def test_a_time_limit_that_is_too_short_is_gone_over_in_several_jobs(cluster, slurm):
    settings(cluster, 'poll = 0.5\ntime = "1"\n')
    start(cluster)
    (longer,) = digits(capacity="[1]", defense="pgd", epsilon="[0.1]", seed="[0]", recipe__steps="4000")
    (run_id,) = submit(cluster, [longer])
    cluster.wait_for({run_id: "done"}, 10 * SECONDS)
    assert "queued" in cluster.project.log.read_text()


def test_an_unknown_partition_is_told_before_anything_is_queued(cluster):
    settings(cluster, 'partition = "gpu"\n')
    start(cluster)
    with pytest.raises(EngineRefused, match="on: slurm: invalid partition specified: gpu"):
        submit(cluster, long_run())
    assert cluster.rows() == []


def begun(bench, run_id):
    """Wait until a run trains, and has saved how far."""
    bench.wait_for({run_id: "running"}, SECONDS)
    folder = bench.project.run_folder(run_id)
    wait_until(lambda: any("checkpoint" in path.name for path in folder.iterdir()), SECONDS)
