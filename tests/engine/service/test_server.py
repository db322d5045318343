import asyncio
import os
import socket
import stat
import subprocess

import pytest
from waiting import eventually, patience

from engine.service import client, frames, launch, protocol, server
from engine.service.client import Client, EngineRefused, EngineUnreachable
from engine.service.project import Project, ProjectLock, user_name
from engine.service.server import Refusal, Server


async def handle(command):
    if isinstance(command, protocol.Query):
        if command.name == "large":
            return protocol.Rows(columns=["text"], rows=[["x" * 2**20]] * command.params["mib"])
        if command.name == "broken":
            raise ZeroDivisionError("a fault")
        raise Refusal(f"no query {command.name}")
    return protocol.Done()


@pytest.fixture
async def served(tmp_path, runtime):
    """A server whose place is known from the project's lock file, as an engine's is."""
    project = Project.at(tmp_path)
    lock = ProjectLock(project)
    running = Server(handle)
    await running.listen(project.socket_path())
    lock.publish(project.socket_path())
    yield project, running
    await running.close()
    lock.release()


async def raw(project):
    return await asyncio.open_unix_connection(project.holder().socket)


async def test_the_socket_is_for_its_owner_only(served):
    project, _ = served
    path = project.socket_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x03\xc1\xc1\xc1",
        b"\x00\x00\x00\x01\x05",
        b"\x00\x00\x00\x00",
    ],
)
async def test_a_bad_frame_closes_its_connection_and_no_other(served, sent):
    project, running = served
    async with Client(project) as good:
        reader, writer = await raw(project)
        writer.write(sent)
        assert await asyncio.wait_for(reader.read(), patience(5)) == b""
        writer.close()
        assert await good.call(protocol.Pause()) == protocol.Done()
        await eventually(lambda: running.clients == 1)


async def test_a_client_that_leaves_in_mid_frame_is_forgotten(served):
    project, running = served
    _, writer = await raw(project)
    writer.write(b"\x00\x00\x01\x00half")
    await eventually(lambda: running.clients == 1)
    writer.close()
    await eventually(lambda: running.clients == 0)


async def test_a_frame_may_come_in_pieces(served):
    project, _ = served
    reader, writer = await raw(project)
    for byte in frames.request(1, protocol.Pause()):
        writer.write(bytes([byte]))
        await writer.drain()
    size = frames.body_size(await reader.readexactly(frames.HEADER_SIZE))
    assert frames.read_message(await reader.readexactly(size)) == protocol.Reply(1, protocol.Done())
    writer.close()


async def test_another_user_is_turned_away(served, monkeypatch):
    project, _ = served
    monkeypatch.setattr(frames, "peer_uid", lambda _: os.geteuid() + 1)
    reader, writer = await raw(project)
    assert await asyncio.wait_for(reader.read(), patience(5)) == b""
    writer.close()
    with pytest.raises(
        EngineUnreachable, match=rf"its engine is {user_name(os.geteuid() + 1)}'s: pid {os.getpid()} on"
    ):
        await Client(project).connect()


async def test_another_user_who_keeps_trying_is_told_of_once(served, monkeypatch, caplog):
    project, _ = served
    monkeypatch.setattr(frames, "peer_uid", lambda _: os.geteuid() + 1)
    for _ in range(3):
        reader, writer = await raw(project)
        assert await asyncio.wait_for(reader.read(), patience(5)) == b""
        writer.close()
    assert caplog.text.count(f"refused a connection of user {os.geteuid() + 1}") == 1


async def test_where_another_users_engine_is_at_work_none_is_started(served, monkeypatch):
    project, _ = served
    monkeypatch.setattr(frames, "peer_uid", lambda _: os.geteuid() + 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("an engine was started"))
    said = rf"its engine is {user_name(os.geteuid() + 1)}'s: pid {os.getpid()} on"
    with pytest.raises(EngineUnreachable, match=said):
        await asyncio.to_thread(launch.ensure_engine, project)


def test_the_user_at_the_other_end_is_known():
    here, there = socket.socketpair()
    with here, there:
        assert frames.peer_uid(here) == os.geteuid()


