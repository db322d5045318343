"""The Ray executor on a real Ray of two nodes on this machine, without a folder that they share."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ray_here import LOOPBACK, RayHere, problem
from waiting import wait_until

import engine
from engine import experiment
from engine.job_settings import ANSWERS, RunOptions
from engine.service import protocol, trial
from engine.service.client import EngineRefused
from engine.service.places import RayPlace
from engine.spec import sweeps

pytestmark = [pytest.mark.slow, pytest.mark.skipif(problem() is not None, reason=str(problem()))]
SECONDS = 60.0
"""What a run may take on a quiet machine, Ray's own processes among it."""
ROOTS = os.pathsep.join([str(Path(engine.__file__).parents[1]), str(Path(__file__).parent / "fakes")])


@pytest.fixture(scope="module")
def ray():
    here = RayHere(ROOTS)
    here.tell("add")
    yield here
    here.stop()


@pytest.fixture
def cluster(bench, ray, monkeypatch):
    """A project on that Ray; what the nodes see of it must not matter, so the jobs' folders tell when they do."""
    for name, value in LOOPBACK.items():
        monkeypatch.setenv(name, value)
    bench.address = ray.address
    yield bench
    bench.kill()


def train(bench, **settings):
    return bench.start(entry="engine.job:run_job", cpu_jobs=1, **settings)


def digits(**given):
    """Small runs of the demo."""
    overrides = [f"{key.replace('__', '.')}={value}" for key, value in given.items()]
    return sweeps.plan(sweeps.presets()["demo"], "quick", overrides, Path()).experiments


def long_run():
    """One that trains for several seconds."""
    return digits(capacity="[1]", defense="pgd", epsilon="[0.1]", seed="[0]", recipe__steps="700")


def submit(bench, experiments, behaviour=""):
    place = {"data_root": behaviour, "device": "cpu", "on": bench.address, "checkpoint_seconds": 1.0}
    bench.mine |= {one.run_id: one for one in experiments}
    bench.call(protocol.Submit(sweep="test", runs=[protocol.RunRequest(one.to_dict(), place) for one in experiments]))
    return [one.run_id for one in experiments]


def answers(folder):
    with np.load(folder / ANSWERS) as file:
        return {name: file[name] for name in file.files}


def assert_same_bits_as_here(bench, tmp_path, run_id):
    torch.set_num_threads(1)
    folder = tmp_path / run_id
    folder.mkdir(parents=True)
    context = experiment.RunContext(folder, RunOptions(data_root=""), torch.device("cpu"))
    experiment.run(bench.mine[run_id], context, lambda _: None, lambda: False)
    mine, here = answers(bench.project.run_folder(run_id)), answers(folder)
    assert mine.keys() == here.keys()
    assert all(mine[name].tobytes() == here[name].tobytes() for name in mine)


def begun(bench, run_id):
    """Wait until a run trains, and how far it is has come home."""
    bench.wait_for({run_id: "running"}, SECONDS)
    folder = bench.project.run_folder(run_id)
    wait_until(lambda: list(folder.glob("checkpoint*")), SECONDS)


def test_a_sweep_ends_as_it_does_here_to_the_last_bit_and_all_of_it_comes_home(cluster, tmp_path):
    experiments = digits(capacity="[1]", seed="[0,1]", recipe__steps="20")
    train(cluster)
    ids = submit(cluster, experiments)
    cluster.wait_for(dict.fromkeys(ids, "done"), 8 * SECONDS)
    for run_id in (ids[0], ids[-1]):
        assert_same_bits_as_here(cluster, tmp_path, run_id)
    there = {path.name for path in cluster.project.run_folder(ids[0]).iterdir()}
    assert {ANSWERS, "model.safetensors", "history.jsonl", "exposed"} <= there
    assert not [name for name in there if "checkpoint" in name or "partial" in name]
    assert all(" on " in row["device"] and ", ray " in row["device"] for row in cluster.rows())
    wait_until(lambda: not list(cluster.project.handovers.glob("*/*")))


