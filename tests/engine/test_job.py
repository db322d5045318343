import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import patience

import engine.together
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

    def begin(job, entry=run_job):
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=entry, args=(job, theirs))
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


def seeds(count, tmp_path, checkpoint_seconds=30.0, **recipe):
    """Jobs about one network of several seeds, and their folders."""
    settings = {"steps": 40, "milestones": []} | recipe
    overrides = [f"recipe.{name}={value}" for name, value in settings.items()]
    small = ["capacity=1", "defense=pgd", "epsilon=0.1", f"seed={list(range(count))}", "recipe.factors=[]"]
    small += ["evaluation.steps=1", 'inference.attacks=["margin"]']
    sweep = sweeps.plan({"name": "tiny", "dataset": "digits"}, "quick", [*small, *overrides], ".")
    return [
        job_of(experiment, tmp_path / f"seed-{experiment.seed}", checkpoint_seconds=checkpoint_seconds)
        for experiment in sweep.experiments
    ]


def together(jobs):
    first, *mates = jobs
    return replace(first, mates=tuple(mates))


def all_ends(pipe, count):
    """The events until so many runs have ended."""
    told = []
    while sum(isinstance(event, events.RunEnded) for event in told) < count:
        assert pipe.poll(patience(60)), f"nothing came after {told[-3:]}"
        told.append(pipe.recv())
    return told


def run_all(job, pipe):
    """A stack of all that there are, whatever a trial would say."""
    engine.together.best_size = len
    run_job(job, pipe)


def kinds(told, run_id):
    return [type(event) for event in told if event.run_id == run_id and not isinstance(event, events.Progress)]


def test_a_stack_tells_and_keeps_for_each_run_what_it_would_tell_alone(start, tmp_path):
    jobs = seeds(3, tmp_path / "together")
    _, pipe = start(together(jobs), run_all)
    told = all_ends(pipe, 3)
    alone = seeds(3, tmp_path / "alone")[1]
    _, pipe = start(alone)
    assert kinds(told, alone.run_id) == kinds(all_ends(pipe, 1), alone.run_id)
    files = {path.name for path in (tmp_path / "alone" / "seed-1").iterdir()}
    for job in jobs:
        assert {path.name for path in Path(job.run_folder).iterdir()} == files
    assert {event.state for event in told if isinstance(event, events.RunEnded)} == {"done"}
    assert [event.together for event in told if isinstance(event, events.RunStarted)] == [3, 3, 3]


def test_one_run_of_a_stack_is_cancelled_and_can_go_on_while_the_others_train(start, tmp_path):
    jobs = seeds(3, tmp_path, steps=100000)
    _, pipe = start(together(jobs), run_all)
    until(pipe, events.Progress)
    pipe.send(("cancel", jobs[1].run_id))
    ended = until(pipe, events.RunEnded)[-1]
    assert (ended.run_id, ended.state) == (jobs[1].run_id, "queued")
    _, again = start(jobs[1])
    until(again, events.Progress)  # its folder is free
    again.send("stop")
    until(pipe, events.Progress)
    pipe.send("stop")
    assert {event.run_id for event in all_ends(pipe, 2) if isinstance(event, events.RunEnded)} == {
        jobs[0].run_id,
        jobs[2].run_id,
    }


def test_what_is_wrong_with_one_run_of_a_stack_is_its_own_affair(start, tmp_path):
    jobs = seeds(3, tmp_path)
    (tmp_path / "seed-1").symlink_to(tmp_path / "elsewhere")
    _, pipe = start(together(jobs), run_all)
    ends = {event.run_id: event for event in all_ends(pipe, 3) if isinstance(event, events.RunEnded)}
    assert [ends[job.run_id].state for job in jobs] == ["done", "failed", "done"]
    assert "is a link" in ends[jobs[1].run_id].error


def run_one_badly(job, pipe):
    """A stack of all; nobody can read the images of the second."""
    images = engine.together.experiment.images

    def read(experiment, context):
        if experiment.seed == 1:
            raise SpecError("digits: half of them are missing")
        return images(experiment, context)

    engine.together.best_size, engine.together.experiment.images = len, read
    run_job(job, pipe)


