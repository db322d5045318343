"""What the app costs a terminal at the end of a slow line, measured in bytes through a pseudo-terminal of 120x40.

Run with `pytest tests/benchmarks/test_terminal.py --override-ini addopts= --import-mode=importlib -s`.
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from engine.events import Accuracies, Leakage, RunEnded, RunStarted
from engine.job_settings import RunOptions
from engine.service import protocol
from engine.service.client import SyncClient
from engine.service.launch import ensure_engine
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.spec import sweeps
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from store.facts import insert
from store.store import Store

MIA = Path(sys.executable).with_name("mia-explore")
WATCHED_SECONDS = 30
SWEEP = {
    "name": "watched",
    "dataset": "digits",
    "grid": {"defense": ["pgd"], "capacity": [1, 2], "epsilon": [0.1], "seed": [0, 1]},
    "recipe": {"steps": 100_000},
}
RUNS, POINTS = 500, 2000
ESCAPE = "\x1b"
"""Leaves the list that `m` opens."""


def bytes_painted(terminal, seconds):
    """Bytes that arrive in so many seconds."""
    before, end = len(terminal.output), time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read()
    return len(terminal.output) - before


@pytest.fixture
def busy(tmp_path):
    """A project with two runs at work and two waiting."""
    project = Project.at(tmp_path / "busy")
    ensure_engine(project, EngineSettings(threads=1, cpu_jobs=2))
    plan = sweeps.plan(SWEEP, "quick", [], ".")
    place = RunOptions(data_root=".", device="cpu")
    runs = [protocol.RunRequest(experiment=run.to_dict(), place=asdict(place)) for run in plan.experiments]
    with SyncClient(project) as client:
        client.call(protocol.Submit(sweep="watched", runs=runs))
    yield project
    with SyncClient(project) as client:
        client.call(protocol.Stop(grace=0.0))
        list(client.pushes())


def test_watching_two_runs_costs_less_than_3_kb_a_second(busy, open_terminal):
    terminal = open_terminal(MIA, "--project", busy.root)
    terminal.wait_for("2 running")
    bytes_painted(terminal, 5)
    opening = len(terminal.output)
    rate = bytes_painted(terminal, WATCHED_SECONDS) / WATCHED_SECONDS
    print(f"\nopening {opening} bytes, then {rate:.0f} bytes/s")
    assert rate < 3000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A finished project of 500 runs with a million points of history."""
    project = Project.at(tmp_path_factory.mktemp("large") / "project")
    project.root.mkdir()
    draw = np.random.default_rng(0)
    steps = np.arange(POINTS)
    with Store(project.database) as store:
        for index in range(RUNS):
            one = experiment(index)
            begun = RunStarted(run_id=one.run_id, time=1.0, experiment=one.to_dict(), device="cpu", versions={})
            store.apply([begun, *facts(one.run_id, draw), RunEnded(run_id=one.run_id, state="done", time=20.0)])
            columns = {"step": steps, "epoch": steps // 390, "metric": np.array(["loss"] * POINTS, object)}
            with store.session.transaction() as cursor:
                insert(cursor, "history", columns | {"value": draw.random(POINTS)}, run_id=one.run_id)
    return project


def experiment(index):
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=float(1 + index % 10),
        defense="pgd",
        epsilon=(1 + index // 10 % 5) / 20,
        seed=index // 50,
        recipe=recipe_for("pgd", "digits", "quick", {}),
        evaluation=Evaluation(epsilon=0.1),
    )


def facts(run_id, draw):
    settings = {"attack": "confidence", "class_label": None, "threshold_rule": "oracle", "n_member": 600}
    settings |= {"n_nonmember": 600, "ci_low": 0.1, "ci_high": 0.9, "leaks": True}
    settings |= {"metric": "inference_accuracy"}
    for view in ("benign", "adversarial"):
        yield Leakage(run_id=run_id, view=view, value=0.5 + draw.random() / 4, **settings)
        yield Accuracies(run_id=run_id, view=view, split="test", accuracy=draw.random(), n=400)


def test_a_large_project_idle_costs_nothing_and_answers_keys_within_50_ms(large, open_terminal):
    terminal = open_terminal(MIA, "--project", large.root, "--read-only")
    terminal.wait_for(f"{RUNS} done")
    bytes_painted(terminal, 5)
    assert bytes_painted(terminal, 10) == 0
    waits = [repaint_seconds(terminal, key) for key in [*"jjjjjGgjksSs[]m", ESCAPE] * 2]
    print(
        f"\nkey to first byte, {RUNS} runs: median {1000 * np.median(waits):.0f} ms, worst {1000 * max(waits):.0f} ms"
    )
    assert np.median(waits) < 0.05


def repaint_seconds(terminal, key):
    """Seconds from a key to the first byte of the repaint."""
    while terminal.read_now():
        pass
    start = time.monotonic()
    terminal.press(key)
    while not terminal.read_now(0.5):
        assert time.monotonic() < start + 2, f"{key} paints nothing"
    waited = time.monotonic() - start
    bytes_painted(terminal, 0.6)
    return waited
