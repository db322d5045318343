import fcntl
import json
import os
import stat
from pathlib import Path

import pytest

from engine.service import project as project_module
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import SOCKET_PATH_LIMIT, EngineBusy, Project, ProjectError, ProjectLock, socket_folder


def test_a_project_is_known_by_its_real_path(tmp_path, runtime):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Project.at(tmp_path / "link") == Project.at(tmp_path / "real" / ".." / "real")
    assert Project.at(tmp_path / "link").socket_path() == Project.at(tmp_path / "real").socket_path()
    assert Project.at(tmp_path / "real").socket_path() != Project.at(tmp_path).socket_path()


def test_the_holder_is_known_until_it_leaves(tmp_path):
    project = Project.at(tmp_path / "new")
    assert project.holder() is None
    lock = ProjectLock(project)
    assert (project.holder().pid, project.holder().socket) == (os.getpid(), "")
    lock.publish("/somewhere")
    assert project.holder().socket == "/somewhere"
    lock.release()
    assert project.holder() is None


def test_a_second_lock_is_refused_in_one_line_that_names_the_first(tmp_path):
    project = Project.at(tmp_path)
    lock = ProjectLock(project)
    with pytest.raises(EngineBusy) as refused:
        ProjectLock(project)
    holder = project.holder()
    assert str(refused.value) == f"{tmp_path}: an engine already runs here: {holder}"
    assert f"pid {os.getpid()} on {holder.host} since 2" in str(refused.value)
    lock.release()
    ProjectLock(project).release()


def test_whoever_looks_at_a_lock_keeps_no_engine_out(tmp_path, monkeypatch):
    """`Project.held` holds it for a moment, which may be just that in which an engine starts."""
    project = Project.at(tmp_path)
    ProjectLock(project).release()
    looking = os.open(project.lock, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(project_module.time, "sleep", lambda _: os.close(looking))
    ProjectLock(project).release()


def test_a_folder_within_one_that_may_not_be_entered_is_its_owners(tmp_path, monkeypatch):
    project = Project.at(tmp_path / "closed" / "project")
    assert project.foreign is None
    stat_of = Path.stat

    def refusing(path, **how):
        if path == project.root:
            raise PermissionError(13, "Permission denied")
        return stat_of(path, **how)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(Path, "stat", refusing)
    assert project.foreign == project_module.user_name(os.getuid())


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path):
    lock = ProjectLock(Project.at(tmp_path))
    lock.publish("/a" * 40)
    lock.publish("/b")
    assert json.loads((tmp_path / "engine.lock").read_text())["socket"] == "/b"
    lock.release()


def test_a_folder_that_cannot_be_made_is_one_line():
    with pytest.raises(ProjectError, match=r"^/proc/no-project: cannot be used as a project folder: [^\n]+$"):
        ProjectLock(Project.at("/proc/no-project"))


def test_sockets_lie_in_a_private_folder(runtime):
    folder = socket_folder()
    assert folder == runtime / "mia-explore"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_usable_runtime_folder_the_temporary_one_serves(runtime, monkeypatch):
    monkeypatch.setattr(project_module.tempfile, "gettempdir", lambda: str(runtime))
    for value in ("", str(runtime / "gone")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert socket_folder() == runtime / f"mia-explore-{os.geteuid()}"


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_may_enter_is_refused(runtime, mode):
    socket_folder().chmod(mode)
    with pytest.raises(ProjectError, match="others may enter it"):
        socket_folder()


def test_a_folder_of_somebody_else_is_refused(runtime, monkeypatch):
    socket_folder()
    me = os.geteuid()
    monkeypatch.setattr(project_module.os, "geteuid", lambda: me + 1)
    with pytest.raises(ProjectError, match="not a folder of yours"):
        socket_folder()


def test_a_link_in_the_place_of_the_folder_is_refused(runtime):
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "mia-explore").symlink_to("elsewhere")
    with pytest.raises(ProjectError, match="not a folder of yours"):
        socket_folder()


def test_a_path_too_long_for_a_socket_is_refused(runtime, monkeypatch):
    deep = runtime / ("d" * SOCKET_PATH_LIMIT)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(ProjectError, match="too long for a socket"):
        Project.at(Path("/")).socket_path()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no engine runs here"),
        ("half of {", "no engine runs here"),
        ('{"pid": 1, "host": "elsewhere", "since": 0, "socket": "/s"}', "runs on another machine: pid 1 on elsewhere"),
        ('{"pid": 1, "host": "HERE", "since": 0, "socket": ""}', "only just starting"),
        ('{"pid": 1, "host": "HERE", "since": 0, "socket": "/gone/NAME"}', "no engine answers here"),
        (
            '{"pid": 1, "host": "HERE", "since": 0, "socket": "/an/other.sock"}',
            r"its lock is of another folder \(copied or moved\)",
        ),
    ],
)
def test_a_client_without_an_engine_says_why_in_one_line(tmp_path, content, message):
    project = Project.at(tmp_path)
    told = content.replace("HERE", project_module.hostname()).replace("NAME", project.socket_name)
    (tmp_path / "engine.lock").write_text(told)
    with open(tmp_path / "engine.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EngineUnreachable, match=message):
            SyncClient(project)
