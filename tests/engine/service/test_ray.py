"""What the Ray executor does without a cluster: refusals, files that jobs need, and how its line breaks."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.job_settings import ANSWERS
from engine.service.executors import ClusterBusyError, ray_answers, ray_line
from engine.service.executors.ray import RayExecutor
from engine.service.executors.ray_courier import PART
from engine.service.executors.ray_desk import Desk
from engine.service.executors.ray_line import RayLine
from engine.service.places import RayPlace
from engine.service.settings import EngineSettings
from engine.spec.experiment import Experiment
from engine.validation import SpecError

NOWHERE = "ray://127.0.0.1:9"


def place(**settings):
    return RayPlace(name="boxes", **{"address": NOWHERE, **settings})


def test_engines_have_no_ray_in_them():
    code = "import sys, engine.service.executors.ray, engine.service.engine; print({'ray', 'torch'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_an_absent_ray_is_told_in_one_line(bench, monkeypatch):
    monkeypatch.setattr(ray_line.importlib.util, "find_spec", lambda name: None)
    executor = RayExecutor(place(), bench.project, EngineSettings())
    with pytest.raises(SpecError, match=r"on: boxes: Ray is not installed here: pip install 'mia-explore\[ray\]'"):
        executor.prepare()


def test_an_address_where_nobody_listens_is_told_within_seconds(bench, monkeypatch):
    monkeypatch.setattr(ray_line.importlib.util, "find_spec", lambda name: True)
    began = time.monotonic()
    with pytest.raises(SpecError, match=r"on: boxes: 127\.0\.0\.1:9: Connection refused"):
        RayExecutor(place(), bench.project, EngineSettings()).prepare()
    assert time.monotonic() - began < 5.0


def test_a_process_that_ends_is_a_cluster_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(ray_line, "ANSWERS", "no.such.module")
    line = RayLine()
    with pytest.raises(ClusterBusyError, match=r"the connection to ray://127\.0\.0\.1:9 broke"):
        line.ask(place(), "look")
    assert not line.is_open


def test_what_the_process_meets_comes_over_the_line_in_its_words():
    line = RayLine()
    with pytest.raises(ClusterBusyError, match=r"127\.0\.0\.1:9: Connection refused|not installed"):
        line.ask(place(), "look")
    line.close()


def weights(folder, training_id):
    folder.mkdir(parents=True)
    header = json.dumps({"__metadata__": {"training_id": training_id}}).encode()
    (folder / ray_answers.WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / ray_answers.HISTORY).touch()


def test_a_job_takes_along_its_files_and_the_weights_of_runs_trained_alike(tmp_path, bench):
    experiment = bench.fresh()
    own = tmp_path / experiment.run_id
    own.mkdir()
    for name in ("checkpoint.safetensors", "lock", "job.log", "model.safetensors.partial"):
        (own / name).touch()
    weights(tmp_path / f"{experiment.slug}-alike", experiment.training_id)
    weights(tmp_path / f"{experiment.slug}-other", "other")
    job = {"run_folder": str(own), "job_id": [experiment.run_id, "answers"], "population": [], "mates": []}
    job["experiment"] = Experiment.from_dict(experiment.to_dict()).to_dict()
    found = {str(path.relative_to(tmp_path)) for path in ray_answers.needed(job)}
    alike = f"{experiment.slug}-alike"
    assert found == {f"{own.name}/checkpoint.safetensors", f"{alike}/model.safetensors", f"{alike}/history.jsonl"}


def test_attacks_with_references_take_along_the_answers_of_the_population(tmp_path):
    for name in ("own", "one", "two", "stranger"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ANSWERS).touch()
    job = {"run_folder": str(tmp_path / "own"), "job_id": ["own", "facts"], "population": ["one", "two"], "mates": []}
    assert {path.parent.name for path in ray_answers.needed(job)} == {"own", "one", "two"}


class Task:
    """What Ray gives for a task."""

    def task_id(self):
        return self

    def hex(self):
        return "abc"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A desk with a job that Ray has, without a Ray."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    desk = Desk("1.0")
    desk.put("job", "runs/r/checkpoint", 0, b"old")
    desk._posts["job"].task = Task()
    monkeypatch.setattr(desk, "_see_ends", lambda: None)
    return desk


def test_a_desk_tells_what_follows_and_the_end_only_behind_it(desk):
    desk.welcome("job", "node1")
    desk.exchange("job", b"0123456789", b"words")
    assert (desk.look({"job": (4, 5)})["job"].events, desk.look({"job": (4, 5)})["job"].log) == (b"456789", b"")
    desk.exchange("job", b"x" * PART, b"")
    desk._posts["job"].end = (0, "")
    assert not desk.look({})["job"].over
    assert desk.look({"job": (PART, 5)})["job"].over


def test_files_that_a_job_brings_are_whole_and_those_it_removes_are_gone(desk):
    desk.bring("job", "runs/r/checkpoint", 0, b"new", False)
    assert desk.part("job", "runs/r/checkpoint", 0) == b"old"
    assert desk.brought("job", 0) == []
    desk.bring("job", "runs/r/checkpoint", 3, b"er", True)
    assert desk.part("job", "runs/r/checkpoint", 0) == b"newer"
    desk.bring("job", "runs/r/checkpoint", 0, None, True)
    assert desk.look({})["job"].files == 2
    assert desk.brought("job", 1) == [("runs/r/checkpoint", None)]


def test_a_job_that_has_begun_keeps_its_files_when_it_is_handed_over_again(desk):
    desk.put("job", "runs/r/checkpoint", 0, b"older")
    assert desk.part("job", "runs/r/checkpoint", 0) == b"old"


def test_words_reach_a_job_in_their_order_and_nobody_else(desk):
    desk.say("job", "cancel r")
    desk.say("job", "stop")
    desk.say("stranger", "stop")
    desk.forget("stranger")
    assert desk.exchange("job", b"", b"") == ["cancel r", "stop"]
    assert list(desk._posts) == ["job"]
    assert Path(desk._spool, "job").is_dir()
