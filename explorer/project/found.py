"""The finding of a project, of a sweep or of a run, asked of its results."""

from collections.abc import Mapping
from typing import Any

from explorer.project.result_source import ResultSource, find_run
from explorer.results.finding import ASKED, QUERY, LeakageFinding, finding
from explorer.results.natural_twin import natural_twin


def runs_of(asked: ResultSource, of: str | None) -> Mapping[str, Any]:
    """The filters of a sweep by its name, or of a run by a unique part of its id, with its twin; of None none.

    `StoreError` where there is neither.
    """
    if of is None:
        return {}
    if asked.query("runs", sweep=of):
        return {"sweep": of}
    runs = asked.query("runs")
    run = find_run(asked, of, "run or sweep", {run.sweep for run in runs if run.sweep})
    twin = natural_twin(run, runs)
    return {"run_id": [run.run_id, *([twin.run_id] if twin else [])]}


def found(asked: ResultSource, of: str | None = None) -> LeakageFinding | None:
    """The finding of one of these, or of the whole project; None where nothing has been audited.

    A sweep without natural models is held against those of the project.
    """
    filters = runs_of(asked, of)
    rows = asked.query(QUERY, **ASKED, **filters)
    return finding(rows, asked.query(QUERY, **ASKED) if "sweep" in filters else None)
