"""What strategies find on each class of one model, the best of them, and natural training's best.

A strategy is an attack on a view that was carried out class by class (section 5.2.5 of the paper).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeVar

from rich.cells import cell_len

from engine.registry import ATTACKS
from explorer.results import marks, text
from explorer.results.grouping import grouped
from explorer.results.lines import sized
from explorer.results.table import Cell
from store.rows import LeakageFact
from store.summaries import ClassFact

Fact = TypeVar("Fact", LeakageFact, ClassFact)
FEW = 200
"""Members or non-members below which a class's number is to be taken with care."""
NAMED = 10
"""Classes told apart from a guess that are named; more are counted."""
GUESSES = {"inference_accuracy": 0.5, "auc": 0.5, "advantage": 0.0, "tpr_at_fpr_0.01": 0.01}
"""What a guess reaches by each metric of classes."""
BEST = "▸"
"""Before the number of a row's best strategy."""
LONGEST_NAME = 16
"""Cells of a class's number and name on a screen at most."""


@dataclass(frozen=True)
class Strategy:
    """An attack on a view."""

    attack: str
    view: str

    @property
    def label(self) -> str:
        """A table's header: `conf A`."""
        return f"{_by_class().get(self.attack, self.attack)} {text.LETTERS.get(self.view, self.view)}"


def _by_class() -> dict[str, str]:
    """Attacks class by class -> what tables call them."""
    return {name: row.by_class for name, row in ATTACKS.items() if row.by_class}


PAPERS = tuple(
    Strategy(f"{attack}-class", view)
    for attack, view in (
        *(("confidence", "benign"), ("model", "benign"), ("confidence", "adversarial"), ("model", "adversarial")),
        *(("model", "targeted"), ("confidence", "certified")),
    )
)
"""The strategies of the paper's Table 7 in its order, then the one on certified bounds."""


@dataclass(frozen=True)
class Reached:
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
    heat: str = ""
    """The tone of its shade."""

    def cell(self, best: bool = False) -> Cell:
        """`▸62.5 ±10.9≈ (70.9)`: the best is bold, what is under another threshold rule steps back.

        The clearer it is above a guess, the deeper its shade.
        """
        tone = "dim" if not self.chosen else " ".join(filter(None, ["bold" * best, self.heat]))
        number, behind, _, _ = marks.share(self.value, self.spread, self.leaks, self.warned)
        paper = "" if self.published is None else f" ({text.percent(self.published)})"
        return Cell(f"{BEST if best else ''}{number}", (*behind, paper), tone)


@dataclass(frozen=True)
class ClassRow:
    """One class, or all of them."""

    label: int | None
    """None: all classes."""
    n_member: int
    n_nonmember: int
    """The fewest that any of the strategies is reported on."""
    reached: Mapping[Strategy, Reached] = field(default_factory=dict)
    natural: float | None = None
    """What the best strategy reaches on natural training."""
    class_name: str | None = None
    """What the data set calls it; None where that is not known."""

    @property
    def name(self) -> str:
        """As tables write it."""
        return called(self.label, self.class_name)

    @property
    def short_name(self) -> str:
        """As a screen writes it, with a star where a side is small."""
        name = self.name + ("*" if self.few else "")
        return name if cell_len(name) <= LONGEST_NAME else sized(name, LONGEST_NAME)

    @property
    def fewest(self) -> int:
        """Examples of the smaller side."""
        return min(self.n_member, self.n_nonmember)

    @property
    def few(self) -> bool:
        """Whether one side is small."""
        return self.fewest < FEW

    @property
    def best(self) -> Strategy:
        """The strategy that reaches most; a held-out number does not compete with those of oracle thresholds."""
        fair = [strategy for strategy, own in self.reached.items() if own.chosen] or self.reached
        return max(fair, key=lambda strategy: self.reached[strategy].value)

    @property
    def value(self) -> float:
        """What the best strategy reaches."""
        return self.reached[self.best].value

    @property
    def published(self) -> float | None:
        """The paper's number for the best strategy."""
        return self.reached[self.best].published

    @property
    def difference(self) -> float | None:
        """How much more the best strategy reaches than the best one does on natural training."""
        return None if self.natural is None else self.value - self.natural


def called(label: int | None, name: str | None) -> str:
    """A class as tables write it: its number, and its name where that says more: `3 cat`."""
    number = "all" if label is None else str(label)
    return number if name in (None, number) else f"{number} {name}"


# Rows


def strategies(facts: Iterable[LeakageFact], rule: str) -> dict[Strategy, str]:
    """Every strategy that some class has a number of -> the threshold rule it is shown under, in order.

    That is the rule asked for, or held-out for strategies such as the inference networks that have no other; the
    paper's strategies come first.
    """
    there_are: dict[Strategy, set[str]] = {}
    for fact in facts:
        if fact.class_label is not None:
            there_are.setdefault(Strategy(fact.attack, fact.view), set()).add(fact.threshold_rule)
    shown = {own: rule if rule in rules else "heldout" for own, rules in there_are.items() if {rule, "heldout"} & rules}
    order = tuple(_by_class())

    def place(own: Strategy) -> tuple:
        papers = PAPERS.index(own) if own in PAPERS else len(PAPERS)
        return papers, text.place(own.attack, order), text.place(own.view, text.VIEWS)

    return {strategy: shown[strategy] for strategy in sorted(shown, key=place)}


