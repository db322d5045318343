"""The numbers a chart can show: where each comes from, how it is written, and what a guess would reach."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.spec.experiment import INFERENCE_ATTACKS
from explorer.project.choices import View
from explorer.project.live import Live
from explorer.results import marks
from explorer.results.text import RULES, VIEWS
from store.statements import HEADLINE_VIEWS

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
    Metric("tpr_at_fpr_0.01", "TPR at 1 % FPR", "TPR@1%", {"measure": "tpr_at_fpr_0.01"}, guess=0.01),
    Metric("tpr_at_fpr_0.001", "TPR at 0.1 % FPR", "TPR@0.1%", {"measure": "tpr_at_fpr_0.001"}, guess=0.001),
    *(
        Metric(f"{view}_{split}", title, short, {"measure": "accuracy", "view": view, "split": split}, inference=False)
        for view, split, title, short in (
            ("benign", "test", "test accuracy", "TEST"),
            ("adversarial", "test", "adversarial test accuracy", "ADV TEST"),
            ("adversarial", "train", "adversarial train accuracy", "ADV TRAIN"),
            ("certified", "test", "certified test accuracy", "CERT TEST"),
            ("certified", "train", "certified train accuracy", "CERT TRAIN"),
        )
    ),
    Metric(
        "calibration_error",
        "calibration error",
        "CAL ERR",
        {"measure": "calibration_error", "view": "benign", "split": "test"},
        inference=False,
    ),
)
BY_ID = {metric.id: metric for metric in METRICS}
CURVES = ("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")
"""Measures of all thresholds at once, for which none is chosen."""
SHORT = {"benign": "ben", "adversarial": "adv", "targeted": "tgt", "certified": "cert"}
"""Views in titles that have little room."""


class Number(NamedTuple):
    """The chosen number of one run."""

    value: float | None = None
    leaks: bool | None = None
    """Whether it is told apart from a guess; None where that means nothing."""
    warned: bool = False
    """Whether a warning of the run speaks of it."""


def like_guess(row: Row) -> bool:
    """Whether a row over seeds counts as not told apart from a guess: it leaks in no more than half of them."""
    return row["n_leaking"] is not None and 2 * row["n_leaking"] <= row["n_seeds"]


def threshold_rule(attack: str, measure: str, chosen: str) -> str:
    """The rule under which an attack's measure is stored: the chosen one where there is a choice.

    Inference networks are always reported on examples that they were not fitted on (`heldout`); the correctness rule
    and measures of all thresholds choose nothing (`none`).
    """
    if attack == "model-class":
        return "heldout"
    return "none" if attack == "gap" or measure in CURVES else chosen


def ordered(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Attacks with their views, the paper's attacks first; those that nobody here knows last."""
    return sorted(set(pairs), key=lambda pair: (_place(pair[0], INFERENCE_ATTACKS), _place(pair[1], VIEWS)))


def nearest_view(wanted: str, among: Sequence[str]) -> str:
    """The view itself, or the one nearest to it in the order of `VIEWS`; of two the first."""
    return min(among, key=lambda view: abs(_place(view, VIEWS)[0] - _place(wanted, VIEWS)[0]))


def _place(name: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(name), "") if name in order else (len(order), name)


def of(view: View) -> Metric:
    """The metric chosen."""
    return BY_ID.get(view.metric, METRICS[0])


def rule_of(view: View) -> str:
    """The threshold rule of the chosen number."""
    return threshold_rule(view.attack, of(view).facts["measure"], view.rule)


def wanted(view: View) -> dict[str, str]:
    """The columns of a `capacity` row that show what was chosen."""
    metric = of(view)
    if not metric.inference:
        return {**metric.facts}
    return {**metric.facts, "attack": view.attack, "view": view.leak_view, "threshold_rule": rule_of(view)}


def titles(view: View) -> tuple[str, ...]:
    """What the numbers are, complete: metric, attack, view and threshold rule; then the same in ever fewer cells.

    Where no threshold was chosen, nothing is said of a rule.
    """
    metric = of(view)
    names = (f"{metric.title} %", f"{metric.short.lower()} %")
    if not metric.inference:
        return names
    long, short = view.leak_view, SHORT.get(view.leak_view, view.leak_view)
    spoken = (
        (names[0], view.attack, long),
        (names[1], view.attack, long),
        (names[1], view.attack, short),
        (names[1], view.attack.replace("confidence", "conf").replace("entropy", "entr"), short),
    )
    rule = RULES.get(rule_of(view))
    about = f" · {rule}" if rule else ""
    return tuple(f"{name} · {attack} ({which}){about}" for name, attack, which in spoken)


def title(view: View) -> str:
    """The complete one."""
    return titles(view)[0]


def of_run(row: Row, view: View) -> Number:
    """The chosen number of one run where its row has it: an accuracy, or what an oracle's confidence attack infers."""
    metric = of(view)
    if not metric.inference:
        value = row.get(f"{metric.id}_accuracy") if in_rows(view) else None
        return Number(value, warned=marks.is_warned(row, metric.facts.get("view")))
    found = row.get(f"{view.leak_view}_inference_accuracy") if in_rows(view) else None
    if found is None:
        return Number()
    value = 2 * found - 1 if metric.id == "advantage" else found  # Eq 16
    return Number(value, row[f"{view.leak_view}_leaks"], marks.is_warned(row, view.leak_view))


def in_rows(view: View) -> bool:
    """Whether the list of runs has the chosen number."""
    metric = of(view)
    if not metric.inference:
        return metric.facts["measure"] == "accuracy"
    of_attack = (view.attack, view.rule) == ("confidence", "oracle") and view.leak_view in HEADLINE_VIEWS
    return of_attack and metric.id in ("inference_accuracy", "advantage")


def of_runs(live: Live, view: View) -> Callable[[Row], Number]:
    """The chosen number of each run, from its row or else asked for; one without a value where there is none yet."""
    if in_rows(view):
        return lambda row: of_run(row, view)
    if not of(view).inference:
        of_answers = {name: value for name, value in wanted(view).items() if name != "measure"}
        found = live.rows("accuracies", **of_answers) or []
        errors = {row["run_id"]: Number(row["calibration_error"], warned=marks.is_warned(row)) for row in found}
        return lambda row: errors.get(row["run_id"], Number())
    chosen = {("metric" if name == "measure" else name): value for name, value in wanted(view).items()}
    rows = live.rows("leakage", **chosen) or []
    numbers = {
        row["run_id"]: Number(row["value"], row["leaks"], marks.is_warned(row))
        for row in rows
        if row["class_label"] is None
    }
    return lambda row: numbers.get(row["run_id"], Number())
