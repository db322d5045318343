"""A project of its own for each test, engines with jobs that need no torch, and patience with a deadline."""

import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.control import launch, protocol
from engine.control.client import EngineUnreachable, SyncClient
from engine.control.project import Project
from engine.control.settings import EngineSettings
from engine.recipes import recipe_for
from engine.spec import Data, Evaluation, Experiment

FAKES = Path(__file__).parent / "fakes"


def wait_until(condition, seconds=15.0):
    """The first true value of `condition()`; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def experiment():
    def make(seed=0):
        return Experiment(
            data=Data(name="digits"),
            network="small-cnn",
            capacity=1.0,
            defense="natural",
            epsilon=0.0,
            seed=seed,
            recipe=recipe_for("natural", "digits", "quick", {}),
            evaluation=Evaluation(epsilon=0.1),
        )

    return make


@pytest.fixture
def runtime(monkeypatch):
    """A private folder with a path short enough for sockets."""
    folder = tempfile.mkdtemp(prefix="mia-test-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Bench:
    """An engine on one project, and shorthand for what tests ask of it."""

    project: Project
    experiment: object
    pids: list[int] = field(default_factory=list)

    def start(self, **settings):
        fast = {"entry": "fake_job:run_job", "idle_exit": 60.0, "cpu_jobs": 2, "stop_grace": 10.0}
        launch.ensure_engine(self.project, EngineSettings(**fast | settings))
        pid = self.project.holder().pid
        self.pids.append(pid)
        return pid

    def call(self, command):
        with SyncClient(self.project, timeout=20) as client:
            return client.call(command)

    def submit(self, *behaviours, device="cpu", priority=0, first_seed=0):
        runs = [
            protocol.RunRequest(
                self.experiment(first_seed + index).to_dict(), {"data_root": behaviour, "device": device}
            )
            for index, behaviour in enumerate(behaviours)
        ]
        return self.call(protocol.Submit(sweep="test", runs=runs, priority=priority)).run_ids

    def status(self):
        return self.call(protocol.GetStatus())

    def rows(self, name="runs", **params):
        table = self.call(protocol.Query(name=name, params=params))
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    def states(self):
        return {row["run_id"]: row["state"] for row in self.rows()}

    def wait_for(self, states, seconds=20.0):
        """Wait until the runs are in these states."""
        wait_until(lambda: self.states().items() >= states.items(), seconds)

    def starts(self, run_id):
        """Process ids of a run's jobs so far."""
        file = self.project.run_folder(run_id) / "starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def ended(self, pid):
        wait_until(lambda: not alive(pid))

    def reachable(self):
        try:
            SyncClient(self.project, timeout=5).close()
        except EngineUnreachable:
            return False
        return True


@pytest.fixture
def bench(tmp_path, runtime, experiment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    bench = Bench(Project.at(tmp_path / "project"), experiment)
    yield bench
    for pid in bench.pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
