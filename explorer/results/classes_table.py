"""What each class of one run leaks: every strategy side by side, the best of them, and natural training's best.

A strategy is an attack on a view that was carried out class by class (section 5.2.5 of the paper).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.results import marks
from explorer.results.text import LETTERS, VIEWS

Row = Mapping[str, Any]

FEW = 200
"""Members or non-members below which a class's number is to be taken with care."""
ATTACK_WORDS = {
    "confidence-class": "conf",
    "model-class": "model",
    "entropy-class": "entropy",
    "margin-class": "margin",
}
"""Attacks class by class as tables write them."""


@dataclass(frozen=True)
class Strategy:
    """An attack on a view."""

    attack: str
    view: str

    @property
    def label(self) -> str:
        """A table's header: `conf A`."""
        return f"{ATTACK_WORDS.get(self.attack, self.attack)} {LETTERS.get(self.view, self.view)}"


PAPERS = tuple(
    Strategy(f"{attack}-class", view)
    for attack, view in (
        *(("confidence", "benign"), ("model", "benign"), ("confidence", "adversarial"), ("model", "adversarial")),
        *(("model", "targeted"), ("confidence", "certified")),
    )
)
"""The strategies of the paper's Table 7 in its order, then the one on certified bounds."""


@dataclass(frozen=True)
class Cell:
    """What one strategy reaches on one class."""

    value: float
    spread: float | None = None
    """Behind ±: half of the 95 % interval over the class's examples, or the standard deviation over seeds."""
    published: float | None = None
    leaks: bool | None = None
    """Whether it is told apart from a guess, as one of all classes."""
    chosen: bool = True
    """Whether it is under the threshold rule of the table; those that have none of it are shown held out."""
    warned: bool = False
    """Whether a warning of its run speaks of it."""


@dataclass(frozen=True)
class ClassRow:
    """One class, or all of them."""

    label: int | None
    """None: all classes."""
    n_member: int
    n_nonmember: int
    """The fewest that any of the strategies is reported on."""
    cells: Mapping[Strategy, Cell] = field(default_factory=dict)
    natural: float | None = None
    """What the best strategy reaches on natural training."""
    class_name: str | None = None
    """What the data set calls it; None where that is not known."""

    @property
    def name(self) -> str:
        """As tables write it."""
        return called(self.label, self.class_name)

    @property
    def few(self) -> bool:
        """Whether one side is small."""
        return min(self.n_member, self.n_nonmember) < FEW

    @property
    def best(self) -> Strategy:
        """The strategy that reaches most; a held-out number does not compete with those of oracle thresholds."""
        fair = [strategy for strategy, cell in self.cells.items() if cell.chosen] or self.cells
        return max(fair, key=lambda strategy: self.cells[strategy].value)

    @property
    def value(self) -> float:
        """What the best strategy reaches."""
        return self.cells[self.best].value

    @property
    def published(self) -> float | None:
        """The paper's number for the best strategy."""
        return self.cells[self.best].published

    @property
    def difference(self) -> float | None:
        """How much more the best strategy reaches than the best one does on natural training."""
        return None if self.natural is None else self.value - self.natural


def called(label: int | None, name: str | None) -> str:
    """A class as tables write it: its number, and its name where that says more: `3 cat`."""
    number = "all" if label is None else str(label)
    return number if name in (None, number) else f"{number} {name}"


def strategies(facts: Iterable[Row], rule: str) -> dict[Strategy, str]:
    """Every strategy that some class has a number of -> the threshold rule it is shown under, in order.

    That is the rule asked for, or held-out for strategies such as the inference networks that have no other; the
    paper's strategies come first.
    """
    there_are: dict[Strategy, set[str]] = {}
    for fact in facts:
        if fact["class_label"] is not None:
            there_are.setdefault(Strategy(fact["attack"], fact["view"]), set()).add(fact["threshold_rule"])
    shown = {own: rule if rule in rules else "heldout" for own, rules in there_are.items() if {rule, "heldout"} & rules}
    return {strategy: shown[strategy] for strategy in sorted(shown, key=_place)}


def _place(strategy: Strategy) -> tuple:
    words = tuple(ATTACK_WORDS)
    own = PAPERS.index(strategy) if strategy in PAPERS else len(PAPERS)
    attack = words.index(strategy.attack) if strategy.attack in words else len(words)
    return own, attack, strategy.attack, VIEWS.index(strategy.view) if strategy.view in VIEWS else len(VIEWS)


def rows(
    facts: Iterable[Row],
    rule: str,
    shown: Mapping[Strategy, str],
    published: Iterable[Row] = (),
    natural: Mapping[int | None, float] | None = None,
) -> list[ClassRow]:
    """The table of one run, by class number, all classes last.

    facts: rows of the query `leakage` of one run and one metric.
    shown: the strategies, as `strategies` gives them.
    published: rows of the query `classes` of the same run and metric, which also know what classes are called.
    natural: as `natural_best` gives it.
    """
    published = list(published)
    papers = {_fact_id(fact): fact["published"] for fact in published}
    names = {fact["class_label"]: fact["class_name"] for fact in published}
    grouped: dict[int | None, list[Row]] = {}
    for fact in facts:
        if shown.get(Strategy(fact["attack"], fact["view"])) == fact["threshold_rule"]:
            grouped.setdefault(fact["class_label"], []).append(fact)

    def cell(fact: Row) -> Cell:
        chosen = fact["threshold_rule"] == rule
        number, paper = (fact["value"], _half(fact)), papers.get(_fact_id(fact))
        return Cell(*number, paper, fact.get("leaks"), chosen, marks.is_warned(fact))

    return [
        ClassRow(
            label,
            min(fact["n_member"] for fact in grouped[label]),
            min(fact["n_nonmember"] for fact in grouped[label]),
            {Strategy(fact["attack"], fact["view"]): cell(fact) for fact in grouped[label]},
            (natural or {}).get(label),
            names.get(label),
        )
        for label in sorted(grouped, key=lambda label: (label is None, label))
    ]


def natural_best(facts: Iterable[Row], rule: str, shown: Mapping[Strategy, str]) -> dict[int | None, float]:
    """What the best of the strategies reaches on each class of natural runs, in the mean over these runs.

    facts: rows of the query `leakage` of natural runs and one metric.
    """
    by_run: dict[str, list[Row]] = {}
    for fact in facts:
        by_run.setdefault(fact["run_id"], []).append(fact)
    found: dict[int | None, list[float]] = {}
    for own in by_run.values():
        for row in rows(own, rule, shown):
            found.setdefault(row.label, []).append(row.value)
    return {label: sum(values) / len(values) for label, values in found.items()}


def ordered(table: Iterable[ClassRow], key: Callable[[ClassRow], float | None], reverse: bool) -> list[ClassRow]:
    """All classes first, then the classes by key; those without one come last, ties by number."""
    known = sorted((row for row in table if row.label is not None), key=lambda row: row.label)
    sortable = sorted((row for row in known if key(row) is not None), key=key, reverse=reverse)
    whole = [row for row in table if row.label is None]
    return whole + sortable + [row for row in known if key(row) is None]


def _fact_id(fact: Row) -> tuple:
    return (fact["attack"], fact["view"], fact["class_label"], fact["threshold_rule"])


def _half(fact: Row) -> float | None:
    if fact["ci_low"] is None or fact["ci_high"] is None:
        return None
    return (fact["ci_high"] - fact["ci_low"]) / 2