def test_cancelling_ends_one_that_runs_and_one_that_waits(cluster):
    cluster.start(entry="fake_job:run_job")
    ids = submit(cluster, [cluster.fresh() for _ in range(4)], "hold")
    wait_until(lambda: sum(bool(one.node) for one in cluster.status().placed) == 3, SECONDS)
    assert [one.waits for one in cluster.status().placed if not one.node] == ["for 1 CPU"]
    cluster.call(protocol.Cancel(run_ids=ids))
    cluster.wait_for(dict.fromkeys(ids, "cancelled"), SECONDS)
    again = submit(cluster, [cluster.fresh() for _ in range(3)], "quick")
    cluster.wait_for(dict.fromkeys(again, "done"), SECONDS)


def test_stopped_with_a_checkpoint_killed_with_its_engine_and_resumed_it_ends_with_the_same_bits(cluster, tmp_path):
    train(cluster)
    (run_id,) = submit(cluster, long_run())
    begun(cluster, run_id)
    cluster.call(protocol.Stop(everywhere=True, grace=60.0))
    cluster.ended(cluster.pids[-1])
    assert cluster.stored()[run_id][0] == "queued"
    train(cluster)
    cluster.wait_for({run_id: "running"}, SECONDS)
    os.kill(cluster.pids[-1], signal.SIGKILL)
    cluster.ended(cluster.pids[-1])
    train(cluster)
    cluster.wait_for({run_id: "done"}, 3 * SECONDS)
    (row,) = cluster.rows()
    assert row["attempts"] == 0
    assert_same_bits_as_here(cluster, tmp_path, run_id)


def test_what_a_killed_engine_left_goes_on_and_ends_without_one(cluster, tmp_path):
    cluster.start(entry="fake_job:run_job")
    gate = tmp_path / "gate"
    ids = submit(cluster, [cluster.fresh() for _ in range(4)], f"hold:{gate}")
    wait_until(lambda: sum(bool(one.node) for one in cluster.status().placed) == 3, SECONDS)
    cluster.kill()
    gate.touch()
    cluster.start(entry="fake_job:run_job")
    cluster.wait_for(dict.fromkeys(ids, "done"), 2 * SECONDS)
    assert all(len(cluster.starts(run_id)) == 1 for run_id in ids)


def test_a_lost_node_is_a_crash_and_its_run_goes_on_elsewhere_from_its_checkpoint(cluster, ray, tmp_path):
    train(cluster)
    (filler,) = submit(cluster, [cluster.fresh()])  # takes the head's only CPU, or one of two
    (run_id,) = submit(cluster, long_run())
    begun(cluster, run_id)
    ray.tell("lose")
    ray.tell("add")
    cluster.wait_for({run_id: "done", filler: "done"}, 5 * SECONDS)
    assert "its node was lost; now queued" in cluster.project.log.read_text()
    assert_same_bits_as_here(cluster, tmp_path, run_id)


def test_crashes_are_told_by_the_words_of_their_process_and_counted_here(cluster):
    cluster.start(entry="fake_job:run_job")
    (run_id,) = submit(cluster, [cluster.fresh()], "crash")
    cluster.wait_for({run_id: "failed"}, 2 * SECONDS)
    (row,) = cluster.rows()
    assert row["error"].endswith("the last word")
    assert len(cluster.starts(run_id)) == 3
    assert "the last word" in (cluster.project.run_folder(run_id) / "job.log").read_text()


def test_what_no_node_has_is_told_before_anything_is_queued(cluster):
    cluster.project.root.mkdir()
    text = f'[cluster.boxes]\nscheduler = "ray"\naddress = "{cluster.address}"\ngpus = 2\n'
    (cluster.project.root / "project.toml").write_text(text)
    cluster.address = "boxes"
    cluster.start(entry="fake_job:run_job")
    with pytest.raises(EngineRefused, match="on: boxes: no node has 2 GPU and 1 CPU"):
        submit(cluster, [cluster.fresh()], "quick")
    assert cluster.rows() == []


def test_a_check_tells_what_a_node_sees_and_leaves_nothing(cluster):
    place = RayPlace(name=cluster.address, address=cluster.address)
    trial.prepare(place, cluster.project)
    *where, seen = trial.trial(place, cluster.project, cluster.project.root, 300.0)
    assert where[-1].node
    assert seen["python"] == sys.version.split()[0]
    assert not cluster.project.root.exists()
