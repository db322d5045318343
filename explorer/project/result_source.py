"""A project's results: asked of its engine if one runs, else read from the database file."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.service import protocol
from engine.service.client import EngineForeign, EngineSuspended, EngineUnreachable, SyncClient
from engine.service.project import Project
from engine.validation import did_you_mean, require
from store.decoding import decode
from store.errors import StoreError
from store.rows import Run


@dataclass(frozen=True)
class ResultSource:
    """Asks an engine, or a reader of the database file in its place."""

    ask: Callable[[protocol.Query | protocol.Export], Any]
    """Gives the answer to a command, as `SyncClient.call`."""
    of_engine: bool = False
    """Whether an engine answers."""

    def query(self, name: str, **params: Any) -> list[Any]:
        """Rows of a named query of the store."""
        answer = self.ask(protocol.Query(name=name, params=params))
        return decode(name, answer.columns, answer.rows)

    def export(self, table: str, format: str, path: Path, filters: dict[str, Any]) -> int:
        """Write a whole table to a file on this machine; the number of rows."""
        command = protocol.Export(table=table, format=format, path=str(path.absolute()), filters=filters)
        return self.ask(command).rows

    def placed(self) -> dict[str, protocol.Placement]:
        """Where clusters have runs, by run id; nothing is known of it without an engine."""
        return {own.run_id: own for own in self.ask(protocol.GetStatus()).placed} if self.of_engine else {}


@contextmanager
def results(project: Project) -> Iterator[ResultSource]:
    """The project's results; `StoreError` in one line if there are none."""
    try:
        client = SyncClient(project)
    except (EngineForeign, EngineSuspended):
        raise  # it has the file open
    except EngineUnreachable as error:
        if project.foreign:
            raise StoreError(str(error)) from None
        if not project.database.exists():
            raise StoreError(f"{project.root} holds no results yet; `mia-explore demo` makes some") from None
        from engine.service.reader import answer
        from store.store import Store

        with Store(project.database, read_only=True) as store:
            yield ResultSource(partial(answer, store))
        return
    with client:
        yield ResultSource(client.call, of_engine=True)


def find_run(results: ResultSource, name: str, what: str = "run", others: Iterable[str] = ()) -> Run:
    """The run with that id or with the only id that begins so or contains it; `StoreError` if there is not just one.

    what: that was looked for, in words. others: what else may have been meant.
    """
    require(name != "", "run", name, "a run's name or a part of it")
    runs = results.query("runs")
    exact = [run for run in runs if run.run_id == name]
    matches = exact or [run for run in runs if name in run.run_id]
    if len(matches) != 1:
        some = ", ".join(run.run_id for run in matches[:4])
        hint = did_you_mean(name, [*others, *(run.run_id for run in runs), *(run.name for run in runs)])
        said = f"{len(matches)} runs match: {some} …" if matches else f"no {what} matches{hint}"
        raise StoreError(f"{name}: {said}{'' if matches else '; `mia-explore ls` lists them'}")
    return results.query("run", run_id=matches[0].run_id)[0]
