"""What goes into and comes out of the store besides events: plain tuples, no duckdb."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class NewRun(NamedTuple):
    """A run somebody asks for."""

    run_id: str
    experiment: Mapping[str, Any]
    """`Experiment.to_dict()`."""
    place: Mapping[str, Any]
    """Where it runs, as JSON; changes no result."""


class PendingRun(NamedTuple):
    """A run that is not finished, or is asked for more."""

    run_id: str
    experiment: dict[str, Any]
    place: dict[str, Any]
    """Empty for a run that came in by import."""
    state: str
    """`queued`, `running`, or `done` where it is asked for more attacks."""
    priority: int
    attempts: int
    attacks: dict[str, dict[str, Any]]
    """Inference attacks that it has not got, with the own settings of each."""
    population: tuple[str, ...] = ()
    """The other runs of its population, where one of these attacks compares it with them."""


class QueryAnswer(NamedTuple):
    """The answer to a query: numbers, text, booleans and None."""

    columns: tuple[str, ...]
    rows: list[tuple]
