"""The Slurm executor on a shim of Slurm's commands, with jobs that need no torch."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from waiting import wait_until

from engine.event_file import EventFile, EventFileReader, Mark
from engine.events import AttacksEnded, Notice, RunEnded
from engine.service import protocol
from engine.service.client import EngineRefused
from engine.service.executors.slurm_commands import complaint, options, seconds
from engine.service.places import SlurmPlace
from explorer.cli.main import run as cli

QUICK = '[cluster]\npoll = 0.2\npartition = "gpu"\ngpus = "a100:2"\naccount = "lab"\n'
"""What `cluster` has."""


def submit(bench, *behaviours, on="slurm"):
    runs = [
        protocol.RunRequest(bench.fresh().to_dict(), {"data_root": behaviour, "on": on, "device": "cpu"})
        for behaviour in behaviours
    ]
    return bench.call(protocol.Submit(sweep="test", runs=runs)).run_ids


def placed(bench, run_id):
    found = [one for one in bench.status().placed if one.run_id == run_id]
    return found[0] if found else None


def test_runs_are_computed_by_slurm_and_their_folders_go_when_all_is_on_disk(cluster):
    cluster.start()
    ids = submit(cluster, "quick", "fail", "quick")
    cluster.wait_for(dict(zip(ids, ["done", "failed", "done"], strict=True)))
    (row,) = cluster.rows("run", run_id=ids[0])
    assert re.fullmatch(r"cpu on \S+, slurm 1", row["device"])
    assert [row["value"] for row in cluster.rows("history", run_id=ids[0])] == [1.0, 0.5, 1 / 3]
    assert cluster.rows(run_id=ids[1])[0]["error"] == "ValueError: no"
    wait_until(lambda: not list(cluster.project.handovers.glob("*/*")))
    assert len(cluster.shim.jobs()) == 3


def test_what_is_asked_of_slurm_for_a_job(cluster):
    cluster.start()
    (run_id,) = submit(cluster, "quick")
    cluster.wait_for({run_id: "done"})
    *_, call = cluster.shim.calls("sbatch")
    for option in ("--partition=gpu", "--account=lab", "--requeue", "--signal=B:TERM@90", "--open-mode=append"):
        assert option in call
    assert "gres" not in call, "a run that asks for the CPU needs no GPU"
    asked = options(SlurmPlace(gpus="a100:2", time="2", memory="8G", cpus=4), "mia-x", Path("/runs/a/job.log"))
    assert {"--gres=gpu:a100:2", "--signal=B:TERM@20", "--mem=8G", "--cpus-per-task=4"} <= set(asked)


@pytest.mark.parametrize(
    ("limit", "length"),
    [("", None), ("30", 1800), ("30:15", 1815), ("4:00:00", 14400), ("1-2", 93600), ("1-2:30", 95400)],
)
def test_time_limits_are_read_as_slurm_reads_them(limit, length):
    assert seconds(limit) == length


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "sbatch: error: invalid partition specified: nope\nallocation failure: Invalid partition",
            "invalid partition",
        ),
        ("sbatch: error: Batch job submission failed: Invalid account", "Batch job submission failed: Invalid account"),
    ],
)
def test_what_slurm_complains_of_is_one_line(said, told):
    assert complaint(said).startswith(told)
    assert "\n" not in complaint(said)


@pytest.mark.parametrize(
    ("toml", "on", "refuse", "said"),
    [
        (QUICK, "slurm", "invalid partition specified: gpu", "on: slurm: invalid partition specified: gpu"),
        (QUICK, "slurn", None, "on: 'slurn' is not allowed.*did you mean 'slurm'"),
        (
            '[cluster]\ntime = "soon"',
            "slurm",
            None,
            r"project.toml: cluster.time: 'soon' is not allowed; allowed: such",
        ),
        (
            "[cluster]\nshared = '/nowhere'",
            "slurm",
            None,
            "shared: '/nowhere' is not allowed; allowed: a folder that is",
        ),
        ("[cluster]\nshared = '/usr'", "slurm", None, "--project: .* allowed: a folder within /usr, which the nodes"),
        ("[cluster.a]\nscheduler = 'pbs'", "a", None, "cluster.a.scheduler: 'pbs' is not allowed; allowed: slurm, ray"),
        ("[clusters]", "slurm", None, "clusters: 'clusters' is not allowed; allowed: cluster"),
        ("[cluster", "slurm", None, "project.toml: "),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_queued(cluster, toml, on, refuse, said):
    (cluster.project.root / "project.toml").write_text(toml)
    if refuse:
        cluster.shim.tell("refuse", refuse)
    cluster.start()
    with pytest.raises(EngineRefused, match=said) as refused:
        submit(cluster, "quick", on=on)
    assert "\n" not in str(refused.value)
    assert cluster.rows() == []


def test_without_slurm_here_it_is_said(bench, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    bench.start()
    with pytest.raises(EngineRefused, match="on: slurm: no sbatch, squeue, scancel on this machine"):
        submit(bench, "quick")


def test_a_run_of_two_places_goes_where_there_is_room(cluster, tmp_path):
    cluster.start(cpu_jobs=1)
    ids = submit(cluster, *[f"hold:{tmp_path / 'go'}"] * 3, on="local, slurm")
    wait_until(lambda: len(cluster.status().running) == 3)
    taken = {device.name: device.taken for device in cluster.status().devices}
    assert taken["cpu"] >= 1
    assert taken["slurm"] >= 1
    (tmp_path / "go").touch()
    cluster.wait_for(dict.fromkeys(ids, "done"))


def test_the_command_line_tells_where_runs_are_and_why_they_wait(cluster, capsys):
    cluster.shim.tell("hold", "Priority")
    cluster.start()
    (run_id,) = submit(cluster, "hold")
    wait_until(lambda: (one := placed(cluster, run_id)) and one.waits == "Priority")
    project = ["--project", str(cluster.project.root)]
    assert cli(["engine", "status", *project]) == cli(["ls", *project]) == 0
    said = capsys.readouterr().out
    assert "cluster  slurm (Slurm, gpu, a100:2 GPU): 0 running, 1 waiting there, at most 100 jobs at once" in said
    assert f"waiting  {run_id}  slurm 1  behind others' jobs" in said
    assert "queued, behind others' jobs  slurm 1" in said


def test_waiting_reasons_node_and_restarts_are_told(cluster, tmp_path):
    cluster.shim.tell("hold", "Priority")
    cluster.start()
    (run_id,) = submit(cluster, f"hold:{tmp_path / 'go'}")
    wait_until(lambda: (one := placed(cluster, run_id)) and one.waits == "Priority")
    assert placed(cluster, run_id).job == "slurm 1"
    assert cluster.states()[run_id] == "queued"
    cluster.shim.untell("hold")
    wait_until(lambda: (one := placed(cluster, run_id)) and one.node and not one.waits)
    (job,) = cluster.shim.jobs()
    cluster.wait_for({run_id: "running"})
    cluster.shim.preempt(job)
    wait_until(lambda: (one := placed(cluster, run_id)) and one.waits == "BeginTime")
    (tmp_path / "go").touch()
    (job / "again_later").unlink()
    cluster.wait_for({run_id: "done"})
    assert len(cluster.starts(run_id)) == 2
    assert len(cluster.shim.jobs()) == 1, "Slurm began it again, nobody handed it over twice"
    assert cluster.rows()[0]["attempts"] == 0


def test_a_cancelled_run_leaves_slurm_whether_it_waits_or_runs(cluster):
    cluster.start()
    (running,) = submit(cluster, "stubborn")
    cluster.wait_for({running: "running"})
    cluster.shim.tell("hold", "Resources")
    (waiting,) = submit(cluster, "quick")
    wait_until(lambda: (one := placed(cluster, waiting)) and one.waits == "Resources")
    cluster.call(protocol.Cancel(run_ids=[running, waiting]))
    cluster.wait_for({running: "cancelled", waiting: "cancelled"})
    assert cluster.shim.states() == ["CANCELLED", "CANCELLED"]
    cluster.shim.untell("hold")
    assert sorted(cluster.call(protocol.Retry(run_ids=[running, waiting])).run_ids) == sorted([running, waiting])
    cluster.wait_for({waiting: "done"})


@pytest.mark.slow
@pytest.mark.slow
def test_a_cluster_that_takes_its_time_is_not_waited_for(cluster):
    (cluster.project.root / "project.toml").write_text(QUICK.replace("0.2", "7"))
    cluster.start()
    (run_id,) = submit(cluster, "hold")
    cluster.wait_for({run_id: "running"})
    assert cluster.call(protocol.Cancel(run_ids=[run_id])).run_ids == [run_id]
    cluster.wait_for({run_id: "cancelled"})


def test_a_cancel_that_slurm_does_not_hear_is_said_again(cluster):
    cluster.start()
    (run_id,) = submit(cluster, "stubborn")
    cluster.wait_for({run_id: "running"})
    cluster.shim.tell("down")
    cluster.call(protocol.Cancel(run_ids=[run_id]))
    assert cluster.shim.states() == ["RUNNING"]
    cluster.shim.untell("down")
    cluster.wait_for({run_id: "cancelled"})
    (next_one,) = submit(cluster, "quick")
    cluster.wait_for({next_one: "done"})


def test_what_somebody_cancels_in_slurm_stays_cancelled(cluster):
    cluster.start()
    (run_id,) = submit(cluster, "hold")
    cluster.wait_for({run_id: "running"})
    subprocess.run(["scancel", "1"], check=True)
    cluster.wait_for({run_id: "cancelled"})
    assert cluster.rows()[0]["error"] == "slurm 1 was cancelled in Slurm"


def test_leaving_ends_nothing_and_the_next_engine_finds_its_jobs(cluster, tmp_path):
    cluster.start()
    ids = submit(cluster, f"hold:{tmp_path / 'go'}", f"hold:{tmp_path / 'go'}")
    cluster.wait_for(dict.fromkeys(ids, "running"))
    cluster.call(protocol.Stop())
    cluster.ended(cluster.pids[0])
    assert cluster.shim.states() == ["RUNNING", "RUNNING"]
    (tmp_path / "go").touch()
    wait_until(lambda: cluster.shim.states() == ["COMPLETED", "COMPLETED"])
    cluster.start()
    cluster.wait_for(dict.fromkeys(ids, "done"))
    assert [len(cluster.starts(run_id)) for run_id in ids] == [1, 1]


def test_stopping_everywhere_writes_checkpoints_and_the_next_engine_goes_on(cluster, tmp_path):
    cluster.start()
    (run_id,) = submit(cluster, f"hold:{tmp_path / 'go'}")
    cluster.wait_for({run_id: "running"})
    cluster.call(protocol.Stop(everywhere=True))
    cluster.ended(cluster.pids[0])
    assert cluster.stored() == {run_id: ("queued", 0)}
    assert cluster.shim.states() == ["COMPLETED"]
    (tmp_path / "go").touch()
    cluster.start()
    cluster.wait_for({run_id: "done"})


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3])
def test_an_engine_killed_while_it_hands_over_has_nothing_twice(cluster, after):
    cluster.start()
    ids = submit(cluster, "quick", "quick", "quick")
    time.sleep(after)
    os.kill(cluster.pids[0], signal.SIGKILL)
    cluster.ended(cluster.pids[0])
    cluster.start()
    cluster.wait_for(dict.fromkeys(ids, "done"))
    assert len(cluster.shim.jobs()) == 3
    assert [len(cluster.starts(run_id)) for run_id in ids] == [1, 1, 1]


def test_a_job_that_slurm_took_without_saying_so_is_not_handed_over_again(cluster, tmp_path):
    cluster.shim.tell("mute")
    cluster.start()
    (run_id,) = submit(cluster, "quick")
    cluster.wait_for({run_id: "done"})
    assert len(cluster.shim.jobs()) == 1


@pytest.mark.slow
def test_a_full_queue_is_waited_for_and_said(cluster, tmp_path, monkeypatch):
    (cluster.project.root / "project.toml").write_text(QUICK + "pause = 0.2\n")
    cluster.shim.tell("full", "1")
    cluster.start()
    ids = submit(cluster, f"hold:{tmp_path / 'go'}", "quick")
    wait_until(lambda: any("submit limit" in one.waits for one in cluster.status().placed))
    (tmp_path / "go").touch()
    cluster.wait_for(dict.fromkeys(ids, "done"))
    assert len(cluster.shim.jobs()) == 2


@pytest.mark.slow
def test_no_more_jobs_are_in_the_queue_than_a_person_allows(cluster, tmp_path):
    (cluster.project.root / "project.toml").write_text(QUICK + "jobs = 2\n")
    cluster.start()
    ids = submit(cluster, *[f"hold:{tmp_path / 'go'}"] * 4)
    wait_until(lambda: len(cluster.shim.jobs()) == 2)
    assert cluster.status().queued == 2
    (tmp_path / "go").touch()
    cluster.wait_for(dict.fromkeys(ids, "done"))


@pytest.mark.slow
def test_a_controller_that_does_not_answer_ends_nothing(cluster, tmp_path):
    cluster.start()
    (run_id,) = submit(cluster, f"hold:{tmp_path / 'go'}")
    cluster.wait_for({run_id: "running"})
    cluster.shim.tell("down")
    wait_until(lambda: "Unable to contact" in cluster.project.log.read_text())
    (tmp_path / "go").touch()
    cluster.wait_for({run_id: "done"})
    assert len(cluster.starts(run_id)) == 1


@pytest.mark.slow
def test_a_job_that_vanished_counts_as_a_crash_and_is_begun_again(cluster, tmp_path):
    cluster.start()
    (run_id,) = submit(cluster, "crash:1")
    cluster.wait_for({run_id: "done"})
    assert len(cluster.shim.jobs()) == 2
    assert "ended on node7 as FAILED: the last word" in cluster.project.log.read_text()
    (gone,) = submit(cluster, f"hold:{tmp_path / 'go'}")
    cluster.wait_for({gone: "running"})
    (tmp_path / "go").touch()
    cluster.shim.tell("hidden")
    cluster.wait_for({gone: "done"})


@pytest.mark.slow
@pytest.mark.parametrize(("state", "at_fault"), [("TIMEOUT", False), ("NODE_FAIL", True), ("OUT_OF_MEMORY", True)])
def test_odd_ends_go_on_by_the_same_rules(cluster, tmp_path, state, at_fault):
    cluster.start()
    (run_id,) = submit(cluster, f"hold:{tmp_path / 'go'}")
    cluster.wait_for({run_id: "running"})
    (job,) = cluster.shim.jobs()
    os.killpg(int((job / "pid").read_text()), signal.SIGKILL)
    cluster.shim.force(job, f"{state}|None")
    wait_until(lambda: len(cluster.shim.jobs()) == 2)
    (tmp_path / "go").touch()
    cluster.wait_for({run_id: "done"})
    assert (f"as {state}" in cluster.project.log.read_text()) == at_fault


def test_lines_that_come_late_torn_or_twice_are_read_once_and_in_order(tmp_path):
    path, now = tmp_path / "events.jsonl", [0.0]
    file = EventFile(path, node="a", job="slurm 1", restart=0)
    for number in range(3):
        file.send(Notice(run_id="r", time=1.0, message=str(number)))
    file.send(AttacksEnded(run_id="r", time=2.0, state="done"))
    lines = path.read_text().splitlines(keepends=True)
    reader = EventFileReader(path, clock=lambda: now[0])

    def read(text):
        path.write_text(text)
        return [said.kind if isinstance(said, Mark) else getattr(said, "message", said.kind) for said in reader.read()]

    assert read(lines[0] + lines[1][:9]) == ["begin"]
    assert read("".join(lines[:2])) == ["0"]
    assert read("".join([*lines[:2], lines[1], lines[2]])) == ["1"]
    assert read("".join([*lines[:2], lines[1], lines[2], lines[4]])) == [], "one is missing: it is waited for"
    assert read("".join([*lines[:2], lines[1], lines[2], lines[3], lines[4]])) == ["2", "attacks_ended"]
    again = EventFile(path, node="b", job="slurm 1", restart=1)
    again.send(RunEnded(run_id="r", time=3.0, state="done"))
    assert [said.kind for said in reader.read()] == ["begin", "run_ended"]


def test_a_line_that_stays_torn_is_passed_over_after_a_while(tmp_path):
    path, now = tmp_path / "events.jsonl", [0.0]
    EventFile(path, node="a", job="slurm 1", restart=0)
    path.write_text(path.read_text() + '1 {"kind": "not')
    file = EventFile(path, node="a", job="slurm 1", restart=1)
    file.send(Notice(run_id="r", time=1.0, message="after"))
    reader = EventFileReader(path, clock=lambda: now[0])
    assert [said.kind for said in reader.read()] == ["begin"]
    now[0] = 60.0
    assert [said.kind for said in reader.read()] == ["begin", "notice"]
