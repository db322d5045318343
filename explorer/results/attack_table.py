"""What membership inference finds on all classes of a run: its numbers, their order, and the tables of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from engine.registry import ATTACKS
from explorer.results import glossary, marks, text
from explorer.results.grouping import grouped
from explorer.results.table import MISSING, Cell, Column, Table, of
from store.rows import LeakageFact

METRICS = {
    "inference_accuracy": "INF ACC",
    "auc": "AUC",
    "tpr_at_fpr_0.01": "TPR@1%",
    "fpr_used_0.01": "FPR@1%",
    "tpr_at_fpr_0.001": "TPR@0.1%",
    "fpr_used_0.001": "FPR@0.1%",
    "tpr_at_fpr_0.0001": "TPR@0.01%",
    "fpr_used_0.0001": "FPR@0.01%",
    "ppv_0.01": "PPV 1%",
    "ppv_0.1": "PPV 10%",
    "ppv_0.5": "PPV 50%",
    "epsilon": "EPSILON",
    "mu": "MU",
    "null_mean": "LUCK",
    "null_p95": "LUCK 95%",
    "inference_accuracy_std": "SPREAD",
    "advantage": "ADVANTAGE",
    "tpr": "TPR",
    "fpr": "FPR",
    "threshold": "CUT-OFF",
    "references_in": "REFS IN",
    "references_out": "REFS OUT",
    "guesses": "GUESSES",
    "guesses_right": "RIGHT",
}
"""Metrics of an attack in the order of showing; those that are not here follow under their own names."""
UNSHOWN = ("null_mean_smirnov", "null_p95_smirnov")
"""Metrics that stand in exported tables only: luck once more, by a closed form."""
SIDES = ("references_in", "references_out")
"""How many references stand behind an attack's numbers."""
NO_SHARES = ("threshold", "epsilon", "mu", "guesses", "guesses_right", *SIDES)
"""Metrics that are shown as they are, not in percent."""


@dataclass(frozen=True)
class Attack:
    """What one membership-inference attack finds in a view, on all classes."""

    attack: str
    view: str
    facts: Mapping[tuple[str, str], LeakageFact]
    """By threshold rule and metric, in the order of showing; under the rule `none` what no threshold was chosen for."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the run's other attacks."""
        return (self.attack, self.view)

    @property
    def sizes(self) -> str:
        """The most members and non-members that any of its accuracies is reported on."""
        rules = dict.fromkeys(rule for rule, _ in self.facts)
        most = max((self._sized(rule) for rule in rules), key=lambda fact: fact.n_member + fact.n_nonmember)
        return f"{most.n_member}/{most.n_nonmember}"

    def sizes_under(self, rules: Sequence[str]) -> str:
        """Members and non-members that its accuracy under the first of the rules that it has is reported on."""
        fact = self._sized(next(rule for rule in rules if any(own == rule for own, _ in self.facts)))
        return f"{fact.n_member}/{fact.n_nonmember}"

    def _sized(self, rule: str) -> LeakageFact:
        """An AUC of held-out examples is of all splits together, other numbers are of what one split leaves."""
        own = [fact for (of, _), fact in self.facts.items() if of == rule]
        return self.facts.get((rule, "inference_accuracy"), own[0])

    def find(self, metric: str, rules: Sequence[str]) -> LeakageFact | None:
        """A metric under the first of the rules that has it."""
        return next((self.facts[rule, metric] for rule in rules if (rule, metric) in self.facts), None)


@dataclass(frozen=True)
class Statistic:
    """One number of every attack, whatever the rule under which the attack has it."""

    title: str
    """A table's heading."""
    long: str
    """The heading in plain text."""
    words: str
    metric: str
    rules: tuple[str, ...]
    rank: int = 0
    """Of its column."""
    interval: int | None = None
    """Rank of its interval; None: the number stands alone."""

    def of(self, attack: Attack) -> LeakageFact | None:
        """The attack's; None where it has none."""
        return attack.find(self.metric, self.rules)

    @property
    def rate(self) -> Fraction | None:
        """The low FPR at which it is a TPR; None of another number."""
        return Fraction(self.metric.rpartition("_")[2]) if self.metric.startswith("tpr_at_fpr_") else None

    def allowed(self, others: int) -> int:
        """How many non-members of so many may be taken for members at its rate; 0: it is not resolved."""
        return int(self.rate * others)

    def cell(self, attack: Attack | None) -> Cell:
        """The attack's, with its interval and marks."""
        return cell(self.of(attack) if attack else None, self.interval is not None)


