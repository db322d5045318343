"""What an engine costs a login node: 2,000 runs queued, 1,000 of them at work on a cluster.

pytest tests/benchmarks/test_cluster.py --override-ini addopts= --import-mode=importlib -s
"""

import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engine" / "service"))
from conftest import bench, runtime, shim  # noqa: F401 - fixtures
from experiments import make_experiment

from engine.event_file import EventFile
from engine.events import Progress, RunStarted
from engine.service import protocol

JOBS, RUNS, WATCHED = 1000, 2000, 60.0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.timeout(1800)
def test_a_thousand_jobs(bench, shim):  # noqa: F811 - fixtures
    shim.tell("puppets")
    bench.project.root.mkdir()
    (bench.project.root / "project.toml").write_text(f"[cluster]\njobs = {JOBS}\n")
    pid = bench.start()
    place = {"data_root": "quick", "device": "cpu", "on": "slurm"}
    runs = [protocol.RunRequest(make_experiment(seed).to_dict(), place) for seed in range(RUNS)]
    begun = time.monotonic()
    assert len(bench.call(protocol.Submit(sweep="many", runs=runs)).run_ids) == RUNS
    print(f"\nsubmit {RUNS}: {time.monotonic() - begun:.1f} s")
    while len(shim.jobs()) < JOBS:
        time.sleep(0.5)
    print(f"all {JOBS} handed over: {time.monotonic() - begun:.1f} s, {resident_mib(pid):.0f} MiB")
    files = {}
    for folder in bench.project.handovers.glob("slurm/*"):
        job = json.loads((folder / "job.json").read_text())["assignment"]
        file = files[job["job_id"][0]] = EventFile(folder / "events.jsonl", node="n", job="slurm 1", restart=0)
        run_id, own = job["job_id"][0], job["experiment"]
        file.send(RunStarted(run_id=run_id, experiment=own, device="cuda:0", time=time.time(), versions={}))
    while len([one for one in bench.status().placed if one.node]) < JOBS:
        time.sleep(0.5)
    time.sleep(5)
    used, begun = cpu_seconds(pid), time.monotonic()
    while (at := time.monotonic() - begun) < WATCHED:  # every job tells how far it is every ten seconds
        for number, (run_id, file) in enumerate(files.items()):
            if number % 20 == int(at * 2) % 20:
                file.send(Progress(run_id=run_id, phase="train", label=f"step {at:.0f}", fraction=0.5, rate=1.0))
        time.sleep(0.5)
    share = (cpu_seconds(pid) - used) / (time.monotonic() - begun)
    print(f"{JOBS} at work: {100 * share:.1f} % of a core, {resident_mib(pid):.0f} MiB")