def of_run(
    facts: Iterable[LeakageFact],
    rule: str,
    shown: Mapping[Strategy, str],
    published: Iterable[ClassFact] = (),
    natural: Mapping[int | None, float] | None = None,
) -> list[ClassRow]:
    """The classes of one run by number, all classes last.

    facts: of one metric. shown: the strategies, as `strategies` gives them. published: of the same run and metric,
    which also know what classes are called. natural: as `natural_best` gives it.
    """
    published = list(published)
    papers = {_key(fact): fact.published for fact in published}
    names = {fact.class_label: fact.class_name for fact in published}
    own_rule = [fact for fact in facts if shown.get(Strategy(fact.attack, fact.view)) == fact.threshold_rule]

    def reached(fact: LeakageFact) -> Reached:
        half = None if None in (fact.ci_low, fact.ci_high) else (fact.ci_high - fact.ci_low) / 2
        chosen = fact.threshold_rule == rule
        heat = marks.heat(fact.value, GUESSES[fact.metric], half, fact.leaks)
        return Reached(fact.value, half, papers.get(_key(fact)), fact.leaks, chosen, bool(fact.warnings), heat)

    return [
        _class_row(label, own, reached, names.get(label), (natural or {}).get(label))
        for label, own in _by_label(own_rule)
    ]


def over_seeds(facts: Iterable[ClassFact]) -> list[ClassRow]:
    """The classes of one setting by number, all classes last, by the paper's strategies."""
    papers = [fact for fact in facts if Strategy(fact.attack, fact.view) in PAPERS]

    def reached(fact: ClassFact) -> Reached:
        return Reached(fact.mean, fact.std, fact.published, fact.leaks, warned=bool(fact.warnings))

    return [_class_row(label, own, reached, own[0].class_name) for label, own in _by_label(papers)]


def _class_row(
    label: int | None,
    facts: Sequence[Fact],
    reached: Callable[..., Reached],
    name: str | None,
    natural: float | None = None,
) -> ClassRow:
    sizes = (min(fact.n_member for fact in facts), min(fact.n_nonmember for fact in facts))
    return ClassRow(label, *sizes, {Strategy(own.attack, own.view): reached(own) for own in facts}, natural, name)


def _key(fact: LeakageFact | ClassFact) -> tuple:
    return (fact.attack, fact.view, fact.class_label, fact.threshold_rule)


def _by_label(facts: Iterable[Fact]) -> list[tuple[int | None, list[Fact]]]:
    """The facts of each class by number, those of all classes last."""
    by_label = grouped(facts, lambda fact: fact.class_label)
    return sorted(by_label.items(), key=lambda pair: (pair[0] is None, pair[0] or 0))


def natural_best(facts: Iterable[LeakageFact], rule: str, shown: Mapping[Strategy, str]) -> dict[int | None, float]:
    """What the best of the strategies reaches on each class of natural runs, in the mean over these runs."""
    by_run = grouped(facts, lambda fact: fact.run_id)
    rows = [row for own in by_run.values() for row in of_run(own, rule, shown)]
    return {label: fmean(row.value for row in own) for label, own in grouped(rows, lambda row: row.label).items()}


def ordered(table: Iterable[ClassRow], key: Callable[[ClassRow], float | None], reverse: bool) -> list[ClassRow]:
    """All classes first, then the classes by key; those without one come last, ties by number."""
    known = sorted((row for row in table if row.label is not None), key=lambda row: row.label)
    sortable = sorted((row for row in known if key(row) is not None), key=key, reverse=reverse)
    whole = [row for row in table if row.label is None]
    return whole + sortable + [row for row in known if key(row) is None]


# Words


def marked(rows: Sequence[ClassRow]) -> bool:
    """Whether some number is not told apart from a guess."""
    return any(own.leaks is False for row in rows for own in row.reached.values())


def warned(rows: Sequence[ClassRow]) -> bool:
    """Whether a warning speaks of some number."""
    return any(own.warned for row in rows for own in row.reached.values())


def told_apart(rows: Sequence[ClassRow]) -> str:
    """Which classes some strategy tells apart from a guess, since all together may not be; empty where none is."""
    classes = [row for row in rows if row.label is not None]
    found = [row.name for row in classes if any(own.leaks for own in row.reached.values())]
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    count = f"{len(found)} of {len(classes)} classes {'is' if len(found) == 1 else 'are'} told apart from a guess"
    return f"{count}: {', '.join(found[:NAMED])}{more}"
