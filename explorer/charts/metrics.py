"""The numbers a chart can show: where each comes from, how it is written, and what a guess would reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.project.live import Live
from explorer.view import View

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """One number of a model."""

    id: str
    title: str
    short: str
    """A table's header."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Columns that tell its rows in the `capacity` table apart, besides the attack's."""
    inference: bool = True
    """It is a membership-inference attack's, so attack, view and threshold rule matter."""
    guess: float | None = None
    """What guessing reaches."""


METRICS = (
    Metric("inference_accuracy", "inference accuracy", "INF ACC", {"measure": "inference_accuracy"}, guess=0.5),
    Metric("advantage", "advantage", "ADVANTAGE", {"measure": "advantage"}, guess=0.0),
    Metric("auc", "AUC", "AUC", {"measure": "auc"}, guess=0.5),
    Metric("tpr_at_fpr_1", "TPR at 1 % FPR", "TPR@1%", {"measure": "tpr_at_fpr_0.01"}, guess=0.01),
    *(
        Metric(f"{view}_{split}", title, short, {"measure": "accuracy", "view": view, "split": split}, inference=False)
        for view, split, title, short in (
            ("benign", "test", "test accuracy", "TEST"),
            ("adversarial", "test", "adversarial test accuracy", "ADV TEST"),
            ("adversarial", "train", "adversarial train accuracy", "ADV TRAIN"),
            ("certified", "test", "certified test accuracy", "CERT TEST"),
        )
    ),
)
BY_ID = {metric.id: metric for metric in METRICS}
RULES = {"oracle": "oracle", "heldout": "held-out"}
ROW_VIEWS = ("benign", "adversarial", "certified")
"""Views whose headline numbers stand in the list of runs."""


def of(view: View) -> Metric:
    """The metric chosen."""
    return BY_ID.get(view.metric, METRICS[0])


def wanted(view: View) -> dict[str, str]:
    """The columns of a `capacity` row that show what was chosen."""
    metric = of(view)
    attack = {"attack": view.attack, "view": view.leak_view, "threshold_rule": view.rule} if metric.inference else {}
    return {**metric.facts, **attack}


def titles(view: View) -> tuple[str, ...]:
    """What the numbers are, complete: metric, attack, view and threshold rule; then the same in ever fewer cells."""
    metric = of(view)
    names = (f"{metric.title} %", f"{metric.short.lower()} %")
    if not metric.inference:
        return names
    views = view.leak_view, {"adversarial": "adv", "certified": "cert"}.get(view.leak_view, view.leak_view)
    spoken = ((names[0], views[0]), (names[1], views[0]), (names[1], views[1]))
    return tuple(f"{name} · {view.attack} ({which}) · {RULES[view.rule]}" for name, which in spoken)


def title(view: View) -> str:
    """The complete one."""
    return titles(view)[0]


def of_run(row: Row, view: View) -> float | None:
    """The chosen number of one run where its row has it: an accuracy, or what an oracle's confidence attack infers."""
    metric = of(view)
    if not metric.inference:
        return row.get(f"{metric.id}_accuracy")
    if not in_rows(view):
        return None
    found = row.get(f"{view.leak_view}_inference_accuracy")
    return 2 * found - 1 if found is not None and metric.id == "advantage" else found  # Eq 16


def in_rows(view: View) -> bool:
    """Whether the list of runs has the chosen number."""
    metric = of(view)
    if not metric.inference:
        return True
    of_attack = (view.attack, view.rule) == ("confidence", "oracle") and view.leak_view in ROW_VIEWS
    return of_attack and metric.id in ("inference_accuracy", "advantage")


def of_runs(live: Live, view: View) -> Callable[[Row], float | None]:
    """The chosen number of each run, from its row or else asked for; None where there is none yet."""
    if in_rows(view):
        return lambda row: of_run(row, view)
    chosen = {("metric" if name == "measure" else name): value for name, value in wanted(view).items()}
    rows = live.rows("leakage", **chosen) or []
    values = {row["run_id"]: row["value"] for row in rows if row["class_label"] is None}
    return lambda row: values.get(row["run_id"])
