import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import patience

from engine.events import RunStarted
from engine.service import launch, protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project, ProjectLock, hostname
from engine.service.settings import EngineSettings
from store.store import NewRun, Store

MODULES = ("__main__", "engine", "commands", "server", "executors.local", "child", "writer", "scheduler", "devices")


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (MODULES, ("torch", "textual")),
        (("client", "launch", "project", "settings"), ("torch", "duckdb", "store", "numpy", "textual")),
        (("child",), ("torch", "duckdb", "store")),
    ],
)
def test_processes_never_import_what_they_must_not_have(modules, absent):
    imports = "; ".join(f"import engine.service.{module}" for module in modules)
    code = f"{imports}; import sys; found = set({absent!r}) & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_engine_starts_once_and_outlives_the_session_of_its_starter(bench):
    pid = bench.start()
    assert os.getsid(pid) == pid
    assert bench.start() == pid
    assert not launch.ensure_engine(bench.project)


def test_clients_that_start_an_engine_at_once_get_the_same_one(bench):
    settings = EngineSettings(entry="fake_job:run_job")
    started, errors = [], []

    def start():
        try:
            started.append(launch.ensure_engine(bench.project, settings))
        except EngineUnreachable as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    bench.pids.append(bench.project.holder().pid)
    assert errors == []
    assert len(started) == 3
    assert sum(started) == 1


def command(project, *options):
    arguments = [sys.executable, "-m", "engine.service", f"--project={project.root}", *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=patience(30), check=False)


def test_a_second_engine_is_refused_in_one_line_that_names_the_first(bench):
    pid = bench.start()
    second = command(bench.project)
    assert second.returncode == 3
    assert second.stderr == f"{bench.project.root}: an engine already runs here: {bench.project.holder()}\n"
    assert f"pid {pid} on {hostname()} since " in second.stderr
    assert bench.status().pid == pid


def test_a_wrong_setting_is_one_line(bench):
    wrong = command(bench.project, "--threads=0")
    assert (wrong.returncode, wrong.stderr) == (2, "threads: 0 is not allowed; allowed: 1 to 1024\n")


def test_a_project_that_cannot_be_written_is_one_line(runtime):
    with pytest.raises(EngineUnreachable, match=r"^/proc/no-project: cannot be used as a project folder: [^\n]+$"):
        launch.ensure_engine(Project.at("/proc/no-project"))


def test_a_damaged_database_is_one_line(bench):
    bench.project.root.mkdir()
    bench.project.database.write_bytes(b"this is no database" * 1000)
    with pytest.raises(EngineUnreachable, match=r"explore\.duckdb: [^\n]+$"):
        bench.start()


def test_an_open_socket_folder_is_one_line(bench, runtime):
    (runtime / "mia-explore").mkdir()
    (runtime / "mia-explore").chmod(0o755)
    with pytest.raises(EngineUnreachable, match="others may enter it"):
        bench.start()


def test_a_project_held_by_another_machine_is_told_at_once(bench):
    lock = ProjectLock(bench.project)
    bench.project.lock.write_text('{"pid": 5, "host": "elsewhere", "since": 0, "socket": "/s"}')
    with pytest.raises(EngineUnreachable, match="runs on another machine: pid 5 on elsewhere"):
        bench.start()
    lock.release()


def test_an_engine_that_holds_the_project_but_never_answers_is_told_in_time(bench):
    lock = ProjectLock(bench.project)
    with pytest.raises(EngineUnreachable, match=f"already runs here: pid {os.getpid()}"):
        launch.ensure_engine(bench.project, patience=0.0)
    lock.release()


def test_killing_the_engine_loses_nothing_and_the_next_one_finishes_all(bench, until):
    go = bench.project.root / "go"
    pid = bench.start()
    (done,) = bench.submit("quick")
    bench.wait_for({done: "done"})
    ids = bench.submit(f"hold:{go}", f"hold:{go}", "quick", "quick")
    bench.wait_for({ids[0]: "running", ids[1]: "running"})
    orphans = [bench.starts(run_id)[0] for run_id in ids[:2]]
    os.kill(pid, signal.SIGKILL)
    bench.ended(pid)
    for orphan in orphans:
        bench.ended(orphan)
    go.touch()
    bench.start()
    bench.wait_for(dict.fromkeys([done, *ids], "done"))
    assert [len(bench.starts(run_id)) for run_id in (done, *ids)] == [1, 2, 2, 1, 1]
    assert {row["attempts"] for row in bench.rows()} == {0}


def test_an_engine_whose_project_was_removed_ends_and_leaves_the_next_one_alone(bench):
    old = bench.start()
    (running,) = bench.submit("hold:never")
    bench.wait_for({running: "running"})
    (job,) = bench.starts(running)
    shutil.rmtree(bench.project.root)
    new = bench.start()
    assert new != old
    bench.ended(old)
    bench.ended(job)
    (done,) = bench.submit("quick")
    bench.wait_for({done: "done"})
    assert bench.project.holder().pid == new
    assert list(bench.states()) == [done]


def ask(bench, pid, how):
    if how == "command":
        bench.call(protocol.Stop())
    else:
        os.kill(pid, how)


