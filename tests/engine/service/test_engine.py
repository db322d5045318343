"""The engine in the test's own loop, with jobs that are played by the test and a disk that fills."""

import asyncio
import dataclasses
import time

import numpy as np
import pytest
from waiting import eventually

from engine.events import AttackEnded, AttacksEnded, AttackStarted, History, Progress, RunEnded, RunStarted, Scores
from engine.service import engine as engine_module
from engine.service import protocol, writer
from engine.service.client import Client, EngineRefused
from engine.service.commands import Commands
from engine.service.devices import Device, Machine
from engine.service.engine import Engine
from engine.service.executors import Exited
from engine.service.executors.everywhere import Everywhere
from engine.service.project import Project, ProjectLock
from engine.service.settings import EngineSettings
from engine.spec import requirements
from store.errors import StoreFull
from store.records import NewRun
from store.store import Store

TWO_GPUS = Machine((Device("cuda:0", "A", 1), Device("cuda:1", "B", 1), Device("cpu", "", 1)), 2)


class PlayedExecutor:
    """Notes what it is asked for; the test plays the jobs."""

    machine = TWO_GPUS

    def __init__(self):
        self.jobs, self.stopped = {}, []

    def open(self, deliver, room):
        self.deliver, self.room = deliver, room

    def submit(self, jobs, device, folders):
        self.jobs |= {str(job.job_id): (job, device) for job in jobs}

    def stop(self, job_id):
        self.stopped.append(str(job_id))
        self.end(str(job_id), "queued")

    def cancel(self, job_id):
        self.gone(str(job_id), "killed by signal 15 (SIGTERM)")

    def begin(self, run_id):
        job, device = self.jobs[run_id]
        self.deliver(RunStarted(run_id=run_id, experiment=job.experiment, device=device, time=time.time(), versions={}))

    def end(self, name, state, error=None):
        job, _ = self.jobs[name]
        for attack, own in job.attacks.items() if state == "done" else ():
            about = {"run_id": job.job_id.run_id, "attack": attack, "settings": own, "time": time.time()}
            self.deliver(AttackStarted(**about))
            self.deliver(AttackEnded(**about, state="done"))
        ended = RunEnded if job.job_id.stage == "answers" else AttacksEnded
        self.deliver(ended(run_id=job.job_id.run_id, state=state, time=time.time(), error=error))
        self.gone(name, "")

    def gone(self, name, reason):
        job, _ = self.jobs.pop(name)
        self.deliver(Exited(job.job_id, reason))


class FillingStore(Store):
    """A store on a disk that can be filled."""

    full = False

    def apply(self, events, *, live=False):
        self._require_space()
        super().apply(events, live=live)

    def set_state(self, *arguments, **named):
        self._require_space()
        super().set_state(*arguments, **named)

    def enqueue(self, *arguments, **named):
        self._require_space()
        return super().enqueue(*arguments, **named)

    def _require_space(self):
        if self.full:
            raise StoreFull("explore.duckdb: the disk is full")


@pytest.fixture
async def start(tmp_path, runtime, monkeypatch):
    """Starts an engine on a machine with two GPUs and a client of it."""
    monkeypatch.setattr(engine_module, "HOUSEKEEPING_SECONDS", 0.02)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)
    project = Project.at(tmp_path / "project")
    served = []

    async def starting(**settings):
        lock = ProjectLock(project)
        own = EngineSettings(**{"stack": 1} | settings)
        executor = Everywhere(project, own, PlayedExecutor())
        engine = Engine(project, own, executor, FillingStore(project.database), lock)
        ready = asyncio.Event()
        task = asyncio.create_task(engine.run(Commands(engine).handle, ready.set))
        await ready.wait()
        client = Client(project)
        await client.connect()
        served.append((engine, task, client))
        return engine, client

    yield starting
    for engine, task, client in served:
        engine._store.full = False
        engine.stop(0.5)
        assert await task
        await client.close()


