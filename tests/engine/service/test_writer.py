import asyncio
import threading

import numpy as np
import pytest
from waiting import eventually

from engine.events import SCORE_TYPES, Accuracies, History, Scores
from engine.job_settings import JobId
from engine.service import writer as writer_module
from engine.service.writer import StateWrite, Writer
from store.errors import StoreError, StoreFull


class FakeStore:
    """Notes what is written and by whom, and refuses as told."""

    def __init__(self):
        self.written, self.transactions, self.threads = [], 0, set()
        self.problem = None
        self.poison = None
        self.closed = False

    def apply(self, events, *, live=False):
        self._refuse()
        for event in events:
            if event is self.poison:
                raise StoreError("a bad event")
        self.transactions += 1
        self.written += events

    def set_state(self, run_id, state, error=None, *, attempts=None):
        self._refuse()
        self.written.append(StateWrite(JobId(run_id), state, error, attempts))

    def _refuse(self):
        self.threads.add(threading.get_ident())
        if self.problem:
            raise self.problem

    def close(self):
        self.closed = True


def event(step=0, run_id="a"):
    return History(run_id=run_id, step=step, epoch=0, metrics={"loss": 1.0})


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
async def told():
    return []


@pytest.fixture
async def writer(store, told, monkeypatch):
    monkeypatch.setattr(writer_module, "RETRY_SECONDS", 0.01)
    running = Writer(store, 10_000, lambda items: told.append(list(items)))
    yield running
    if not store.closed:
        store.problem = None
        await running.close(1.0)


async def test_events_of_a_moment_become_one_transaction_on_one_other_thread(writer, store):
    events = [event(step) for step in range(20)]
    for item in events:
        writer.put(item)
    await eventually(lambda: store.written == events)
    assert store.transactions == 1
    assert len(store.threads) == 1
    assert threading.get_ident() not in store.threads


async def test_a_call_comes_after_everything_put_before_it(writer, store):
    writer.put(event())
    writer.put(StateWrite(JobId("a"), "failed", "why", 3))
    assert await writer.call(lambda store: list(store.written)) == [event(), StateWrite(JobId("a"), "failed", "why", 3)]


async def test_settling_waits_for_state_changes_and_never_fails(writer, store):
    writer.put(StateWrite(JobId("a"), "done"), urgent=True)
    await writer.settle()
    assert store.written == [StateWrite(JobId("a"), "done")]
    store.problem = StoreFull("full")
    writer.put(StateWrite(JobId("b"), "done"), urgent=True)
    await writer.settle()
    assert writer.trouble == "full"


async def test_urgent_items_do_not_wait_for_the_batch(writer, store, monkeypatch):
    monkeypatch.setattr(writer_module, "BATCH_SECONDS", 3600)
    writer.put(event())
    writer.put(StateWrite(JobId("a"), "done"), urgent=True)
    await eventually(lambda: len(store.written) == 2)


async def test_clients_are_told_after_the_write(writer, store, told):
    store.problem = StoreFull("full")
    writer.put(event(), urgent=True)
    await eventually(lambda: writer.trouble)
    assert told == [[]]
    store.problem = None
    await eventually(lambda: told == [[], [], [event()]])


async def test_a_full_disk_loses_nothing_keeps_the_order_and_refuses_calls_meanwhile(writer, store):
    items = [
        event(0),
        StateWrite(JobId("a"), "queued", None, 1),
        event(1),
        StateWrite(JobId("a"), "failed", "x", 2),
        event(2),
    ]
    store.problem = StoreFull("the disk is full")
    for item in items[:3]:
        writer.put(item, urgent=True)
    await eventually(lambda: writer.trouble == "the disk is full")
    with pytest.raises(StoreFull):
        await writer.call(lambda store: None)
    for item in items[3:]:
        writer.put(item)
    store.problem = None
    await eventually(lambda: store.written == items)
    assert writer.trouble is None


async def test_what_was_written_before_the_disk_filled_is_not_written_again(writer, store, monkeypatch):
    original = store.set_state

    def full_now(*arguments, **named):
        original(*arguments, **named)
        store.problem = StoreFull("full")

    monkeypatch.setattr(store, "set_state", full_now)
    items = [event(0), StateWrite(JobId("a"), "queued"), event(1)]
    for item in items:
        writer.put(item)
    await eventually(lambda: writer.trouble)
    store.problem = None
    await eventually(lambda: store.written == items)


async def test_too_much_that_waits_closes_the_door_until_it_is_written(writer, store):
    store.problem = StoreFull("full")
    columns = {name: np.zeros(1000) for name in SCORE_TYPES}
    assert writer.room.is_set()
    writer.put(Scores(run_id="a", view="benign", **columns), urgent=True)
    assert not writer.room.is_set()
    store.problem = None
    await eventually(writer.room.is_set)
    assert len(store.written) == 1


@pytest.mark.parametrize("fault", [StoreError("columns of unequal length"), TypeError("not a number")])
async def test_an_event_that_can_never_be_stored_does_not_hold_up_the_others(writer, store, monkeypatch, caplog, fault):
    bad = Accuracies(run_id="bad", view="benign", split="test", accuracy=0.5, n=1)
    apply = store.apply

    def picky(events, *, live):
        if bad in events:
            raise fault
        apply(events, live=live)

    monkeypatch.setattr(store, "apply", picky)
    for item in (event(0), bad, event(1)):
        writer.put(item)
    await writer.flush()
    assert store.written == [event(0), event(1)]
    assert "bad: an event of kind accuracies cannot be stored and is lost" in caplog.text


async def test_an_unexpected_error_of_the_store_loses_nothing_either(writer, store):
    store.problem = MemoryError()
    writer.put(StateWrite(JobId("a"), "done"), urgent=True)
    await eventually(lambda: writer.trouble == "MemoryError")
    store.problem = None
    await eventually(lambda: store.written == [StateWrite(JobId("a"), "done")])


async def test_closing_writes_the_rest_even_if_the_disk_is_full_for_a_while(writer, store):
    store.problem = StoreFull("full")
    writer.put(event(), urgent=True)
    await eventually(lambda: writer.trouble)
    closing = asyncio.create_task(writer.close(10.0))
    await asyncio.sleep(0)
    store.problem = None
    assert await closing
    assert store.written == [event()]
    assert store.closed


async def test_closing_says_when_something_is_lost(writer, store, caplog):
    store.problem = StoreFull("full")
    writer.put(event(), urgent=True)
    assert not await writer.close(0.0)
    assert "1 results could not be written and are lost" in caplog.text
    assert store.closed
