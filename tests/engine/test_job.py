import multiprocessing
import time
from dataclasses import replace

import pytest
from waiting import patience

from engine import events
from engine.failures import in_one_line
from engine.job import run_job
from engine.job_settings import Assignment, JobId, RunOptions
from engine.spec import sweeps
from engine.validation import SpecError

CONTEXT = multiprocessing.get_context("forkserver")
LONG = ["grid.capacity=2", "grid.epsilon=0.1", "recipe.steps=100000", "defense=natural"]


def plan(*overrides):
    return sweeps.plan({"name": "tiny", "dataset": "digits"}, "quick", [*LONG, *overrides], ".").experiments[0]


def job_of(experiment, folder, **place):
    return Assignment(
        job_id=JobId(experiment.run_id),
        experiment=experiment.to_dict(),
        attacks=experiment.inference.asked(),
        run_folder=str(folder),
        options=RunOptions(data_root=".", **place),
        device="cpu",
    )


@pytest.fixture
def start():
    CONTEXT.set_forkserver_preload(["engine.job"])
    started = []

    def begin(job):
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=run_job, args=(job, theirs))
        process.start()
        theirs.close()
        started.append((process, ours))
        return process, ours

    yield begin
    for process, pipe in started:
        pipe.close()
        process.join(10)
        if process.is_alive():
            process.kill()


def until(pipe, kind):
    told = []
    while not told or not isinstance(told[-1], kind):
        assert pipe.poll(patience(60)), f"nothing came after {told[-3:]}"
        told.append(pipe.recv())
    return told


def test_stop_ends_with_a_checkpoint_and_the_state_queued(start, tmp_path):
    process, pipe = start(job_of(plan(), tmp_path))
    until(pipe, events.Progress)
    pipe.send("stop")
    assert until(pipe, events.RunEnded)[-1].state == "queued"
    process.join(10)
    assert process.exitcode == 0
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_a_job_dies_with_its_engine(start, tmp_path):
    process, pipe = start(job_of(plan(), tmp_path))
    until(pipe, events.Progress)
    pipe.close()
    process.join(10)
    assert process.exitcode == 1


def test_two_jobs_never_share_a_folder(start, tmp_path):
    _, pipe = start(job_of(plan("recipe.steps=3000"), tmp_path))
    until(pipe, events.RunStarted)
    _, waiting = start(job_of(plan("recipe.steps=3000"), tmp_path))
    pipe.send("stop")
    ended = until(pipe, events.RunEnded)[-1]
    begun = until(waiting, events.RunStarted)[-1]
    assert begun.time >= ended.time
    waiting.send("stop")
    until(waiting, events.RunEnded)


@pytest.mark.parametrize("place", ["", "model.safetensors", "lock"])
def test_a_link_in_a_runs_folder_fails_the_run_in_one_line_and_touches_nothing(start, tmp_path, place):
    folder, target = tmp_path / "run", tmp_path / "precious"
    if place:
        folder.mkdir()
        target.write_bytes(b"precious")
    else:
        target.mkdir()
    (folder / place).symlink_to(target)
    _, pipe = start(job_of(plan(), folder))
    ended = until(pipe, events.RunEnded)[-1]
    assert ended.state == "failed"
    assert f"is a link to {target}; files of a project are never links" in ended.error
    assert list(target.iterdir()) == [] if not place else target.read_bytes() == b"precious"


def test_a_full_disk_is_told_with_the_remedy():
    assert in_one_line(OSError(28, "No space left on device")).startswith("the disk is full; make room and retry")
    assert in_one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert in_one_line(SpecError("epsilon: 8 is not allowed")) == "epsilon: 8 is not allowed"


def test_a_failure_is_told_in_one_line_for_people(start, tmp_path):
    broken = plan().to_dict() | {"network": "nowhere:net"}
    job = replace(job_of(plan(), tmp_path), job_id=JobId("r"), experiment=broken)
    _, pipe = start(job)
    ended = until(pipe, events.RunEnded)[-1]
    assert ended.state == "failed"
    assert "nowhere" in ended.error
    assert "\n" not in ended.error
    assert ended.time <= time.time()
