"""Kill jobs, engines and commands with signal 9 at random moments: nothing acknowledged is lost, nothing is done twice.

On a CPU every interrupted run that is trained by itself ends with the bits of an uninterrupted one. Which runs are
trained together is a matter of time, and sums of a stack are rounded in another order: there no bits are compared.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from waiting import patience

from engine import events
from engine.experiment import RunContext, run
from engine.job_settings import RunOptions
from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.launch import ensure_engine
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.spec import sweeps
from explorer.project.result_source import ResultSource

KILLS = 10
SWEEP = {
    "name": "survival",
    "dataset": "digits",
    "data": {"train_fraction": 0.3, "test_fraction": 0.1},
    "grid": {"defense": ["natural", "pgd"], "capacity": [1], "epsilon": [0.1], "seed": [0, 1, 2, 3]},
    "recipe": {"steps": 800, "attack_steps": 2, "batch_size": 20},
    "evaluation": {"steps": 4},
    "inference": {"attacks": ["confidence", "model-class", "gap"], "restarts": 1},
}
PLACE = RunOptions(data_root=".", checkpoint_seconds=0.1, device="cpu")
FACT = ("attack", "view", "class_label", "threshold_rule", "metric", "value", "ci_low", "ci_high", "leaks")


@pytest.fixture(scope="module")
def plan():
    return sweeps.plan(SWEEP, "quick", [], ".")


@pytest.fixture(scope="module")
def uninterrupted(plan, tmp_path_factory):
    """Weights, history points and leakage of every run computed in one go."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("uninterrupted")
    found = {}
    for experiment in plan.experiments:
        told = []
        where = folder / experiment.run_id
        run(experiment, RunContext(where, PLACE, torch.device("cpu")), told.append)
        points = sum(len(event.metrics) for event in told if isinstance(event, events.History))
        facts = {tuple(getattr(event, name) for name in FACT) for event in told if isinstance(event, events.Leakage)}
        found[experiment.run_id] = ((where / "model.safetensors").read_bytes(), points, facts)
    return found


class Victim:
    """A project whose processes are killed."""

    def __init__(self, folder, plan):
        self.project, self.plan = Project.at(folder), plan
        self.random = random.Random(0)
        self.pause = threading.Event()
        self.done_at: dict[str, float] = {}

    def start(self, stack=1):
        ensure_engine(self.project, EngineSettings(threads=1, cpu_jobs=2, stack=stack))
        return SyncClient(self.project, timeout=patience(60.0))

    def submit(self, client):
        runs = [protocol.RunRequest(experiment=e.to_dict(), place=asdict(PLACE)) for e in self.plan.experiments]
        return client.call(protocol.Submit(sweep=self.plan.name, runs=runs)).run_ids

    def wait_randomly(self, longest):
        self.pause.wait(self.random.uniform(0, longest))

    def wait_for_work(self, client):
        """Until a run is under way, so that not every kill comes before the first one is."""
        deadline = time.monotonic() + patience(60)
        while not client.call(protocol.GetStatus()).progress and not self.over(client):
            assert time.monotonic() < deadline, "no run begins"
            self.pause.wait(0.05)

    def states(self, client):
        rows = {row.run_id: row for row in ResultSource(client.call).query("runs")}
        for run_id, row in rows.items():
            if row.state == "done":
                assert self.done_at.setdefault(run_id, row.started) == row.started, f"{run_id} was done twice"
        return {run_id: row.state for run_id, row in rows.items()}

    def facts(self, client):
        """Number of acknowledged rows by run and table."""
        asked = ResultSource(client.call)
        ids = list(self.states(client))
        return {
            (table, run_id): len(asked.query(table, run_id=run_id))
            for table in ("history", "leakage")
            for run_id in ids
        }

    def finish(self, client):
        """Wait for the end of every run."""
        client.call(protocol.Subscribe())
        if self.over(client):
            return
        for push in client.pushes():
            if isinstance(push, protocol.StateChange) and self.over(client):
                return
        pytest.fail("the engine went away")

    def over(self, client):
        states = self.states(client)
        return len(states) == len(self.plan.experiments) and not {"queued", "running"} & set(states.values())

    def jobs(self):
        """Pids of the job processes: grandchildren of the engine, children of its forkserver."""
        pid = self.project.holder().pid
        return [job for forkserver in children(pid) for job in children(forkserver)]

    def check(self, client, uninterrupted, same_bits=True):
        assert self.states(client) == dict.fromkeys(uninterrupted, "done")
        asked = ResultSource(client.call)
        for run_id, (weights, points, facts) in uninterrupted.items():
            if same_bits:
                assert (self.project.run_folder(run_id) / "model.safetensors").read_bytes() == weights
            history = asked.query("history", run_id=run_id)
            assert len(history) == points
            assert len({(row.step, row.metric) for row in history}) == points
            leakage = [tuple(getattr(row, name) for name in FACT) for row in asked.query("leakage", run_id=run_id)]
            assert len(leakage) == len(set(leakage)) == len(facts)
            assert set(leakage) == facts or not same_bits

    def end(self):
        try:
            with SyncClient(self.project, timeout=patience(30.0)) as client:
                client.call(protocol.Stop(grace=0.0))
                list(client.pushes())
        except EngineUnreachable:
            pass


