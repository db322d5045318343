"""What membership inference finds on all classes of a run: its numbers, their order, and their marks. No Textual."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from engine.spec.experiment import INFERENCE_ATTACKS
from engine.spec.recipes import ALL_VIEWS
from explorer.results import marks, text
from explorer.results.table import MISSING

Row = Mapping[str, Any]

METRICS = {
    "inference_accuracy": "INF ACC",
    "auc": "AUC",
    "tpr_at_fpr_0.01": "TPR@1%",
    "fpr_used_0.01": "FPR@1%",
    "tpr_at_fpr_0.001": "TPR@0.1%",
    "fpr_used_0.001": "FPR@0.1%",
    "null_mean": "LUCK",
    "null_p95": "LUCK 95%",
    "inference_accuracy_std": "SPREAD",
    "advantage": "ADVANTAGE",
    "tpr": "TPR",
    "fpr": "FPR",
    "threshold": "CUT-OFF",
}
"""Metrics of an attack in the order of showing; those that are not here follow under their own names."""
UNSHOWN = ("null_mean_smirnov", "null_p95_smirnov")
"""Metrics that stand in exported tables only: luck once more, by a closed form."""
NO_SHARES = ("threshold",)
"""Metrics that are shown as they are, not in percent."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, which may be missing."""

    value: float
    low: float | None = None
    high: float | None = None
    leaks: bool | None = None
    """Whether it is told apart from what a guess reaches; None where that means nothing."""
    warned: bool = False
    """Whether a warning of the run speaks of it."""
    others: int | None = None
    """Non-members that it is reported on."""


@dataclass(frozen=True)
class Finding:
    """What an attack finds with one way to choose its threshold."""

    metrics: Mapping[str, Estimate]
    n_member: int
    n_nonmember: int

    @property
    def sizes(self) -> str:
        """Members and non-members that its accuracy is reported on."""
        return f"{self.n_member}/{self.n_nonmember}"


@dataclass(frozen=True)
class Attack:
    """What one membership-inference attack finds in a view, on all classes."""

    attack: str
    view: str
    rules: Mapping[str, Finding]
    """By threshold rule; under `none` stands what no threshold was chosen for."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the run's other attacks."""
        return (self.attack, self.view)

    @property
    def sizes(self) -> str:
        """The most members and non-members that any of its accuracies is reported on."""
        return max(self.rules.values(), key=lambda finding: finding.n_member + finding.n_nonmember).sizes

    def find(self, metric: str, rules: Sequence[str]) -> Estimate | None:
        """A metric under the first of the rules that has it."""
        found = (self.rules[rule].metrics.get(metric) for rule in rules if rule in self.rules)
        return next((estimate for estimate in found if estimate is not None), None)


@dataclass(frozen=True)
class Number:
    """One number of every attack, whatever the rule under which the attack has it."""

    title: str
    """A table's header."""
    words: str
    """The same in words."""
    metric: str
    rules: tuple[str, ...]

    def of(self, attack: Attack) -> Estimate | None:
        """The attack's; None where it has none."""
        return attack.find(self.metric, self.rules)


# A rule that chooses nothing is flattered by nothing: its accuracy stands beside those of held-out thresholds.
ORACLE = Number("ORACLE", "oracle accuracy", "inference_accuracy", ("oracle",))
HELD_OUT = Number("HELD-OUT", "held-out accuracy", "inference_accuracy", ("heldout", "none"))
AUC = Number("AUC", "AUC", "auc", ("none", "heldout"))
LOW_RATES = (
    Number("TPR@1%", "TPR at 1 % FPR", "tpr_at_fpr_0.01", ("none", "heldout")),
    Number("TPR@0.1%", "TPR at 0.1 % FPR", "tpr_at_fpr_0.001", ("none", "heldout")),
)
LUCK = Number("LUCK 95%", "luck, 95 %", "null_p95", ("oracle",))
NUMBERS = (ORACLE, LUCK, HELD_OUT, AUC, *LOW_RATES)
"""What is said of every attack first."""
PLAIN = {"oracle %": ORACLE, "luck 95 %": LUCK, "held-out %": HELD_OUT, "AUC %": AUC} | {
    shown.title: shown for shown in LOW_RATES
}
"""Columns of the table in plain text."""
LINE = 100
"""Cells of a line of words below it."""


def attacks(rows: Iterable[Row]) -> list[Attack]:
    """The attacks in rows of the `leakage` query, without those on single classes; the paper's first."""
    grouped: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        if row["class_label"] is None and row["metric"] not in UNSHOWN:
            of_attack = grouped.setdefault((row["attack"], row["view"]), {})
            of_attack.setdefault(row["threshold_rule"], []).append(row)
    return in_order(
        Attack(*key, {rule: _finding(facts) for rule, facts in sorted(found.items())}) for key, found in grouped.items()
    )


def in_order(attacks: Iterable[Attack]) -> list[Attack]:
    """The paper's first, each on benign answers before adversarial ones."""
    return sorted(attacks, key=lambda each: (_place(each.attack, INFERENCE_ATTACKS), _place(each.view, ALL_VIEWS)))


