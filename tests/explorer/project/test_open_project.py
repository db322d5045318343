import os
import signal
from dataclasses import asdict

import pytest
from waiting import eventually

from engine.job_settings import RunOptions
from engine.service import protocol
from engine.service.client import EngineRefused, EngineUnreachable, SyncClient
from engine.service.project import Project
from engine.spec import sweeps
from explorer.project.open_project import OpenProject

SWEEP = {
    "name": "tiny",
    "dataset": "digits",
    "data": {"train_fraction": 0.2, "test_fraction": 0.1},
    "grid": {"defense": ["natural"], "capacity": [0.5], "seed": [0]},
    "recipe": {"steps": 20},
    "evaluation": {"steps": 2, "epsilon": 0.1},
    "inference": {"attacks": ["confidence", "gap"]},
}


def submission(seed):
    plan = sweeps.plan(SWEEP | {"grid": SWEEP["grid"] | {"seed": [seed]}}, "quick", [], ".")
    place = RunOptions(data_root=".", device="cpu")
    runs = [protocol.RunRequest(experiment=run.to_dict(), place=asdict(place)) for run in plan.experiments]
    return protocol.Submit(sweep="tiny", runs=runs)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    found = Project.at(tmp_path_factory.mktemp("live") / "project")
    yield found
    try:
        with SyncClient(found) as client:
            client.call(protocol.Stop(grace=0.0))
            list(client.pushes())
    except EngineUnreachable:
        pass


async def test_an_empty_project_is_left_alone(tmp_path):
    project = OpenProject(Project.at(tmp_path / "nothing"))
    await project.open()
    assert project.link == "empty"
    assert not (tmp_path / "nothing").exists()
    await project.close()


async def test_a_first_command_starts_the_engine_and_its_runs_are_followed_to_their_end(paths):
    project = OpenProject(paths)
    await project.open()
    (run_id,) = (await project.call(submission(0))).run_ids
    assert project.link == "engine"
    await eventually(lambda: run_id in project.ended)
    await eventually(lambda: project.runs[run_id].inference_accuracy("benign") is not None)
    assert project.tracker.runs[run_id].state == project.runs[run_id].state == "done"
    assert any(line.run_id == run_id and "done" in line.message for line in project.log)
    await eventually(lambda: project.rows("capacity", metric="accuracy") is not None)
    assert project.rows("capacity", metric="accuracy") == await project.query("capacity", metric="accuracy")
    await project.close()


async def test_a_killed_engine_is_told_its_results_stay_readable_and_a_new_one_is_joined(paths):
    project = OpenProject(paths)
    await project.open()
    os.kill(project.status.pid, signal.SIGKILL)
    await eventually(lambda: project.link == "lost")
    assert "died" in project.trouble
    await eventually(lambda: project.runs)
    assert len(await project.query("runs")) == 1
    assert await project.start_engine()
    assert project.link == "engine"
    assert not project.trouble
    await project.close()


async def test_an_engine_started_by_somebody_else_is_joined(paths):
    project = OpenProject(paths)
    await project.open()
    other = OpenProject(paths)
    await other.open()
    await other.call(protocol.Stop(grace=0.0))
    await eventually(lambda: project.link == "lost" and other.link == "lost")
    assert project.trouble == "engine was stopped"
    assert await other.start_engine()
    await eventually(lambda: project.link == "engine")
    await project.close()
    await other.close()


async def test_reading_only_starts_nothing_and_changes_nothing(paths):
    before = OpenProject(paths)
    await before.open()
    await before.call(protocol.Stop(grace=0.0))
    await eventually(lambda: before.link == "lost")
    await before.close()
    project = OpenProject(paths, read_only=True)
    await project.open()
    assert project.link == "files"
    assert len(project.runs) == 1
    with pytest.raises(EngineRefused, match="read-only"):
        await project.call(submission(1))
    assert paths.holder() is None
    await project.close()


async def test_a_suspended_engine_is_told_within_moments_and_joined_again_when_it_goes_on(paths):
    project = OpenProject(paths)
    await project.open()
    pid = project.status.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(lambda: project.link == "lost")
        assert project.trouble == f"engine {pid} is suspended; `kill -CONT {pid}` lets it go on"
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: project.link == "engine" and project.status is not None)
    assert not project.trouble
    await project.close()