@pytest.mark.parametrize("how", ["command", signal.SIGTERM, signal.SIGINT])
def test_a_stopped_engine_queues_its_runs_and_leaves_nothing_behind(bench, how):
    pid = bench.start()
    ids = bench.submit("hold", "hold", "hold")
    bench.wait_for({ids[0]: "running", ids[1]: "running"})
    jobs = [bench.starts(run_id)[0] for run_id in ids[:2]]
    socket = Path(bench.project.holder().socket)
    ask(bench, pid, how)
    bench.ended(pid)
    for job in jobs:
        bench.ended(job)
    assert not socket.exists()
    assert bench.project.holder() is None
    assert not bench.project.database.with_name("explore.duckdb.wal").exists()
    assert bench.project.last_words.read_text() == ""
    assert bench.stored() == dict.fromkeys(ids, ("queued", 0))


@pytest.mark.parametrize("grace", [0.0, 0.2])
def test_a_job_that_does_not_stop_is_killed_and_queued_without_counting_a_crash(bench, grace):
    pid = bench.start()
    with SyncClient(bench.project, timeout=patience(20)) as client:
        client.call(protocol.Subscribe())
        (run_id,) = bench.submit("stubborn")
        next(
            push
            for push in client.pushes()
            if push == protocol.StateChange(run_id=run_id, state="running", device="cpu")
        )
    (job,) = bench.starts(run_id)
    bench.call(protocol.Stop(grace=grace))
    bench.ended(pid)
    bench.ended(job)
    assert bench.stored() == {run_id: ("queued", 0)}


def test_closing_the_terminal_does_not_end_the_engine(bench):
    pid = bench.start()
    os.kill(pid, signal.SIGHUP)
    assert bench.status().pid == pid


def test_an_idle_engine_ends_by_itself_but_not_while_somebody_is_attached_or_runs_are_pending(bench, until):
    pid = bench.start(idle_exit=0.2)
    with SyncClient(bench.project, timeout=patience(20)) as client:
        client.call(protocol.Pause())
        (run_id,) = bench.submit("quick")
    with pytest.raises(AssertionError, match="in time"):
        until(lambda: not bench.reachable(), 0.6)
    bench.call(protocol.Resume())
    bench.ended(pid)
    assert "idle for 0.2 seconds" in bench.project.log.read_text()
    assert bench.stored() == {}
    assert len(bench.starts(run_id)) == 1


def test_a_removed_socket_folder_is_made_again(bench, runtime, until):
    bench.start(idle_exit=2.0)
    folder = runtime / "mia-explore"
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()
    until(bench.reachable)
    assert bench.status().running == []


def test_runs_that_cannot_run_here_fail_with_the_reason(bench):
    bench.project.root.mkdir()
    elsewhere, imported, older = bench.fresh(), bench.fresh(), bench.fresh()
    store = Store(bench.project.database)
    place = {"data_root": "x", "device": "cuda:3"}
    store.enqueue("s", [NewRun(elsewhere.run_id, elsewhere.to_dict(), place)])
    spec = older.to_dict()
    del spec["inference"]["splits"], spec["inference"]["restarts"]
    earlier_id = f"{older.slug}-0123456789"
    bench.mine[earlier_id] = older
    store.enqueue("s", [NewRun(earlier_id, spec, {"data_root": "quick", "device": "cpu"})])
    told = RunStarted(run_id=imported.run_id, experiment=imported.to_dict(), device="cuda:0", time=1000.0, versions={})
    store.apply([told])
    store.close()
    bench.start()
    bench.wait_for({elsewhere.run_id: "failed", imported.run_id: "failed", earlier_id: "failed"})
    assert {row["run_id"]: row["error"] for row in bench.rows()} == {
        elsewhere.run_id: "device: 'cuda:3' is not on this machine, which has cpu",
        imported.run_id: "it came in by import; submit its sweep to run it here",
        earlier_id: "planned by another version of mia-explore, whose results differ; submit its sweep again",
    }
    assert bench.starts(earlier_id) == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("RuntimeError('broken')", "its process could not be started: "),
        ("ImportError('no driver')", "its process ended with code 1 before the run did: ImportError: no driver"),
    ],
)
def test_a_job_module_that_cannot_be_imported_fails_the_run_and_not_the_engine(bench, monkeypatch, fault, reason):
    modules = bench.project.root / "modules"
    modules.mkdir(parents=True)
    (modules / "broken_job.py").write_text(f"raise {fault}")
    monkeypatch.setenv("PYTHONPATH", str(modules))
    bench.start(entry="broken_job:run_job")
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "failed"})
    assert bench.rows()[0]["error"].startswith(reason)


def test_results_flow_on_when_there_is_little_memory_to_keep_them(bench):
    bench.start(keep_mib=1)
    (run_id,) = bench.submit("scores:3")
    bench.wait_for({run_id: "done"})
    assert (
        bench.call(protocol.Export(table="scores", format="csv", path=str(bench.project.root / "s.csv"))).rows
        == 150_000
    )


def test_attacks_go_on_with_the_next_engine_however_the_last_one_ended(bench, until):
    pid = bench.start()
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "done"})
    folder, run = bench.project.run_folder(run_id), bench.mine[run_id]
    (folder / "infer").write_text("hold")
    other = replace(run, inference=replace(run.inference, splits=5, attacks=("margin",)))
    bench.call(protocol.Submit(sweep="s", runs=[protocol.RunRequest(other.to_dict(), {"data_root": "quick"})]))
    for count, kill in ((2, False), (3, True), (4, False)):
        until(lambda count=count: len(bench.starts(run_id)) == count)
        if count == 4:
            (folder / "infer").write_text("infer")
        if kill:
            os.kill(pid, signal.SIGKILL)
        else:
            bench.call(protocol.Stop())
        bench.ended(pid)
        pid = bench.start()
    until(lambda: {row["state"] for row in bench.rows("inferences")} == {"done"})
    assert bench.states() == {run_id: "done"}