# A rule that chooses nothing is flattered by nothing: its accuracy stands beside those of held-out thresholds.
_CHOSEN_ELSEWHERE = ("none", "heldout", "references")
ORACLE = Statistic("ORACLE", "oracle %", "oracle accuracy", "inference_accuracy", ("oracle",), interval=2)
LUCK = Statistic("LUCK 95%", "luck 95 %", "luck, 95 %", "null_p95", ("oracle",), rank=3)
HELD_OUT = Statistic(
    "HELD-OUT", "held-out %", "held-out accuracy", "inference_accuracy", ("heldout", "references", "none"), interval=2
)
AUC = Statistic("AUC", "AUC %", "AUC", "auc", _CHOSEN_ELSEWHERE, interval=3)
LOW_RATES = (
    Statistic("TPR@1%", "", "TPR at 1 % FPR", "tpr_at_fpr_0.01", _CHOSEN_ELSEWHERE),
    Statistic("TPR@0.1%", "", "TPR at 0.1 % FPR", "tpr_at_fpr_0.001", _CHOSEN_ELSEWHERE),
    Statistic("TPR@0.01%", "", "TPR at 0.01 % FPR", "tpr_at_fpr_0.0001", _CHOSEN_ELSEWHERE),
)
EPSILON = Statistic("EPSILON", "", "epsilon at least", "epsilon", ("references", "none"), rank=3)
NUMBERS = (ORACLE, LUCK, HELD_OUT, AUC, *LOW_RATES, EPSILON)
"""What is said of every attack first; the last two only where an attack compares with references."""
WITH_REFERENCES = NUMBERS[-2:]
_VIEW = Column("VIEW", 11, long="view")
_SIZES = Column("MEMBERS/OTHERS", right=True, long="members/others")
_REFERENCES = Column("IN/OUT", right=True, rank=2, long="in/out")
DETAILS = {
    ("oracle",): ("Oracle thresholds", "where they lie, and what luck reaches"),
    ("heldout", "none"): ("Held-out thresholds", "means; spread: standard deviation over splits"),
    ("references",): ("Thresholds of references", "chosen where other models are attacked; refs: models behind them"),
}
"""Threshold rules -> the title over all their other numbers, and words beside it."""


def attacks(facts: Iterable[LeakageFact]) -> list[Attack]:
    """The attacks of one run, without those on single classes; the paper's first."""
    shown = [fact for fact in facts if fact.class_label is None and fact.metric not in UNSHOWN]
    shown.sort(key=lambda fact: (fact.threshold_rule, text.place(fact.metric, tuple(METRICS))))
    return in_order(
        Attack(*key, {(fact.threshold_rule, fact.metric): fact for fact in own})
        for key, own in grouped(shown, lambda fact: (fact.attack, fact.view)).items()
    )


def in_order(attacks: Iterable[Attack]) -> list[Attack]:
    """As the registry has them, each on benign answers before adversarial ones; unknown ones last."""
    return sorted(attacks, key=lambda own: (text.place(own.attack, tuple(ATTACKS)), text.place(own.view, text.VIEWS)))


def cell(fact: LeakageFact | None, interval: bool = False) -> Cell:
    """A number with its interval and marks, `52.3 [49.8, 54.7]≈`: shares in percent, a threshold as it is."""
    if fact is None:
        return Cell(MISSING)
    write = "{:.4g}".format if fact.metric in NO_SHARES else text.percent
    around = f" [{write(fact.ci_low)}, {write(fact.ci_high)}]" if interval and fact.ci_low is not None else ""
    return Cell(write(fact.value), (around, marks.mark(fact.leaks, bool(fact.warnings))))


def table(attacks: Sequence[Attack]) -> Table:
    """A block for each attack, a line for each view."""
    columns: dict[Column | str, list[Any]] = {_VIEW: [attack.view for attack in attacks]}
    compared = any(map(_compares, attacks))
    for number in NUMBERS if compared else (own for own in NUMBERS if own not in WITH_REFERENCES):
        column = Column(number.title, 0, True, rank=number.rank, long=number.long, behind=(number.interval or 0,))
        columns[column] = [number.cell(attack) for attack in attacks]
    columns[_SIZES] = [attack.sizes for attack in attacks]
    if compared:
        columns[_REFERENCES] = ["/".join(_sides(attack)) or MISSING for attack in attacks]
    return of(columns, [(attack.attack, "") for attack in attacks], legend=(legend(attacks),), titles="attack")


