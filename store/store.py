"""The project's database: takes in events and orders, answers named queries; one process at a time has it open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from engine import events as told
from engine.events import Accuracies, AttackScores, ClassNames, Event, History, Leakage, Scores, Warnings
from store import attacks, facts, lifecycle, queries, schema
from store.database import Database, Session
from store.errors import StoreBusy, StoreError, StoreFull
from store.records import NewRun, PendingRun, QueryAnswer

__all__ = ["NewRun", "PendingRun", "QueryAnswer", "Reader", "Store", "StoreBusy", "StoreError", "StoreFull"]
E = TypeVar("E", bound=Event)


class Reader:
    """Answers named queries; each thread has one of its own."""

    def __init__(self, database: Database):
        self.session = Session(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Give back what it holds."""
        self.session.close()

    def query(self, name: str, /, **params: Any) -> QueryAnswer:
        """The answer to a query of `store.queries`; `StoreError` for an unknown name, filter or value."""
        return QueryAnswer(*self.session.fetch(*queries.statement(name, params)))


class Store(Reader):
    """The whole database; see `Reader` for questions.

    path: the file, made where there is none. Its folder must exist.
    Errors: `StoreBusy`, `StoreFull` or another `StoreError`, always in one line. After `StoreFull` the same call may
    be made again: whatever part of it was written, writing it again changes nothing.
    """

    def __init__(self, path: Path, read_only: bool = False):
        if read_only and not Path(path).exists():
            raise StoreError(f"{path}: no such file")
        self._database = Database(Path(path), read_only)
        super().__init__(self._database)
        self._steps: dict[str, int] = {}
        try:
            with self.session.transaction() as cursor:
                (schema.check if read_only else schema.prepare)(cursor, self._database.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and every reader on it; what the log holds goes into the file."""
        self._database.close()

    def reader(self) -> Reader:
        """For another thread: the same answers through a cursor of its own."""
        return Reader(self._database)

    def apply(self, events: Sequence[Event], *, live: bool = False) -> None:
        """Write events in one transaction; events already written change nothing. Progress and Notice are not kept.

        Events of one run must come in the order in which they were made; runs may be mixed. live: they are told by the
        jobs of this machine as they happen, so that a start is one, whatever its clock says.
        """
        try:
            with self.session.transaction() as cursor:
                for event in events:
                    if isinstance(event, told.RunStarted):
                        lifecycle.start(cursor, event, live)
                    elif isinstance(event, told.RunEnded):
                        lifecycle.end(cursor, event, live)
                    elif isinstance(event, told.AttackStarted):
                        attacks.start(cursor, event, live)
                    elif isinstance(event, told.AttackEnded):
                        attacks.end(cursor, event)
                self._steps |= facts.add_history(cursor, _of(History, events), self._steps)
                facts.put_class_names(cursor, _of(ClassNames, events))
                facts.put_warnings(cursor, _of(Warnings, events))
                facts.put_accuracies(cursor, _of(Accuracies, events))
                facts.put_leakage(cursor, _of(Leakage, events))
                facts.put_scores(cursor, _of(Scores, events))
                facts.put_attack_scores(cursor, _of(AttackScores, events))
        except BaseException:
            # Nothing was written, or a commit that was reported as failed is on the disk after all: ask the file again.
            self._steps = {}
            raise

    def enqueue(self, sweep: str, runs: Sequence[NewRun], priority: int = 0) -> list[str]:
        """Put runs into a sweep and the unknown ones into the queue; returns the ids newly queued.

        Known runs keep their state and their rows: the same experiment is never computed twice. Each is asked for the
        attacks of its experiment that it has not got (`pending`).
        """
        with self.session.transaction() as cursor:
            return lifecycle.enqueue(cursor, sweep, runs, priority)

    def set_state(self, run_id: str, state: str, error: str | None = None, *, attempts: int | None = None) -> None:
        """What the scheduler or a person decided about a run; a finished state is dated now."""
        with self.session.transaction() as cursor:
            lifecycle.set_state(cursor, run_id, state, error, attempts)

    def set_attacks_state(self, run_id: str, state: str, error: str | None = None) -> None:
        """What became of the attacks that a run was still asked for."""
        with self.session.transaction() as cursor:
            attacks.set_state(cursor, run_id, state, error)

    def retry(self, run_ids: Sequence[str]) -> None:
        """Queue those of the runs that did not succeed, and the attacks of the others that did not."""
        with self.session.transaction() as cursor:
            lifecycle.retry(cursor, run_ids)
            attacks.retry(cursor, run_ids)

    def set_priority(self, run_id: str, priority: int) -> None:
        """Runs of higher priority go first."""
        with self.session.transaction() as cursor:
            lifecycle.set_priority(cursor, run_id, priority)

    def pending(self, run_ids: Sequence[str] | None = None) -> list[PendingRun]:
        """Runs that are queued, running, or done but asked for more attacks: by priority, then in the order of asking.

        run_ids: look at these only.
        """
        with self.session.cursor() as cursor:
            return lifecycle.pending(cursor, run_ids)

    def states(self, run_ids: Sequence[str]) -> dict[str, str]:
        """The state of each known run among these."""
        with self.session.cursor() as cursor:
            return lifecycle.states(cursor, run_ids)


def _of(kind: type[E], events: Sequence[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
