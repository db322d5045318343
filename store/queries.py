"""The questions the store answers, by name: their SQL, their filters and what may be exported. No duckdb, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.validation import SpecError, require_known
from store import over_seeds, statements
from store.errors import StoreError
from store.rows import (
    AccuracyFact,
    ExposedExample,
    HistoryPoint,
    ImageRisk,
    InferenceState,
    LeakageFact,
    PublishedFact,
    RocPoint,
    Run,
    Score,
    ScoreBin,
    SeedsHistory,
    WarningFact,
)
from store.summaries import ClassFact, ClassRisk, CurvePoint, SeedsFact, ViewsRow

PAGE = 1000
"""Rows of a paged query where no limit is asked for."""


@dataclass(frozen=True)
class NamedQuery:
    """One named question."""

    row: type[Any]
    """What its rows are read as (`store.decoding`)."""
    select: str
    """SQL with `{where}` in it; the columns of the answer are its own."""
    order: str
    """Columns of the answer that put its rows in one order only."""
    filters: Mapping[str, str]
    """Names of filters, with the SQL condition of each; `{}` stands for the accepted values."""
    required: tuple[str, ...] = ()
    """Filters without which the answer would be too large to hold in memory; an export may go without."""
    paged: bool = False
    """Takes `limit` and `offset`."""


_FINISHED = {name: sql for name, sql in statements.run_filters("c").items() if name != "state"}
_FACTS = {name: f"f.{name} IN ({{}})" for name in ("metric", "view", "attack", "threshold_rule")}
_OF_POPULATION = (
    statements.run_filters("r")
    | {name: f"s.{name} IN ({{}})" for name in ("attack", "view")}
    | {"run_id": "r.population IN (SELECT population FROM runs WHERE run_id IN ({}))"}
)
QUERIES: dict[str, NamedQuery] = {
    "runs": NamedQuery(Run, statements.RUNS, "submission", statements.run_filters("r")),
    "run": NamedQuery(Run, statements.RUN, "run_id", {"run_id": "r.run_id IN ({})"}, required=("run_id",)),
    "capacity": NamedQuery(CurvePoint, over_seeds.CURVE, over_seeds.CAPACITY_ORDER, _FINISHED | _FACTS),
    "epsilon": NamedQuery(CurvePoint, over_seeds.CURVE, over_seeds.EPSILON_ORDER, _FINISHED | _FACTS),
    "classes": NamedQuery(ClassFact, over_seeds.CLASSES, over_seeds.CLASSES_ORDER, _FINISHED | _FACTS),
    "by_seed": NamedQuery(SeedsFact, over_seeds.BY_SEED, over_seeds.BY_SEED_ORDER, _FINISHED | _FACTS),
    "views": NamedQuery(ViewsRow, over_seeds.VIEWS, over_seeds.VIEWS_ORDER, _FINISHED),
    "accuracies": NamedQuery(
        AccuracyFact, statements.ACCURACIES, "run_id, view, split", statements.fact_filters("a", "view", "split")
    ),
    "leakage": NamedQuery(
        LeakageFact,
        statements.LEAKAGE,
        "run_id, attack, view, class_label NULLS FIRST, threshold_rule, metric",
        statements.fact_filters("l", "attack", "view", "threshold_rule", "metric"),
    ),
    "warnings": NamedQuery(
        WarningFact,
        statements.WARNINGS,
        "run_id, topic, view NULLS FIRST",
        statements.fact_filters("w", "topic", "view"),
    ),
    "inferences": NamedQuery(
        InferenceState,
        statements.INFERENCES,
        "run_id, created, attack, own_settings",
        statements.fact_filters("i", "attack") | {"state": "i.state IN ({})"},
    ),
    "history": NamedQuery(
        HistoryPoint,
        statements.HISTORY,
        "run_id, step, metric",
        statements.fact_filters("h", "metric"),
        required=("run_id",),
    ),
    "seeds_history": NamedQuery(
        SeedsHistory,
        statements.SEEDS_HISTORY,
        "metric, step",
        statements.fact_filters("h", "metric"),
        required=("run_id",),
    ),
    "scores": NamedQuery(
        Score,
        statements.SCORES,
        "run_id, view, member DESC, example",
        statements.fact_filters("s", "view"),
        paged=True,
    ),
    "exposed": NamedQuery(
        ExposedExample,
        statements.EXPOSED,
        "run_id, risk DESC NULLS LAST, mean_risk DESC NULLS LAST, example",
        statements.fact_filters("s"),
        required=("run_id",),
        paged=True,
    ),
    "image_risks": NamedQuery(
        ImageRisk, statements.IMAGE_RISKS, statements.IMAGE_RISKS_ORDER, _OF_POPULATION, paged=True
    ),
    "class_risks": NamedQuery(ClassRisk, statements.CLASS_RISKS, statements.CLASS_RISKS_ORDER, _OF_POPULATION),
    "roc": NamedQuery(
        RocPoint,
        statements.ROC,
        "run_id, attack, view, fpr, tpr",
        statements.fact_filters("s", "attack", "view"),
        required=("run_id",),
    ),
    "histogram": NamedQuery(
        ScoreBin,
        statements.HISTOGRAM,
        "run_id, attack, view, low",
        statements.fact_filters("s", "attack", "view"),
        required=("run_id",),
    ),
    "published": NamedQuery(
        PublishedFact, statements.PUBLISHED, statements.PUBLISHED_ORDER, statements.PUBLISHED_FILTERS
    ),
}
TABLES = tuple(name for name in QUERIES if name not in ("run", "inferences", "by_seed", "seeds_history", "histogram"))
"""What can be exported."""


def statement(name: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SQL of a query and its values; `StoreError` for an unknown name, filter or value.

    A filter takes a text or a list of texts, of which a row must have one; None is as good as missing.
    """
    _known("query", name, QUERIES)
    query = QUERIES[name]
    wanted = {key: value for key, value in params.items() if value is not None}
    for key in query.required:
        if key not in wanted:
            raise StoreError(f"query {name}: {key} is missing")
    page = {key: wanted.pop(key) for key in ("limit", "offset") if query.paged and key in wanted}
    select, order, values = _selection(name, wanted)
    text = f"SELECT * FROM ({select}) ORDER BY {order}"
    if not query.paged:
        return text, values
    limits = {key: _count(name, key, page.get(key, default)) for key, default in (("limit", PAGE), ("offset", 0))}
    return f"{text} LIMIT $limit OFFSET $offset", values | limits


def export_statement(name: str, filters: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The SQL of a whole table, its ORDER BY and its values; `StoreError` as for `statement`."""
    _known("table", name, TABLES)
    return _selection(name, {key: value for key, value in filters.items() if value is not None})


def _selection(name: str, filters: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    query = QUERIES[name]
    conditions, values = [], {}
    for key, wanted in filters.items():
        _known(f"filter of {name}", key, query.filters)
        accepted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        if not all(isinstance(value, str) for value in accepted):
            raise StoreError(f"query {name}: {key} takes a text or a list of texts, not {wanted!r}")
        named = {f"{key}_{index}": value for index, value in enumerate(accepted)}
        conditions.append(query.filters[key].format(", ".join(f"${key}" for key in named)) if named else "false")
        values |= named
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return query.select.replace("{where}", where), query.order, values


def _count(name: str, key: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise StoreError(f"query {name}: {key} takes a whole number from 0, not {value!r}")
    return value


def _known(what: str, name: Any, known: Any) -> None:
    try:
        require_known(what, name, known)
    except SpecError as error:
        raise StoreError(str(error)) from None
