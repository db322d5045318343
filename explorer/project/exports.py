"""Exports as the app asks for them: the project's engine, or the reader process without one, writes the file."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.service import protocol
from engine.service.project import Project
from engine.validation import SpecError
from explorer.project.open_project import OpenProject
from explorer.results import text
from store.queries import QUERIES, TABLES

FORMATS = ("csv", "parquet", "json")
COUNTABLE = {
    **{"accuracies": 500, "warnings": 500, "capacity": 100, "epsilon": 100, "views": 100, "classes": 5, "leakage": 5},
    **{"history": 10, "roc": 4, "scores": 0, "exposed": 0, "image_risks": 0, "class_risks": 0},
}
"""Runs up to which the rows of a table are counted beforehand; for more, asking costs as much as writing."""


@dataclass(frozen=True)
class TableExport:
    """A table to be written to a file."""

    table: str
    format: str
    path: str
    """Absolute."""
    filters: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As the view keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class WrittenFile:
    """What was written."""

    path: Path
    rows: int
    columns: int
    size: int
    """Bytes."""

    def __str__(self) -> str:
        return f"{self.path}\n{self.rows:,} rows · {self.columns} columns · {text.size(self.size)}"


def folder(project: Project) -> Path:
    """Where exports go unless a person says otherwise."""
    return project.root / "csv"


def resolved(typed: str, table: str, format: str) -> Path:
    """The absolute path of what was typed: `~` is the home folder, an existing folder gets the table's own name.

    SpecError where there is no such home folder, or nothing was typed.
    """
    expanded = os.path.expanduser(typed.strip())
    if not expanded:
        raise SpecError("the path is empty")
    if expanded.startswith("~"):
        raise SpecError(f"{expanded}: no such home folder")
    path = Path(os.path.abspath(expanded))
    return path / f"{table}.{format}" if os.path.isdir(path) else path


def takes(table: str, filters: Mapping[str, Any]) -> bool:
    """Whether a table can be filtered so; the paper's published numbers belong to no run."""
    return filters.keys() <= QUERIES[table].filters.keys()


async def columns_of(project: OpenProject, table: str) -> list[str]:
    """The header of a table's file, from a question that no row answers."""
    params = {next(iter(QUERIES[table].filters)): []} | {name: [] for name in QUERIES[table].required}
    return list((await project.call(protocol.Query(name=table, params=params))).columns)


async def rows_of(project: OpenProject, table: str, filters: Mapping[str, Any]) -> int | None:
    """How many rows a table has under these filters; None where counting is not cheap."""
    if table == "published":
        return len(await project.query(table))
    run_ids = await _runs_of(project, filters)
    if table == "runs":
        return len(run_ids)
    if len(run_ids) > COUNTABLE[table]:
        return None
    needed = {"run_id": run_ids} if QUERIES[table].required else {}
    return len(await project.query(table, **{**filters, **needed}))


async def _runs_of(project: OpenProject, filters: Mapping[str, Any]) -> list[str]:
    """The runs that the filters choose; a run may belong to more sweeps than its row names."""
    if not filters:
        return list(project.runs)
    return filters.get("run_id") or [run.run_id for run in await project.query("runs", **filters)]


async def write(project: OpenProject, export: TableExport) -> WrittenFile:
    """Write the file, its folder too; EngineRefused, EngineUnreachable or OSError in one line."""
    path = Path(export.path)
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    command = protocol.Export(table=export.table, format=export.format, path=export.path, filters=dict(export.filters))
    rows = (await project.call(command)).rows
    columns = await columns_of(project, export.table)
    return WrittenFile(path, rows, len(columns), path.stat().st_size)


async def write_everything(project: OpenProject) -> str:
    """Every table as CSV into the project's own folder; the folder, then the sums."""
    place = folder(project.paths)
    written = [await write(project, TableExport(table, "csv", str(place / f"{table}.csv"))) for table in TABLES]
    rows, size = sum(each.rows for each in written), sum(each.size for each in written)
    return f"{place}\n{len(written)} tables · {rows:,} rows · {text.size(size)}"