def details(attacks: Sequence[Attack], rules: Sequence[str]) -> Table | None:
    """All metrics under some rules besides those said of every attack; None where there are none."""
    said = {number.of(attack) for number in NUMBERS if number is not LUCK for attack in attacks}
    having = {
        attack.key: [metric for (rule, metric), fact in attack.facts.items() if rule in rules and fact not in said]
        for attack in attacks
    }
    attacks = [attack for attack in attacks if having[attack.key]]
    if not attacks:
        return None
    there_are = {metric for metrics in having.values() for metric in metrics}
    columns: dict[Column | str, list[Any]] = {_VIEW: [attack.view for attack in attacks]}
    for metric in sorted(there_are, key=lambda metric: text.place(metric, tuple(METRICS))):
        column = Column(METRICS.get(metric, metric.replace("_", " ").upper()), right=True)
        columns[column] = [cell(attack.find(metric, rules)) for attack in attacks]
    columns[_SIZES] = [Cell(attack.sizes_under(rules), tone="dim") for attack in attacks]
    return of(columns, [(attack.attack, "") for attack in attacks])


def legend(attacks: Sequence[Attack]) -> str:
    """What the words and marks in tables of these attacks mean."""
    facts = [fact for attack in attacks for fact in attack.facts.values()]
    rules = {fact.threshold_rule for fact in facts}
    said = []
    if "oracle" in rules:
        said += [f"oracle: {glossary.ORACLE}", f"luck: what that {glossary.LUCK}"]
    if rules - {"oracle"}:
        said.append("held-out: one chosen on others, or none at all")
    said += [words for shown in LOW_RATES for words in _resolutions(shown, attacks)]
    sides = [own for own in map(_sides, attacks) if own]
    if sides:
        said.append("in/out: references that trained on an image, and others, in the median")
    if any(own[0] == "0" for own in sides):
        said.append("in 0: offline, without references that trained on the images")
    if any(fact.metric == "epsilon" for fact in facts):
        said.append(EPSILON_WORDS)
    if any(fact.leaks is False for fact in facts):
        said.append(f"{marks.NOT_TOLD_APART}: {marks.LIKE_GUESS}")
    if any(fact.warnings for fact in facts):
        said.append(marks.LEGEND)
    return "; ".join([*said, marks.FLOOR])


EPSILON_WORDS = (
    "epsilon: a smaller one is disproved at 95 %, of just this procedure with all of its settings; pooled rates are no "
    "guarantee for any one image"
)
"""What epsilon may be used for."""


def _compares(attack: Attack) -> bool:
    return bool(_sides(attack))


def _sides(attack: Attack) -> list[str]:
    """How many references trained on an image, and how many did not; nothing where there are none."""
    found = (attack.find(metric, ("references",)) for metric in SIDES)
    return [f"{fact.value:g}" for fact in found if fact is not None]


def _resolutions(shown: Statistic, attacks: Iterable[Attack]) -> list[str]:
    """How many false positives a low rate allows where that is not the rate asked for: their number is whole.

    Where attacks have different numbers of others, the count that most have comes first, the rest with their names.
    """
    by_count: dict[int, list[str]] = {}
    for attack in attacks:
        # A rate that the others are too few for is not stored of attacks with references.
        metrics = (shown.metric, "auc") if _compares(attack) else (shown.metric,)
        found = (fact for fact in attack.facts.values() if fact.metric in metrics and fact.n_nonmember)
        for others in {fact.n_nonmember for fact in found}:
            by_count.setdefault(others, []).append(attack.attack)
    if not any(_resolution(shown, others) for others in by_count):
        return []
    names = {others: list(dict.fromkeys(found)) for others, found in by_count.items()}
    if len(set().union(*names.values())) < sum(map(len, names.values())):  # one attack on several runs or views
        few, many = min(by_count), max(by_count)
        return [f"{shown.title}: {shown.allowed(few)} of {few} to {shown.allowed(many)} of {many} others"]
    most, *rest = sorted(by_count, key=lambda others: (-len(by_count[others]), -others))
    said = {shown.title: _resolution(shown, most)}
    said |= {f"{shown.title} of {', '.join(names[others])}": _resolution(shown, others) for others in rest}
    return [f"{of}: {words}" for of, words in said.items() if words]


def _resolution(shown: Statistic, others: int) -> str | None:
    """The same of one number of others; None where they can have the rate asked for."""
    allowed = shown.allowed(others)
    if allowed == shown.rate * others:
        return None
    rate = f"{100 * allowed / others:.2g} %" if allowed else "not resolved"
    return f"{allowed} of {others} others, {rate}"
