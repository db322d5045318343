import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine import events
from engine.service import launch, protocol, reader
from engine.service.client import Client, EngineRefused, EngineUnreachable
from engine.service.project import EngineBusy, ProjectLock
from explorer.project import reader_process
from explorer.project.reader_process import open_reader
from store.export import FORMATS, export
from store.queries import QUERIES
from store.store import Store

ROOT = Path(__file__).resolve().parents[3]


def gone(pid):
    """Whether a process has ended; an orphan that nobody waits for stays in the table as a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def scores(run_id, n=40):
    draw = np.random.default_rng(0)
    return events.Scores(
        run_id=run_id,
        view="benign",
        example=np.arange(n, dtype=np.int32),
        member=np.arange(n) < n // 2,
        label=np.zeros(n, np.int32),
        confidence=draw.random(n, dtype=np.float32),
        margin=draw.normal(size=n),
        correct=np.ones(n, np.bool_),
        risk=np.full(n, 0.5, np.float32),
    )


@pytest.fixture
def results(bench):
    """A project with two finished runs, and no engine."""
    bench.project.root.mkdir()
    with Store(bench.project.database) as store:
        for _ in range(2):
            one = bench.fresh()
            started = {"experiment": one.to_dict(), "device": "cpu", "versions": {}}
            store.apply(
                [
                    events.RunStarted(run_id=one.run_id, time=1.0, **started),
                    events.History(run_id=one.run_id, step=1, epoch=0, metrics={"loss": 0.1 + 0.2}),
                    events.Accuracies(run_id=one.run_id, view="benign", split="test", accuracy=0.75, n=4),
                    scores(one.run_id),
                    events.RunEnded(run_id=one.run_id, state="done", time=2.0),
                ]
            )
    return bench


@pytest.fixture
def spawned(monkeypatch):
    """The processes that the test starts to read."""
    processes, popen = [], subprocess.Popen

    def spawn(*arguments, **settings):
        processes.append(popen(*arguments, **settings))
        return processes[-1]

    monkeypatch.setattr(reader_process.subprocess, "Popen", spawn)
    return processes


def over_the_wire(rows):
    return msgspec.msgpack.decode(msgspec.msgpack.encode(rows))


async def test_every_query_gets_the_stores_own_answer(results):
    run_id = next(iter(results.mine))
    wanted = {name: dict.fromkeys(query.required, run_id) for name, query in QUERIES.items()}
    async with await open_reader(results.project) as client:
        answers = {name: await client.call(protocol.Query(name=name, params=wanted[name])) for name in wanted}
    with Store(results.project.database) as store:
        for name, answer in answers.items():
            table = store.query(name, **wanted[name])
            assert (answer.columns, answer.rows) == (list(table.columns), over_the_wire(table.rows)), name
    assert len(answers["runs"].rows) == 2


@pytest.mark.parametrize("format", FORMATS)
async def test_an_export_has_the_bytes_of_the_stores_own(results, tmp_path, format):
    written, expected = tmp_path / "written", tmp_path / "expected"
    command = protocol.Export(table="scores", format=format, path=str(written), filters={"view": "benign"})
    async with await open_reader(results.project) as client:
        count = await client.call(command)
    with Store(results.project.database) as store:
        assert count.rows == export(store, "scores", format, expected, view="benign") == 80
    assert written.read_bytes() == expected.read_bytes()


async def test_the_file_is_free_as_soon_as_the_answer_is_here(results):
    async with await open_reader(results.project) as client:
        for _ in range(3):
            await client.call(protocol.Query(name="runs"))
            with Store(results.project.database) as store:
                store.set_priority(next(iter(results.mine)), 7)
            ProjectLock(results.project).release()
        rows = (await client.call(protocol.Query(name="runs"))).rows
        assert any(7 in row for row in rows)


async def test_an_engine_starts_beside_a_reader_which_then_says_who_has_the_results(results):
    query = protocol.Query(name="runs")
    async with await open_reader(results.project) as client:
        before = await client.call(query)
        pid = await asyncio.to_thread(results.start)
        with pytest.raises(EngineRefused, match=f"an engine has the results: pid {pid} on "):
            await client.call(query)
        async with Client(results.project) as engine:
            assert (await engine.call(query)).rows == before.rows
            await engine.call(protocol.Stop())
            assert [push async for push in engine.pushes()] == []
        await asyncio.to_thread(results.ended, pid)
        assert await client.call(query) == before


def test_an_engine_that_starts_while_the_file_is_read_tries_again(results, monkeypatch):
    ProjectLock(results.project).release()
    with contextlib.ExitStack() as reading_now:
        reading_now.enter_context(reader.opened(results.project))
        with pytest.raises(EngineBusy):
            ProjectLock(results.project)
        # Called after the first try found the project held.
        monkeypatch.setattr(launch, "_require_reachable", lambda _: reading_now.close())
        results.start()
    assert results.states() == dict.fromkeys(results.mine, "done")


async def test_questions_asked_together_open_the_file_once(results, monkeypatch):
    opened, real = [], reader.opened

    def counted(project):
        opened.append(project)
        return real(project)

    monkeypatch.setattr(reader, "opened", counted)
    asked = reader.Results(results.project)
    answers = await asyncio.gather(*(asked.handle(protocol.Query(name="runs")) for _ in range(12)))
    assert [len(answer.rows) for answer in answers] == [2] * 12
    assert len(opened) == 1
    assert asked.idle.is_set()
    Store(results.project.database).close()


async def test_a_project_without_results_says_so_until_it_has_some(bench):
    async with await open_reader(bench.project) as client:
        for _ in range(2):
            with pytest.raises(EngineRefused, match="holds no results yet; `mia-explore demo` makes some"):
                await client.call(protocol.Query(name="runs"))
        assert not bench.project.root.exists(), "reading makes nothing"
        bench.project.root.mkdir()
        Store(bench.project.database).close()
        assert (await client.call(protocol.Query(name="runs"))).rows == []


async def test_a_file_that_another_process_writes_to_is_said_to_be_in_use(results):
    with Store(results.project.database):
        async with await open_reader(results.project) as client:
            with pytest.raises(EngineRefused, match=f"in use by process {os.getpid()}"):
                await client.call(protocol.Query(name="runs"))


async def test_what_would_need_an_engine_is_refused_in_one_line(results, tmp_path):
    needs_engine = "read-only: no engine runs here"
    refused = [
        (protocol.GetStatus(), needs_engine),
        (protocol.Submit(sweep="s", runs=[]), needs_engine),
        (protocol.Cancel(run_ids=[]), needs_engine),
        (protocol.Pause(), needs_engine),
        (protocol.Stop(), needs_engine),
        (protocol.Import(path=str(tmp_path / "x.jsonl")), needs_engine),
        (protocol.Query(name="secrets"), "secrets"),
        (protocol.Query(name="runs", params={"planet": "mars"}), "planet"),
        (protocol.Export(table="runs", format="csv", path="relative.csv"), "absolute path"),
        (protocol.Export(table="runs", format="csv", path=str(tmp_path / "no" / "x.csv")), "no folder"),
    ]
    async with await open_reader(results.project) as client:
        for command, reason in refused:
            with pytest.raises(EngineRefused, match=reason) as error:
                await client.call(command)
            assert "\n" not in str(error.value)
        assert await client.call(protocol.Subscribe()) == protocol.Done()
        assert client.connected


async def test_the_process_ends_when_the_client_closes(results, spawned):
    async with await open_reader(results.project) as client:
        await client.call(protocol.Query(name="runs"))
    (process,) = spawned
    assert await asyncio.to_thread(process.wait, 10) == 0


async def test_an_export_under_way_is_finished_without_its_client(results, spawned, tmp_path):
    path = tmp_path / "scores.csv"
    client = await open_reader(results.project)
    command = protocol.Export(table="scores", format="csv", path=str(path))
    asked = asyncio.create_task(client.call(command))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(EngineUnreachable):
        await asked
    (process,) = spawned
    assert await asyncio.to_thread(process.wait, 10) == 0
    assert len(path.read_text().splitlines()) == 81
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith("partial")] == []


async def test_a_reader_that_dies_is_not_called_an_engine(results, spawned):
    async with await open_reader(results.project) as client:
        spawned[0].kill()
        with pytest.raises(EngineUnreachable, match="the process that reads the results is gone"):
            await client.call(protocol.Query(name="runs"))


def test_the_process_ends_when_its_parent_dies(results, until):
    script = f"""
import asyncio, subprocess, sys
from pathlib import Path
from engine.service import protocol
from engine.service.project import Project
from explorer.project import reader_process
popen = subprocess.Popen
def spawn(*arguments, **settings):
    process = popen(*arguments, **settings)
    print(process.pid, flush=True)
    return process
reader_process.subprocess.Popen = spawn
async def main():
    client = await reader_process.open_reader(Project.at({str(results.project.root)!r}))
    print(len((await client.call(protocol.Query(name="runs"))).rows), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "2\n"
        assert not gone(pid)
        os.kill(parent.pid, signal.SIGKILL)
    until(lambda: gone(pid))


def test_a_standard_input_that_is_no_socket_is_one_line():
    command = [sys.executable, "-m", "engine.service.reader", "--project", "nowhere"]
    answer = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (2, "standard input must be a connected socket\n")


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("engine.service.reader", "torch textual sklearn"),
        ("explorer.project.reader_process", "torch duckdb sklearn numpy"),
    ],
)
def test_nothing_heavy_is_imported(module, forbidden):
    code = f"import sys, {module}; print(*sorted(set({forbidden.split()}) & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
