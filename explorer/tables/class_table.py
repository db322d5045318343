"""What each class of one run leaks: every strategy side by side, the best of them, and natural training's best.

A strategy is an attack on a view that was carried out class by class (section 5.2.5 of the paper).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

FEW = 200
"""Members or non-members below which a class's number is to be taken with care."""
VIEW_LETTERS = {"benign": "B", "adversarial": "A", "targeted": "T", "certified": "V"}
"""As the paper writes its strategies; V are verified bounds."""
ATTACK_WORDS = {"confidence": "conf", "confidence-class": "class", "model-class": "model"}
SAME_SETTING = ("dataset", "network", "capacity", "train_fraction")


@dataclass(frozen=True, order=True)
class Strategy:
    """An attack on a view."""

    attack: str
    view: str

    @property
    def label(self) -> str:
        """A table's header: `I_A class`."""
        return f"I_{VIEW_LETTERS.get(self.view, self.view)} {ATTACK_WORDS.get(self.attack, self.attack)}"


@dataclass(frozen=True)
class Cell:
    """What one strategy reaches on one class."""

    value: float
    half: float | None = None
    """Half of the 95 % interval over the class's examples."""
    published: float | None = None


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

    @property
    def name(self) -> str:
        """As tables write it; the store knows classes by number only."""
        return "all" if self.label is None else str(self.label)

    @property
    def few(self) -> bool:
        """Whether one side is small."""
        return min(self.n_member, self.n_nonmember) < FEW

    @property
    def best(self) -> Strategy:
        """The strategy that reaches most."""
        return max(self.cells, key=lambda strategy: self.cells[strategy].value)

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


def strategies(facts: Iterable[Row], rule: str) -> list[Strategy]:
    """Every strategy that some class has a number of under the threshold rule, in the order in which to show them."""
    order, views = ({name: index for index, name in enumerate(names)} for names in (ATTACK_WORDS, VIEW_LETTERS))
    found = {
        Strategy(fact["attack"], fact["view"])
        for fact in facts
        if fact["class_label"] is not None and fact["threshold_rule"] == rule
    }
    return sorted(
        found, key=lambda s: (order.get(s.attack, len(order)), s.attack, views.get(s.view, len(views)), s.view)
    )


def rows(
    facts: Sequence[Row], rule: str, published: Iterable[Row] = (), natural: Mapping[int | None, float] | None = None
) -> list[ClassRow]:
    """The table of one run, by class number, all classes last; empty where no attack went class by class.

    facts: rows of the query `leakage` of one run and one metric.
    published: rows of the query `classes` of the same run and metric.
    natural: as `natural_best` gives it.
    """
    shown = set(strategies(facts, rule))
    papers = {_place(fact): fact["published"] for fact in published}
    grouped: dict[int | None, list[Row]] = {}
    for fact in facts:
        if fact["threshold_rule"] == rule and Strategy(fact["attack"], fact["view"]) in shown:
            grouped.setdefault(fact["class_label"], []).append(fact)
    return [
        ClassRow(
            label,
            min(fact["n_member"] for fact in grouped[label]),
            min(fact["n_nonmember"] for fact in grouped[label]),
            {
                Strategy(fact["attack"], fact["view"]): Cell(fact["value"], _half(fact), papers.get(_place(fact)))
                for fact in grouped[label]
            },
            (natural or {}).get(label),
        )
        for label in sorted(grouped, key=lambda label: (label is None, label))
    ]


def naturals(runs: Iterable[Row], run: Row) -> list[Row]:
    """Finished natural runs of a run's data, network and capacity; where there are, those attacked with its budget."""
    found = [
        other
        for other in runs
        if other["defense"] == "natural"
        and other["state"] == "done"
        and other["run_id"] != run["run_id"]
        and all(other[name] == run[name] for name in SAME_SETTING)
    ]
    same_budget = [other for other in found if other["evaluation_epsilon"] == run["evaluation_epsilon"]]
    return same_budget or found


def natural_best(facts: Iterable[Row], rule: str) -> dict[int | None, float]:
    """What the best strategy reaches on each class of natural runs, in the mean over these runs.

    facts: rows of the query `leakage` of natural runs and one metric.
    """
    by_run: dict[str, list[Row]] = {}
    for fact in facts:
        by_run.setdefault(fact["run_id"], []).append(fact)
    found: dict[int | None, list[float]] = {}
    for own in by_run.values():
        for row in rows(own, rule):
            found.setdefault(row.label, []).append(row.value)
    return {label: sum(values) / len(values) for label, values in found.items()}


def ordered(table: Iterable[ClassRow], key: Callable[[ClassRow], float | None], reverse: bool) -> list[ClassRow]:
    """All classes first, then the classes by key; those without one come last, ties by number."""
    known = sorted((row for row in table if row.label is not None), key=lambda row: row.label)
    sortable = sorted((row for row in known if key(row) is not None), key=key, reverse=reverse)
    whole = [row for row in table if row.label is None]
    return whole + sortable + [row for row in known if key(row) is None]


def _place(fact: Row) -> tuple:
    return (fact["attack"], fact["view"], fact["class_label"], fact["threshold_rule"])


def _half(fact: Row) -> float | None:
    if fact["ci_low"] is None or fact["ci_high"] is None:
        return None
    return (fact["ci_high"] - fact["ci_low"]) / 2
