"""Projects, engines whose jobs need no torch, and patience with a deadline."""

import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from experiments import make_experiment
from waiting import patience, wait_until

from engine.service import launch, protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.spec.experiment import Experiment
from store.store import Store

FAKES = Path(__file__).parent / "fakes"
SHIM = FAKES / "slurm_shim.py"
QUICK = '[cluster]\npoll = 0.2\npartition = "gpu"\ngpus = "a100:2"\naccount = "lab"\n'


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
def runtime(monkeypatch):
    """A private folder with a path short enough for sockets."""
    folder = tempfile.mkdtemp(prefix="mia-test-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    monkeypatch.setenv("TMPDIR", folder)
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Bench:
    """An engine on one project, and shorthand for what tests ask of it; every run it makes is another experiment."""

    project: Project
    pids: list[int] = field(default_factory=list)
    seeds: Iterator[int] = field(default_factory=itertools.count)
    mine: dict[str, Experiment] = field(default_factory=dict)
    """The experiments of this test."""

    def start(self, **settings):
        fast = {"entry": "fake_job:run_job", "idle_exit": 60.0, "cpu_jobs": 2, "stop_grace": 10.0, "stack": 1}
        launch.ensure_engine(self.project, EngineSettings(**fast | settings))
        pid = self.project.holder().pid
        self.pids.append(pid)
        return pid

    def call(self, command):
        with SyncClient(self.project, timeout=patience(20)) as client:
            return client.call(command)

    def fresh(self):
        """An experiment that no test had before."""
        experiment = make_experiment(next(self.seeds))
        self.mine[experiment.run_id] = experiment
        return experiment

    def submit(self, *behaviours, device="cpu", priority=0):
        runs = [
            protocol.RunRequest(self.fresh().to_dict(), {"data_root": behaviour, "device": device})
            for behaviour in behaviours
        ]
        return self.call(protocol.Submit(sweep="test", runs=runs, priority=priority)).run_ids

    def status(self):
        return self.call(protocol.GetStatus())

    def rows(self, name="runs", **params):
        """A query's rows about the runs of this test."""
        table = self.call(protocol.Query(name=name, params={"run_id": list(self.mine)} | params))
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

    def stored(self):
        """(state, attempts) of all pending runs, read while no engine runs."""
        store = Store(self.project.database)
        try:
            return {run.run_id: (run.state, run.attempts) for run in store.pending()}
        finally:
            store.close()

    def reachable(self):
        try:
            SyncClient(self.project, timeout=patience(5)).close()
        except EngineUnreachable:
            return False
        return True

    def kill(self):
        for pid in self.pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def bench(tmp_path, runtime, monkeypatch):
    """A project of its own, in which no engine runs yet."""
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    bench = Bench(Project.at(tmp_path / "project"))
    yield bench
    bench.kill()


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory):
    runtime = tempfile.mkdtemp(prefix="mia-test-")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("TMPDIR", runtime)
        monkeypatch.setenv("PYTHONPATH", str(FAKES))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        bench = Bench(Project.at(tmp_path_factory.mktemp("project")))
        bench.start()
        yield bench
        bench.kill()
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture
def running(shared_bench):
    """An engine at work, shared by the tests of a module; each sees its own runs only."""
    shared_bench.mine = {}
    yield shared_bench
    shared_bench.call(protocol.Cancel(run_ids=list(shared_bench.mine)))
    shared_bench.call(protocol.Resume())


class Shim:
    """The folder that is Slurm."""

    def __init__(self, home):
        self.home = home

    def tell(self, name, words=""):
        (self.home / name).write_text(words)

    def untell(self, name):
        (self.home / name).unlink()

    def jobs(self):
        return sorted((self.home / "jobs").glob("*"), key=lambda job: int(job.name))

    def states(self):
        return [(job / "state").read_text() for job in self.jobs()]

    def calls(self, command):
        return [line for line in (self.home / "calls").read_text().splitlines() if line.startswith(command)]

    def force(self, job, state):
        (job / "forced").write_text(state)

    def preempt(self, job):
        """Take the machine away from a job, and give it one again as soon as `again_later` is removed."""
        (job / "again_later").touch()
        (job / "requeue").touch()
        os.killpg(int((job / "pid").read_text()), signal.SIGTERM)


@pytest.fixture
def shim(tmp_path, monkeypatch):
    home, commands = tmp_path / "slurm", tmp_path / "bin"
    home.mkdir()
    commands.mkdir()
    for name in ("sbatch", "squeue", "scancel"):
        (commands / name).write_text(f'#!/bin/bash\nexec {sys.executable} -SE {SHIM} {name} "$@"\n')
        (commands / name).chmod(0o755)
    monkeypatch.setenv("SLURM_SHIM", str(home))
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    yield Shim(home)
    for file in home.glob("jobs/*/pid"):
        if (file.parent / "state").read_text() == "RUNNING":
            os.killpg(int(file.read_text()), signal.SIGKILL)


@pytest.fixture
def cluster(bench, shim):
    """A project on the shim."""
    bench.project.root.mkdir()
    (bench.project.root / "project.toml").write_text(QUICK)
    bench.shim = shim
    return bench
