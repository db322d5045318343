"""What may befall a project folder and its engine: links, open modes, too few descriptors, a stop signal, a move."""

import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest
from waiting import patience

from engine.service import launch, protocol
from engine.service.client import EngineSuspended, EngineUnreachable, SyncClient
from engine.service.project import Project, ProjectError, ProjectLock

FILES = ("engine.lock", "explore.duckdb", "explore.duckdb.wal", "engine.log", "engine.stderr")


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_the_place_of_a_projects_file_is_refused_and_its_target_untouched(bench, tmp_path, name):
    target = tmp_path / "somebody's"
    target.write_bytes(b"precious")
    bench.project.root.mkdir()
    (bench.project.root / name).symlink_to(target)
    with pytest.raises(EngineUnreachable, match=rf"{name}: is a link to {target}; files of a project are never links"):
        bench.start()
    assert target.read_bytes() == b"precious"
    assert sorted(path.name for path in bench.project.root.iterdir()) == [name]


def test_a_link_in_the_place_of_the_runs_is_refused(bench, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    bench.project.root.mkdir()
    bench.project.runs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineUnreachable, match="runs: is a link to"):
        bench.start()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_files_are_the_owners_alone_whatever_the_umask(bench):
    before = os.umask(0)
    try:
        bench.start()
    finally:
        os.umask(before)
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "done"})
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (bench.project.root, *bench.project.root.rglob("*"))}
    assert len(found) > 6
    assert {path: oct(mode) for path, mode in found.items() if mode & 0o077} == {}


def test_a_suspended_engine_is_told_at_once_and_answers_again_when_it_may(bench):
    pid = bench.start()
    with SyncClient(bench.project) as waiting:
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(
                EngineSuspended, match=f"its engine, pid {pid}, is suspended; `kill -CONT {pid}` lets it"
            ):
                waiting.call(protocol.GetStatus())
            with pytest.raises(EngineSuspended):
                SyncClient(bench.project)
            with pytest.raises(EngineUnreachable, match="is suspended"):
                launch.ensure_engine(bench.project)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert bench.status().pid == pid


def test_whoever_waits_for_news_learns_that_the_engine_is_suspended(bench):
    pid = bench.start()
    with SyncClient(bench.project) as client:
        client.call(protocol.Subscribe())
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(EngineSuspended):
                list(client.pushes())
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("listened", ["", "/nowhere/NAME"])
def test_a_lock_that_a_killed_engine_left_holds_nobody_up(bench, listened):
    lock = ProjectLock(bench.project)
    lock.publish(listened.replace("NAME", bench.project.socket_name))
    left = bench.project.lock.read_bytes()
    lock.release()
    bench.project.lock.write_bytes(left)
    with pytest.raises(EngineUnreachable, match=r"no engine runs here; the last one, pid \d+ on .*, was killed"):
        SyncClient(bench.project)
    assert bench.start()


def test_with_too_few_descriptors_connections_wait_and_the_log_says_so_once(bench, until):
    pid = bench.start()
    spare = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 5
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (spare, most))
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    try:
        for each in crowd:
            each.settimeout(patience(5))
            each.connect(bench.project.holder().socket)
        until(lambda: "no new connections" in bench.project.log.read_text())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (spare + 100, most))
        assert bench.status().pid == pid
    finally:
        for each in crowd:
            each.close()
    log = bench.project.log.read_text()
    assert log.count("no new connections for now: Too many open files") == 1
    assert log.count("connections are taken again") == 1
    assert "Traceback" not in log


def test_an_engine_whose_project_was_moved_ends_and_another_one_takes_it_over(bench):
    old = bench.start()
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "done"})
    moved = bench.project.root.with_name("moved")
    bench.project.root.rename(moved)
    bench.ended(old)
    bench.project = Project.at(moved)
    bench.start()
    assert bench.states() == {run_id: "done"}


def test_runs_whose_folder_is_removed_under_a_live_engine_are_computed_again(bench):
    bench.start()
    (first,) = bench.submit("quick")
    bench.wait_for({first: "done"})
    shutil.rmtree(bench.project.runs)
    (second,) = bench.submit("quick")
    bench.wait_for({second: "done"})


@pytest.mark.parametrize("name", ["what?", "back\\slash", "zero\0byte"])
def test_a_path_in_which_no_database_can_lie_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(ProjectError, match=r"^[^\n]+(misreads|is no path)[^\n]+$"):
        Project.at(tmp_path / name / "project")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["st*r [x] {y}", "q'uote\"s %41#;", "new\nline é"])
def test_a_projects_path_may_have_any_letters(tmp_path, runtime, monkeypatch, bench, name):
    bench.project = Project.at(tmp_path / name / "project")
    bench.start()
    (run_id,) = bench.submit("quick")
    bench.wait_for({run_id: "done"})
    target = tmp_path / name / "out.csv"
    bench.call(protocol.Export(table="runs", format="csv", path=str(target)))
    assert run_id in target.read_text()
    bench.call(protocol.Stop(grace=0.0))
    bench.ended(bench.pids[-1])
    assert bench.stored() == {}
    listed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from explorer.cli.main import main; main()",
            "ls",
            "--project",
            str(bench.project.root),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": launch.import_path()},
    )
    assert (listed.returncode, run_id in listed.stdout) == (0, True), listed.stderr