def children(pid):
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found |= {int(child) for child in task.read_text().split()}
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(found)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def gone(pid, deadline=30.0):
    until = time.monotonic() + patience(deadline)
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end while its file is read
        while Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z":
            assert time.monotonic() < until, f"{pid} does not end"
            threading.Event().wait(0.01)


@pytest.fixture
def victim(tmp_path, plan):
    victim = Victim(tmp_path / "project", plan)
    yield victim
    victim.end()


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds its victims in /proc"),
    pytest.mark.timeout(patience(300)),
]


def test_killed_jobs_end_with_the_same_bits(victim, uninterrupted):
    with victim.start() as client:
        victim.submit(client)
        killed = 0
        # A run may crash twice before it fails, so no victim is taken a third time.
        taken = {}
        while killed < KILLS and not victim.over(client):
            victim.wait_randomly(0.4)
            for run in client.call(protocol.GetStatus()).progress:
                lock = victim.project.run_folder(run.run_id) / "lock"
                holders = [pid for pid in victim.jobs() if holds(pid, lock)]
                if holders and taken.get(run.run_id, 0) < 2 and killed < KILLS and kill(holders[0]):
                    taken[run.run_id] = taken.get(run.run_id, 0) + 1
                    killed += 1
                    break
        assert killed == KILLS
        victim.finish(client)
        victim.check(client, uninterrupted)


def holds(pid, path):
    try:
        return any(os.readlink(entry) == str(path) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


@pytest.mark.parametrize("stack", [1, 4])
def test_killed_engines_lose_nothing_they_acknowledged(victim, uninterrupted, stack):
    acknowledged = {}
    for attempt in range(KILLS):
        with victim.start(stack) as client:
            if attempt == 0:
                assert set(victim.submit(client)) == set(uninterrupted)
            now = victim.facts(client)
            assert all(now.get(key, 0) >= count for key, count in acknowledged.items())
            if attempt % 2:
                victim.wait_for_work(client)
            victim.wait_randomly(1.5)
            acknowledged = victim.facts(client)
            pid = victim.project.holder().pid
            kill(pid)
            gone(pid)
    with victim.start(stack) as client:
        victim.finish(client)
        victim.check(client, uninterrupted, same_bits=stack == 1)


def test_killed_commands_leave_the_engine_at_work(victim, uninterrupted, tmp_path):
    lines = ['name = "survival"', 'dataset = "digits"']
    for section in ("data", "grid", "recipe", "evaluation", "inference"):
        lines += [f"[{section}]", *(f"{key} = {value}".replace("'", '"') for key, value in SWEEP[section].items())]
    (tmp_path / "survival.toml").write_text("\n".join(lines))
    command = [sys.executable, "-c", "from explorer.cli.main import main; main()", "run", "survival.toml", "--plain"]
    source = {"PYTHONPATH": str(Path(__file__).parents[1]), "MIA_PROJECT": str(victim.project.root)}
    victim.start().close()  # one that trains each run by itself, as no command would
    for _ in range(KILLS):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        victim.wait_randomly(1.5)
        process.kill()
        process.wait()
    final = subprocess.run(command, cwd=tmp_path, env=os.environ | source, capture_output=True, text=True, check=False)
    assert final.returncode == 0, final.stderr
    with victim.start() as client:
        victim.check(client, uninterrupted)