def test_a_run_whose_images_cannot_be_read_fails_and_the_others_are_trained_together(start, tmp_path):
    jobs = seeds(3, tmp_path)
    _, pipe = start(together(jobs), run_one_badly)
    told = all_ends(pipe, 3)
    ends = {event.run_id: event for event in told if isinstance(event, events.RunEnded)}
    assert [ends[job.run_id].state for job in jobs] == ["done", "failed", "done"]
    assert ends[jobs[1].run_id].error == "digits: half of them are missing"
    begun = [event.run_id for event in told if isinstance(event, events.RunStarted)]
    assert begun == [jobs[0].run_id, jobs[2].run_id]


def test_a_stack_that_is_too_large_gives_runs_back_and_leaves_their_folders_free(start, tmp_path):
    jobs = seeds(3, tmp_path, steps=100000)
    process, pipe = start(together(jobs), run_pairs)
    given_back = until(pipe, events.RunEnded)
    assert kinds(given_back, jobs[2].run_id) == [events.RunEnded]
    assert given_back[-1].state == "queued"
    _, again = start(jobs[2])
    until(again, events.Progress)
    again.send("stop")
    pipe.send("stop")
    all_ends(pipe, 2)
    process.join(10)
    assert process.exitcode == 0


def run_pairs(job, pipe):
    """A stack of two."""
    engine.together.best_size = lambda _: 2
    run_job(job, pipe)


def test_a_run_with_answers_or_weights_is_carried_out_by_itself(start, tmp_path):
    jobs = seeds(2, tmp_path)
    _, pipe = start(jobs[0])
    all_ends(pipe, 1)
    _, pipe = start(together(jobs), run_all)
    ends = [(event.run_id, event.state) for event in all_ends(pipe, 2) if isinstance(event, events.RunEnded)]
    assert ends == [(jobs[1].run_id, "queued"), (jobs[0].run_id, "done")]


def test_runs_that_are_to_be_trained_go_before_one_that_is_not(start, tmp_path):
    jobs = seeds(3, tmp_path)
    _, pipe = start(jobs[0])
    all_ends(pipe, 1)
    _, pipe = start(together(jobs), run_all)
    ends = [(event.run_id, event.state) for event in all_ends(pipe, 3) if isinstance(event, events.RunEnded)]
    assert ends == [(jobs[0].run_id, "queued"), (jobs[1].run_id, "done"), (jobs[2].run_id, "done")]


def run_unaskable(job, pipe):
    """A stack of all, whose models cannot be asked together."""

    def refuse(_):
        raise RuntimeError("vmap: not this")

    engine.together.best_size, engine.together.predict_together = len, refuse
    run_job(job, pipe)


def test_models_that_cannot_be_asked_together_are_asked_one_by_one(start, tmp_path):
    jobs = seeds(2, tmp_path)
    _, pipe = start(together(jobs), run_unaskable)
    told = all_ends(pipe, 2)
    assert {event.state for event in told if isinstance(event, events.RunEnded)} == {"done"}
    assert [event.message for event in told if isinstance(event, events.Notice)] == [
        "not asked together (RuntimeError: vmap: not this); each is by itself"
    ]


@pytest.mark.slow
def test_a_stack_that_is_killed_ten_times_ends_with_the_bits_of_an_undisturbed_one(start, tmp_path):
    whole, parts = (
        seeds(3, tmp_path / "whole", steps=400, checkpoint_seconds=0),
        seeds(3, tmp_path / "parts", steps=400, checkpoint_seconds=0),
    )
    _, pipe = start(together(whole), run_all)
    all_ends(pipe, 3)
    kills = 0
    while kills < 10:
        process, pipe = start(together(parts), run_all)
        until(pipe, events.RunStarted)
        for _ in range(1 + 4 * kills):  # each time a little later
            told = until(pipe, (events.History, events.RunEnded))[-1]
        assert isinstance(told, events.History), "it had ended before the tenth kill"
        process.kill()
        process.join(10)
        kills += 1
    _, pipe = start(together(parts), run_all)
    all_ends(pipe, 3)
    for one, other in zip(whole, parts, strict=True):
        for name in ("model.safetensors", "predictions.npz"):
            assert (Path(one.run_folder) / name).read_bytes() == (Path(other.run_folder) / name).read_bytes()