def submission(bench_experiments, device="auto", priority=0):
    runs = [protocol.RunRequest(one.to_dict(), {"data_root": "", "device": device}) for one in bench_experiments]
    return protocol.Submit(sweep="s", runs=runs, priority=priority)


@pytest.fixture
def experiments(bench):
    return lambda count: [bench.fresh() for _ in range(count)]


async def state_of(client, run_id):
    table = await client.call(protocol.Query(name="run", params={"run_id": run_id}))
    return table.rows[0][table.columns.index("state")]


async def test_each_gpu_gets_one_run_and_a_named_one_is_waited_for(start, experiments):
    engine, client = await start()
    ids = (await client.call(submission(experiments(3)))).run_ids
    (named,) = (await client.call(submission(experiments(1), "cuda:1"))).run_ids
    played = engine.executor.here
    assert {run_id: device for run_id, (_, device) in played.jobs.items()} == {ids[0]: "cuda:0", ids[1]: "cuda:1"}
    played.begin(ids[0])
    played.end(ids[0], "done")
    await eventually(lambda: ids[2] in played.jobs)
    assert played.jobs[ids[2]][1] == "cuda:0"
    played.begin(ids[1])
    played.end(ids[1], "diverged", "loss is nan")
    await eventually(lambda: named in played.jobs)
    assert played.jobs[named][1] == "cuda:1"


async def test_of_runs_trained_alike_one_trains_and_the_others_start_when_its_weights_are_there(start, experiments):
    engine, client = await start()
    (one,) = experiments(1)
    hot = dataclasses.replace(one, evaluation=dataclasses.replace(one.evaluation, temperature=5.0))
    first, second = (await client.call(submission([one, hot]))).run_ids
    played = engine.executor.here
    assert set(played.jobs) == {first}
    for phase in ("train", "predict"):
        assert second not in played.jobs
        played.deliver(Progress(run_id=first, phase=phase, label="", fraction=0.5, rate=1.0))
    await eventually(lambda: set(played.jobs) == {first, second})


async def test_a_full_disk_holds_new_runs_keeps_all_results_and_goes_on_by_itself(start, experiments):
    engine, client = await start()
    played, store = engine.executor.here, engine._store
    await client.call(protocol.Subscribe())
    ids = (await client.call(submission(experiments(4)))).run_ids
    for run_id in ids[:2]:
        played.begin(run_id)
    await eventually(lambda: store.states(ids[:2]) == dict.fromkeys(ids[:2], "running"))
    store.full = True
    for step in range(50):
        played.deliver(History(run_id=ids[0], step=step, epoch=0, metrics={"loss": 1.0}))
    await eventually(lambda: engine.hold)
    played.end(ids[0], "done")
    played.gone(ids[1], "killed by signal 9 (out of memory?)")
    await eventually(lambda: not engine.scheduler.running)
    status = await client.call(protocol.GetStatus())
    assert status.hold == "results cannot be written: explore.duckdb: the disk is full"
    assert (status.running, status.queued) == ([], 3)
    with pytest.raises(EngineRefused, match="the disk is full"):
        await client.call(submission(experiments(1)))
    store.full = False
    await eventually(lambda: set(played.jobs) == set(ids[1:3]))
    history = await client.call(protocol.Query(name="history", params={"run_id": ids[0]}))
    assert len(history.rows) == 50
    assert await state_of(client, ids[0]) == "done"
    notes = [push.message for push in client._pushes if isinstance(push, protocol.Note)]
    assert notes[0] == "no run starts: results cannot be written: explore.duckdb: the disk is full"


