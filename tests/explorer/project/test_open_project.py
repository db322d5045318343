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
def project(tmp_path_factory):
    found = Project.at(tmp_path_factory.mktemp("live") / "project")
    yield found
    try:
        with SyncClient(found) as client:
            client.call(protocol.Stop(grace=0.0))
            list(client.pushes())
    except EngineUnreachable:
        pass


async def test_an_empty_project_is_left_alone(tmp_path):
    live = OpenProject(Project.at(tmp_path / "nothing"))
    await live.open()
    assert live.link == "empty"
    assert not (tmp_path / "nothing").exists()
    await live.close()


async def test_a_first_command_starts_the_engine_and_its_runs_are_followed_to_their_end(project):
    live = OpenProject(project)
    await live.open()
    (run_id,) = (await live.call(submission(0))).run_ids
    assert live.link == "engine"
    await eventually(lambda: run_id in live.ended)
    await eventually(lambda: live.runs[run_id].inference_accuracy("benign") is not None)
    assert live.tracker.runs[run_id].state == live.runs[run_id].state == "done"
    assert any(line.run_id == run_id and "done" in line.message for line in live.log)
    await eventually(lambda: live.rows("capacity", measure="accuracy") is not None)
    assert live.rows("capacity", measure="accuracy") == await live.query("capacity", measure="accuracy")
    await live.close()


async def test_a_killed_engine_is_told_its_results_stay_readable_and_a_new_one_is_joined(project):
    live = OpenProject(project)
    await live.open()
    os.kill(live.status.pid, signal.SIGKILL)
    await eventually(lambda: live.link == "lost")
    assert "died" in live.trouble
    await eventually(lambda: live.runs)
    assert len(await live.query("runs")) == 1
    assert await live.start_engine()
    assert live.link == "engine"
    assert not live.trouble
    await live.close()


async def test_an_engine_started_by_somebody_else_is_joined(project):
    live = OpenProject(project)
    await live.open()
    other = OpenProject(project)
    await other.open()
    await other.call(protocol.Stop(grace=0.0))
    await eventually(lambda: live.link == "lost" and other.link == "lost")
    assert live.trouble == "engine was stopped"
    assert await other.start_engine()
    await eventually(lambda: live.link == "engine")
    await live.close()
    await other.close()


async def test_reading_only_starts_nothing_and_changes_nothing(project):
    before = OpenProject(project)
    await before.open()
    await before.call(protocol.Stop(grace=0.0))
    await eventually(lambda: before.link == "lost")
    await before.close()
    live = OpenProject(project, read_only=True)
    await live.open()
    assert live.link == "files"
    assert len(live.runs) == 1
    with pytest.raises(EngineRefused, match="read-only"):
        await live.call(submission(1))
    assert project.holder() is None
    await live.close()


async def test_a_suspended_engine_is_told_within_moments_and_joined_again_when_it_goes_on(project):
    live = OpenProject(project)
    await live.open()
    pid = live.status.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(lambda: live.link == "lost")
        assert live.trouble == f"engine {pid} is suspended; `kill -CONT {pid}` lets it go on"
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: live.link == "engine" and live.status is not None)
    assert not live.trouble
    await live.close()
