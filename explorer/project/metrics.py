"""The number of a model that a person chose: where it comes from, how it is written, what a guess would reach."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from engine.registry import ATTACKS, BENIGN, HEADLINE, VIEWS
from explorer.project.choices import Choices
from explorer.project.open_project import OpenProject
from explorer.results import text
from explorer.results.attack_table import LOW_RATES
from store.rows import Run
from store.summaries import in_most_seeds


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


def _inferred(name: str, title: str, short: str, guess: float) -> Metric:
    return Metric(name, title, short, {"metric": name}, guess=guess)


def _accuracies() -> Iterable[Metric]:
    """Of the views whose numbers every run has; of benign answers only those on the test images."""
    for view in (view for view in VIEWS.values() if view.headline):
        plain = view.name == BENIGN
        title, short = ("", "") if plain else (f"{view.name} ", f"{view.short.upper()} ")
        for split in ("test",) if plain else ("test", "train"):
            facts = {"metric": "accuracy", "view": view.name, "split": split}
            words = f"{title}{split} accuracy", f"{short}{split.upper()}"
            yield Metric(f"{view.name}_{split}", *words, facts, inference=False)


METRICS = (
    _inferred("inference_accuracy", "inference accuracy", "INF ACC", 0.5),
    _inferred("advantage", "advantage", "ADVANTAGE", 0.0),
    _inferred("auc", "AUC", "AUC", 0.5),
    *(_inferred(own.metric, own.words, own.title, float(own.rate)) for own in LOW_RATES),
    *_accuracies(),
    Metric(
        "calibration_error",
        "calibration error",
        "CAL ERR",
        {"metric": "calibration_error", "view": "benign", "split": "test"},
        inference=False,
    ),
)
BY_ID = {metric.id: metric for metric in METRICS}
CURVES = ("auc", *(own.metric for own in LOW_RATES))
"""Measures of all thresholds at once, for which none is chosen."""


class ChosenNumber(NamedTuple):
    """The chosen number of one run."""

    value: float | None = None
    leaks: bool | None = None
    """Whether it is told apart from a guess; None where that means nothing."""
    warned: bool = False
    """Whether a warning of the run speaks of it."""


def threshold_rule(attack: str, metric: str, chosen: str) -> str:
    """The rule under which an attack's metric is stored: the chosen one where there is a choice.

    Measures of all thresholds choose none, unless the attack's only numbers are of examples it was not fitted on.
    """
    rules = ATTACKS[attack].rules if attack in ATTACKS else (chosen,)
    if "oracle" in rules and metric in CURVES:
        return "none"
    return chosen if chosen in rules else rules[0]


def ordered(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Attacks with their views, the paper's attacks first; those that nobody here knows last."""
    return sorted(set(pairs), key=lambda pair: (text.place(pair[0], list(ATTACKS)), text.place(pair[1], list(VIEWS))))


def nearest_view(wanted: str, among: Sequence[str]) -> str:
    """The view itself, or the one nearest to it in the order of `VIEWS`; of two the first."""
    order = list(VIEWS)
    return min(among, key=lambda view: abs(text.place(view, order)[0] - text.place(wanted, order)[0]))


def of(choices: Choices) -> Metric:
    """The metric chosen."""
    return BY_ID.get(choices.metric, METRICS[0])


def rule_of(choices: Choices) -> str:
    """The threshold rule of the chosen number."""
    return threshold_rule(choices.attack, of(choices).facts["metric"], choices.rule)


def wanted(choices: Choices) -> dict[str, str]:
    """The columns of a `capacity` row that show what was chosen."""
    metric = of(choices)
    if not metric.inference:
        return {**metric.facts}
    return {**metric.facts, "attack": choices.attack, "view": choices.leak_view, "threshold_rule": rule_of(choices)}


def titles(choices: Choices) -> tuple[str, ...]:
    """What the numbers are, complete: metric, attack, view and threshold rule; then the same in ever fewer cells.

    Where no threshold was chosen, nothing is said of a rule.
    """
    metric = of(choices)
    names = (f"{metric.title} %", f"{metric.short.lower()} %")
    if not metric.inference:
        return names
    attack, long = choices.attack, choices.leak_view
    short = VIEWS[long].short if long in VIEWS else long
    spoken = (
        (names[0], attack, long),
        (names[1], attack, long),
        (names[1], attack, short),
        (names[1], ATTACKS[attack].short if attack in ATTACKS else attack, short),
    )
    rule = text.RULES.get(rule_of(choices))
    about = f" · {rule}" if rule else ""
    return tuple(f"{name} · {attack} ({which}){about}" for name, attack, which in spoken)


# Of runs


def of_models(numbers: Sequence[ChosenNumber]) -> ChosenNumber:
    """The mean over models that have the number; told apart from a guess where most of them are."""
    valued = [number for number in numbers if number.value is not None]
    if not valued:
        return ChosenNumber()
    told = [number.leaks for number in valued if number.leaks is not None]
    leaks = in_most_seeds(sum(told), len(told)) if told else None
    return ChosenNumber(fmean(number.value for number in valued), leaks, any(number.warned for number in valued))


def of_run(run: Run, choices: Choices) -> ChosenNumber:
    """The chosen number of one run where its row has it: an accuracy, or what an oracle's confidence attack infers."""
    metric = of(choices)
    if not in_rows(choices):
        return ChosenNumber()
    if not metric.inference:
        which = metric.facts["view"]
        return ChosenNumber(run.accuracy(which, metric.facts["split"]), warned=which in run.warned_views)
    found = run.inference_accuracy(choices.leak_view)
    if found is None:
        return ChosenNumber()
    value = 2 * found - 1 if metric.id == "advantage" else found  # Eq 16
    return ChosenNumber(value, run.leaks.get(choices.leak_view), choices.leak_view in run.warned_views)


def in_rows(choices: Choices) -> bool:
    """Whether the list of runs has the chosen number."""
    metric = of(choices)
    if not metric.inference:
        return metric.facts["metric"] == "accuracy"
    of_attack = (choices.attack, choices.rule) == (HEADLINE, "oracle")
    in_list = choices.leak_view in VIEWS and VIEWS[choices.leak_view].headline
    return of_attack and in_list and metric.id in ("inference_accuracy", "advantage")


def of_runs(project: OpenProject, choices: Choices) -> Callable[[Run], ChosenNumber]:
    """The chosen number of each run, from its row or else asked for; one without a value where there is none yet."""
    if in_rows(choices):
        return lambda run: of_run(run, choices)
    asked: dict[str, Any] = wanted(choices)
    if not of(choices).inference:
        del asked["metric"]
        rows = project.rows("accuracies", **asked) or []
        found = {row.run_id: ChosenNumber(row.calibration_error, warned=bool(row.warnings)) for row in rows}
    else:
        rows = project.rows("leakage", **asked) or []
        rows = [row for row in rows if row.class_label is None]
        found = {row.run_id: ChosenNumber(row.value, row.leaks, bool(row.warnings)) for row in rows}
    return lambda run: found.get(run.run_id, ChosenNumber())