async def test_jobs_wait_while_more_is_kept_than_the_memory_allows(start, experiments):
    engine, client = await start(keep_mib=1)
    (run_id,) = (await client.call(submission(experiments(1)))).run_ids
    engine._store.full = True
    n = 50_000
    columns = {"example": np.arange(n, dtype=np.int32), "member": np.ones(n, bool), "label": np.zeros(n, np.int32)}
    columns |= {"confidence": np.ones(n, np.float32), "margin": np.ones(n), "correct": np.ones(n, bool)}
    columns["risk"] = np.ones(n, np.float32)
    engine.executor.here.begin(run_id)
    engine.executor.here.deliver(Scores(run_id=run_id, view="benign", **columns))
    await eventually(lambda: not engine.executor.here.room.is_set())
    engine._store.full = False
    await eventually(engine.executor.here.room.is_set)


async def test_no_run_starts_on_a_disk_below_its_reserve(start, experiments, monkeypatch):
    free = 2**30
    monkeypatch.setattr(Engine, "disk_free", property(lambda self: free))
    engine, client = await start(reserve_gib=2.0)
    (run_id,) = (await client.call(submission(experiments(1)))).run_ids
    status = await client.call(protocol.GetStatus())
    assert status.hold == "only 1.0 GiB of disk are free, 2 GiB are kept in reserve"
    assert engine.executor.here.jobs == {}
    free = 3 * 2**30
    await eventually(lambda: run_id in engine.executor.here.jobs)


async def test_a_run_failed_and_retried_at_once_starts_again(start, experiments):
    engine, client = await start()
    played = engine.executor.here
    (run_id,) = (await client.call(submission(experiments(1)))).run_ids
    played.begin(run_id)
    played.deliver(RunEnded(run_id=run_id, state="failed", time=time.time(), error="no"))
    while await state_of(client, run_id) != "failed":
        pass
    assert (await client.call(protocol.Retry(run_ids=[run_id]))).run_ids == [run_id]
    played.gone(run_id, "")
    await eventually(lambda: run_id in played.jobs)
    assert await state_of(client, run_id) == "queued"


async def test_stopping_asks_for_checkpoints_and_queues(start, experiments):
    engine, client = await start()
    ids = (await client.call(submission(experiments(2)))).run_ids
    for run_id in ids:
        engine.executor.here.begin(run_id)
    await client.call(protocol.Stop())
    assert [push async for push in client.pushes()] == []
    assert engine.executor.here.stopped == ids
    await eventually(lambda: engine.project.holder() is None)
    engine, _ = await start()
    assert list(engine.executor.here.jobs) == ids


async def test_several_clients_may_ask_at_once(start, experiments):
    engine, client = await start()
    await client.call(protocol.Pause())
    submissions = [submission(experiments(2)) for _ in range(10)]
    answers = await asyncio.gather(*(client.call(one) for one in submissions))
    assert [len(answer.run_ids) for answer in answers] == [2] * 10
    ids = [run_id for answer in answers for run_id in answer.run_ids]
    cancelled, _ = await asyncio.gather(client.call(protocol.Cancel(run_ids=ids)), client.call(protocol.GetStatus()))
    assert set(cancelled.run_ids) == set(ids)
    assert engine.scheduler.queued == []


async def test_what_a_missing_library_is_needed_for_is_refused_at_once_unless_it_is_known(
    start, experiments, monkeypatch
):
    engine, client = await start()
    (one,) = experiments(1)
    asked = dataclasses.replace(one.evaluation, views=("benign", "certified"), certification="crown")
    certified = dataclasses.replace(one, evaluation=asked)
    monkeypatch.setattr(requirements, "MODULES", ("no_such_module",))
    with pytest.raises(EngineRefused, match="crown needs auto-LiRPA, which is not installed") as caught:
        await client.call(submission([one, certified]))
    assert "\n" not in str(caught.value)
    assert not engine.executor.here.jobs
    await engine.writer.call(
        lambda store: store.enqueue("elsewhere", [NewRun(certified.run_id, certified.to_dict(), {})])
    )
    await engine.writer.call(lambda store: store.set_state(certified.run_id, "failed"))
    assert (await client.call(submission([certified]))).run_ids == []