async def test_refusals_and_faults_are_one_line_and_the_connection_lives_on(served):
    project, _ = served
    async with Client(project) as good:
        with pytest.raises(EngineRefused, match="no query x"):
            await good.call(protocol.Query(name="x"))
        with pytest.raises(EngineRefused, match="the engine failed at this: ZeroDivisionError: a fault"):
            await good.call(protocol.Query(name="broken"))
        with pytest.raises(EngineRefused, match="16 MiB"):
            await good.call(protocol.Query(name="large", params={"mib": 17}))
        with pytest.raises(EngineRefused, match="16 MiB"):
            await good.call(protocol.Cancel(run_ids=["x" * frames.FRAME_LIMIT]))
        table = await good.call(protocol.Query(name="large", params={"mib": 15}))
        assert len(table.rows) == 15


async def test_progress_is_coalesced_and_the_last_one_arrives(served, monkeypatch):
    monkeypatch.setattr(server, "PROGRESS_SECONDS", 0.05)
    project, running = served
    async with Client(project) as good:
        await good.call(protocol.Subscribe())
        for index in range(1000):
            running.progress(protocol.RunProgress(run_id="a", phase="train", label=str(index), fraction=0.0, rate=0.0))
        running.push(protocol.Note(message="end", time=0.0))
        told = []
        async for push in good.pushes():
            told.append(push)
            if getattr(push, "label", "") == "999":
                break
        assert len(told) == 2


async def test_progress_from_before_a_change_of_state_does_not_come_after_it(served, monkeypatch):
    monkeypatch.setattr(server, "PROGRESS_SECONDS", 0.01)
    project, running = served
    async with Client(project) as good:
        await good.call(protocol.Subscribe())
        for run_id in "ab":
            running.progress(protocol.RunProgress(run_id=run_id, phase="train", label="", fraction=0.0, rate=0.0))
        running.push(protocol.AttacksChange(run_id="a", state="queued"))
        told = []
        async for push in good.pushes():
            told.append(push)
            if isinstance(push, protocol.RunProgress):
                break
        assert [push.run_id for push in told] == ["a", "b"]


async def test_a_subscriber_that_does_not_read_loses_progress_and_is_then_dropped(served, monkeypatch):
    monkeypatch.setattr(server, "PROGRESS_SECONDS", 0.001)
    monkeypatch.setattr(server, "BACKLOG", 2**20)
    project, running = served
    reader, writer = await raw(project)
    writer.write(frames.request(1, protocol.Subscribe()))
    size = frames.body_size(await reader.readexactly(frames.HEADER_SIZE))
    await reader.readexactly(size)
    writer.transport.pause_reading()
    (session,) = running._sessions
    text = "x" * 2**16
    for index in range(100):
        running.progress(protocol.RunProgress(run_id="a", phase="", label=text, fraction=0.0, rate=float(index)))
        running._push_progress()
    assert session._writer.transport.get_write_buffer_size() < 2**19
    for _ in range(100):
        running.push(protocol.Note(message=text, time=0.0))
    await eventually(lambda: running.clients == 0)
    writer.close()


async def test_a_removed_socket_is_noticed_and_made_again(served):
    project, running = served
    assert running.reachable()
    project.socket_path().unlink()
    assert not running.reachable()
    await running.listen(project.socket_path())
    async with Client(project) as good:
        assert await good.call(protocol.Pause()) == protocol.Done()


async def test_calls_under_way_end_when_the_engine_goes(served, monkeypatch):
    project, running = served
    begun = asyncio.Event()

    async def never(command):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(running, "_handle", never)
    async with Client(project) as good:
        call = asyncio.create_task(good.call(protocol.GetStatus()))
        await begun.wait()
        await running.close()
        with pytest.raises(EngineUnreachable, match="gone"):
            await call
        assert [push async for push in good.pushes()] == []
        with pytest.raises(EngineUnreachable, match="gone"):
            await good.call(protocol.GetStatus())


async def test_pushes_beyond_what_a_slow_reader_may_miss_are_forgotten_oldest_first(served, monkeypatch):
    monkeypatch.setattr(client, "MISSABLE", 10)
    project, running = served
    async with Client(project) as good:
        await good.call(protocol.Subscribe())
        for index in range(50):
            running.push(protocol.Note(message=str(index), time=0.0))
        await good.call(protocol.Pause())
        assert len(good._pushes) == 10
        assert good._pushes[-1].message == "49"