def _finding(rows: Sequence[Row]) -> Finding:
    facts = {
        row["metric"]: Estimate(
            *(row["value"], row["ci_low"], row["ci_high"], row.get("leaks")), marks.is_warned(row), row["n_nonmember"]
        )
        for row in rows
    }
    ordered = {metric: facts[metric] for metric in sorted(facts, key=lambda metric: _place(metric, tuple(METRICS)))}
    # An AUC of held-out examples is of all splits together; the other numbers are of what one split leaves.
    sized = next((row for row in rows if row["metric"] == "inference_accuracy"), rows[0])
    return Finding(ordered, sized["n_member"], sized["n_nonmember"])


def _place(name: str, order: Sequence[str]) -> tuple[int, str]:
    """What names are sorted by: those that are not in the order come last, by themselves."""
    return (order.index(name), "") if name in order else (len(order), name)


def number(metric: str, estimate: Estimate | None) -> str:
    """One number with its mark, `52.3≈`: shares in percent, a threshold as it is, a dash for none."""
    return (
        MISSING if estimate is None else _written(metric, estimate.value) + marks.mark(estimate.leaks, estimate.warned)
    )


def with_interval(metric: str, estimate: Estimate | None) -> str:
    """`52.3 [49.8, 54.7]≈`, or the number alone where no interval is known."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return number(metric, estimate)
    low, high = _written(metric, estimate.low), _written(metric, estimate.high)
    return f"{_written(metric, estimate.value)} [{low}, {high}]{marks.mark(estimate.leaks, estimate.warned)}"


def _written(metric: str, value: float) -> str:
    return f"{value:.4g}" if metric in NO_SHARES else text.percent(value)


def table(rows: Iterable[Row]) -> str:
    """Plain text with one line for each attack on a view; rows of the `leakage` query or of an audit."""
    found = attacks(rows)
    columns = {"attack": [attack.attack for attack in found], "view": [attack.view for attack in found]}
    for title, shown in PLAIN.items():
        write = with_interval if shown in (ORACLE, HELD_OUT) else number
        columns[title] = marks.even([write(shown.metric, shown.of(attack)) for attack in found])
    columns["members/others"] = [attack.sizes for attack in found]
    lines = text.table(list(columns), list(zip(*columns.values(), strict=True)))
    return "\n".join([lines, "", *textwrap.wrap(legend(found), LINE)])


def legend(attacks: Sequence[Attack]) -> str:
    """What the words and marks in tables of these attacks mean."""
    rules = {rule for attack in attacks for rule in attack.rules}
    said = []
    if "oracle" in rules:
        said.append("oracle: the best threshold for the very examples it is reported on")
        said.append("luck: what that reaches with membership drawn by lot, mean and 95 %")
    if rules - {"oracle"}:
        said.append("held-out: one chosen on others, or none at all")
    said += [words for shown in LOW_RATES for words in _resolutions(shown, attacks)]
    estimates = [
        estimate for attack in attacks for finding in attack.rules.values() for estimate in finding.metrics.values()
    ]
    if any(estimate.leaks is False for estimate in estimates):
        said.append(f"{marks.NOT_TOLD_APART}: {marks.LIKE_GUESS}")
    if any(estimate.warned for estimate in estimates):
        said.append(marks.LEGEND)
    return "; ".join([*said, marks.FLOOR])


def _resolutions(shown: Number, attacks: Iterable[Attack]) -> list[str]:
    """How many false positives a low rate allows where that is not the rate asked for: their number is whole.

    Where attacks have different numbers of others, the count that most have comes first, the rest with their names.
    """
    by_count: dict[int, list[str]] = {}
    for attack in attacks:
        found = (finding.metrics.get(shown.metric) for finding in attack.rules.values())
        for others in {estimate.others for estimate in found if estimate and estimate.others}:
            by_count.setdefault(others, []).append(attack.attack)
    if not any(_resolution(shown, others) for others in by_count):
        return []
    names = {others: list(dict.fromkeys(found)) for others, found in by_count.items()}
    if len(set().union(*names.values())) < sum(map(len, names.values())):  # one attack on several runs or views
        few, many = min(by_count), max(by_count)
        return [f"{shown.title}: {_allowed(shown, few)} of {few} to {_allowed(shown, many)} of {many} others"]
    most, *rest = sorted(by_count, key=lambda others: (-len(by_count[others]), -others))
    said = {shown.title: _resolution(shown, most)}
    said |= {f"{shown.title} of {', '.join(names[others])}": _resolution(shown, others) for others in rest}
    return [f"{of}: {words}" for of, words in said.items() if words]


def _resolution(shown: Number, others: int) -> str | None:
    """The same of one number of others; None where they can have the rate asked for."""
    allowed = _allowed(shown, others)
    if allowed == _rate(shown) * others:
        return None
    rate = f"{100 * allowed / others:.2g} %" if allowed else "not resolved"
    return f"{allowed} of {others} others, {rate}"


def _allowed(shown: Number, others: int) -> int:
    """How many of the others may be taken for members at a low rate."""
    return int(_rate(shown) * others)


def _rate(shown: Number) -> Fraction:
    return Fraction(shown.metric.rpartition("_")[2])
