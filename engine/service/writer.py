"""The one thread that writes to the database: batches events, keeps what cannot be written, and tries again."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import numpy as np

from engine.events import Event
from engine.job_settings import JobId
from engine.text import one_line
from store.errors import StoreError, StoreFull
from store.store import Store

BATCH_SECONDS = 0.25
RETRY_SECONDS = 3.0

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StateWrite:
    """What became of a run, or of the attacks it was asked for, by decision of the engine rather than of the job."""

    job_id: JobId
    state: str
    error: str | None = None
    attempts: int | None = None

    def __post_init__(self) -> None:
        """What a process said last may be anything."""
        if self.error is not None:
            object.__setattr__(self, "error", one_line(self.error))


Item = Event | StateWrite


class Writer:
    """Writes in the order of `put` and `call`, one transaction for all events that came within `BATCH_SECONDS`.

    When a write fails, it and everything after it are kept and tried again every `RETRY_SECONDS`; `trouble` says why.
    When more than `limit` bytes wait, `room` is cleared, so that whoever produces more can wait for it.
    All methods belong to one event loop; only `room` is for other threads too.
    """

    def __init__(self, store: Store, limit: int, written: Callable[[Sequence[Item]], None]):
        """`written` is called with items that are safely on disk, and with none when `trouble` has changed."""
        self.trouble: str | None = None
        self.room = threading.Event()
        self.room.set()
        self._store, self._limit, self._written = store, limit, written
        self._items: list[Item] = []
        self._bytes = 0
        self._waiting, self._urgent, self._closing = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "writer")
        self._task = asyncio.create_task(self._run())

    def put(self, item: Item, *, urgent: bool = False) -> None:
        """Write the item with the next batch, or at once."""
        self._items.append(item)
        self._bytes += size(item)
        if self._bytes > self._limit:
            self.room.clear()
        self._waiting.set()
        if urgent:
            self._urgent.set()

    async def flush(self) -> None:
        """Write all that waits; StoreError if it cannot be written now."""
        async with self._turn:
            await self._flush()

    async def settle(self) -> None:
        """Wait until state changes put so far are on disk, or turn out not to be writable now."""
        if self._urgent.is_set() or self._turn.locked():
            with contextlib.suppress(StoreError):
                await self.flush()

    async def call(self, action: Callable[[Store], T]) -> T:
        """What `action` returns, called with the store after all that waits is written; its errors are the caller's."""
        async with self._turn:
            await self._flush()
            return await self._in_thread(action, self._store)

    async def close(self, patience: float) -> bool:
        """Write what is left, trying for `patience` seconds, and close the store; False if something was lost."""
        self._closing.set()
        self._waiting.set()
        self._urgent.set()
        await self._task
        deadline = time.monotonic() + patience
        while self._items:
            try:
                await self.flush()
            except StoreError as error:
                if time.monotonic() > deadline:
                    log.error("%d results could not be written and are lost: %s", len(self._items), error)
                    break
                await asyncio.sleep(0.2)
        await self._in_thread(self._store.close)
        self._thread.shutdown()
        return not self._items

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._waiting.wait()
            await _wait(self._urgent, BATCH_SECONDS)
            try:
                await self.flush()
            except StoreError:
                await _wait(self._closing, RETRY_SECONDS)

    async def _flush(self) -> None:
        batch, self._items = self._items, []
        self._waiting.clear()
        self._urgent.clear()
        if not batch:
            return
        done: list[Item] = []
        try:
            await self._in_thread(write, self._store, batch, done)
        except Exception as error:
            self._items = batch[len(done) :] + self._items
            self._waiting.set()
            self._say_trouble(str(error) or type(error).__name__)
            if isinstance(error, StoreError):
                raise
            log.exception("an unexpected error while writing")
            raise StoreError(self.trouble) from error
        else:
            self._say_trouble(None)
        finally:
            self._bytes -= sum(map(size, done))
            if self._bytes <= self._limit:
                self.room.set()
            if done:
                self._written(done)

    def _say_trouble(self, trouble: str | None) -> None:
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble:
            log.error("results cannot be written and are kept until they can: %s", trouble)
        else:
            log.info("results are written again")
        self._written(())

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def write(store: Store, items: Sequence[Item], done: list[Item]) -> None:
    """Write the items in their order, noting in `done` how far it came; what is not done is to be written again.

    An item that the store refuses while it takes others is at fault itself and must not keep them waiting for ever, so
    it is logged and passed over. When all are refused the fault is the store's: raises StoreError.
    """
    for are_events, group in groupby(items, lambda item: isinstance(item, Event)):
        if are_events:
            together = list(group)
            _apply(store, together)
            done += together
        else:
            for change in group:
                run_id, stage = change.job_id
                if stage == "answers":
                    store.set_state(run_id, change.state, change.error, attempts=change.attempts)
                elif change.state != "done":  # each attack that is done has said so itself
                    store.set_attacks_state(run_id, change.state, change.error)
                done.append(change)


def _apply(store: Store, events: list[Event]) -> None:
    for event, reason in apply_each(store, events, live=True):
        log.error("%s: an event of kind %s cannot be stored and is lost: %s", event.run_id, event.kind, reason)


def apply_each(store: Store, events: Sequence[Event], *, live: bool = False) -> list[tuple[Event, Exception]]:
    """Write the events; those that the store refuses while it takes others, with its reasons.

    live: they are told as they happen (`Store.apply`), not read from a file, which may be told again. When the store
    refuses all of them and says why, the fault may be its own: raises StoreError.
    """
    try:
        store.apply(events, live=live)
    except StoreFull:
        raise
    except Exception as error:
        if isinstance(error, StoreError) and len(events) == 1:
            raise
        refused = [(event, reason) for event in events if (reason := _refusal(store, event, live))]
        if len(refused) == len(events) and isinstance(error, StoreError):
            raise
        return refused
    return []


def _refusal(store: Store, event: Event, live: bool) -> Exception | None:
    try:
        store.apply([event], live=live)
    except StoreFull:
        raise
    except Exception as error:  # noqa: BLE001 - handed to the caller
        return error
    return None


def size(item: Item) -> int:
    """Bytes that an item takes in memory, near enough."""
    return 512 + sum(value.nbytes for value in vars(item).values() if isinstance(value, np.ndarray))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
