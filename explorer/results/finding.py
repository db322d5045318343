"""The finding: how much more robust models leak than natural ones beside them, in words and as a table.

A model leaks what the attack that finds most in it finds, in whatever view: a robust one and its natural twin alike.
Attacks with references go before a threshold, which sees little. Of all differences the one is told whose interval
keeps farthest from none, with how many there are.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.registry import ATTACKS, HEADLINE
from explorer.results import marks, text
from explorer.results.natural_twin import naturals
from explorer.results.numbers import EXAMPLES, SEEDS, Number
from explorer.results.settings_apart import SETTING, by_setting
from explorer.results.table import Cell, Column, Table, of
from store.rows import Run
from store.summaries import FEWEST_SEEDS, SeedsFact, collapsed, in_most_seeds

QUERY = "by_seed"
"""The store's query whose rows are read."""
WIDTH = 80
"""Cells of a line on the smallest of usual screens."""


@dataclass(frozen=True)
class LeakageMeasure:
    """A number by which models are held against each other."""

    metric: str
    rule: str
    attacks: tuple[str, ...]
    words: str
    short: str
    guess: float
    fewest_others: int = 0
    """Non-members below which it is not resolved."""

    def is_of(self, row: SeedsFact) -> bool:
        """Whether a row has this number."""
        named = (row.metric, row.threshold_rule) == (self.metric, self.rule) and row.attack in self.attacks
        return named and row.n_nonmember >= self.fewest_others


_COMPARING = tuple(name for name, row in ATTACKS.items() if row.references and not row.coins)
MEASURES = (
    LeakageMeasure("tpr_at_fpr_0.01", "none", _COMPARING, "TPR at 1 % FPR", "TPR@1%", 0.01, 100),
    LeakageMeasure(
        "inference_accuracy", "oracle", (HEADLINE,), "inference accuracy with the oracle threshold", "oracle", 0.5
    ),
)
"""The first of which there are differences is told."""
ASKED = {
    "metric": [each.metric for each in MEASURES],
    "attack": [name for each in MEASURES for name in each.attacks],
    "threshold_rule": [each.rule for each in MEASURES],
}
"""Filters of the query."""


@dataclass(frozen=True)
class Excess:
    """By how much one setting leaks more than its natural twin, or than a guess."""

    measure: LeakageMeasure
    own: SeedsFact
    """What finds most in it."""
    twin: SeedsFact | None
    """The same of its natural twin; None where it is held against a guess."""

    @property
    def difference(self) -> Number:
        """As a share; over the targets that both have where there are enough, else over what each number's is over."""
        if self.twin is None:
            return _number(self.own).minus(Number(*[self.measure.guess] * 3))
        drawn = self.measure.attacks != (HEADLINE,) and len(self.shared) >= FEWEST_SEEDS
        return _number(self.own, drawn).minus(_number(self.twin, drawn))

    @property
    def shared(self) -> list[int]:
        """Seeds that both have."""
        return sorted(self.own.by_seed.keys() & self.twin.by_seed.keys()) if self.twin else []

    @property
    def alike_in_steps(self) -> bool:
        """Whether both were trained for as long."""
        return self.twin is None or self.twin.steps == self.own.steps

    @property
    def sign(self) -> int:
        """1 or -1 where it is told apart from none, else 0; of models that are not alike in steps 0."""
        if self.twin is None and (leaks := in_most_seeds(self.own.n_leaking, self.own.n_seeds)) is not None:
            return int(leaks)
        return self.difference.sign if self.alike_in_steps else 0

    @property
    def clearness(self) -> tuple[bool, float, float]:
        """What the clearest has most of: steps alike, room between its interval and none, size."""
        apart = self.difference
        room = max(apart.low, -apart.high) if apart.low is not None else -1.0
        return self.alike_in_steps, room, abs(apart.value)

    @property
    def mark(self) -> str:
        """Behind the difference."""
        warned = bool(self.own.warnings or (self.twin and self.twin.warnings))
        return marks.mark(self.sign != 0, warned)

    @property
    def over(self) -> str:
        """What the interval of the difference is over."""
        if self.difference.over == SEEDS:
            return f"over {len(self.shared)} targets, seed by seed"
        rows = [row for row in (self.own, self.twin) if row]
        kinds = {row.ci_over for row in rows}
        if None in kinds or self.difference.low is None:
            return "no interval: too few seeds"
        images = f"{min(row.n_member for row in rows)} members and {min(row.n_nonmember for row in rows)} others"
        parts = ([images] if EXAMPLES in kinds else []) + ([_seeds(rows)] if SEEDS in kinds else [])
        return f"over {' and '.join(parts)}" + (f", mean of {_seeds(rows)}" if kinds == {EXAMPLES} else "")


def _seeds(rows: Sequence[SeedsFact]) -> str:
    counts = " and ".join(dict.fromkeys(str(row.n_seeds) for row in rows))
    return f"{counts} seed{'s' * (counts != '1')}"


def _number(row: SeedsFact, by_target: bool = False) -> Number:
    targets = tuple(sorted(row.by_seed.items())) if by_target else ()
    return Number(row.mean, row.ci_low, row.ci_high, row.ci_over or "", targets)


@dataclass(frozen=True)
class LeakageFinding:
    """The clearest difference, and all that it was chosen from, the clearest first."""

    every: tuple[Excess, ...]

    @property
    def chosen(self) -> Excess:
        """The one that is told."""
        return self.every[0]

    def line(self, width: int = WIDTH) -> str:
        """In one line of at most so many cells where that is possible; the more room, the more it says."""
        forms = self._forms()
        return next((form for form in forms if cell_len(form) <= width), forms[-1])

    def _forms(self) -> list[str]:
        one, (size, word, ends) = self.chosen, _sized(self.chosen)
        row, than = one.own, "natural" if one.twin else "a guess"
        who, brief = text.trained(row, " eps "), text.trained(row)
        at, more = f"{row.capacity:g}", self._elsewhere(row)
        interval = f"95 % {ends[0]} to {ends[1]}" if ends else "no interval"
        count = len(self.every)
        among = f", clearest of {count}" if count > 1 and one.sign else ""
        none_is = f"none of {count} told apart; " if count > 1 and not one.sign else ""
        measure, by = one.measure, f"best attack {row.attack}"
        long = f"{who} leaks {size} points {word} than {than} at capacity {at}{more} ({interval}): "
        name = measure.short if row.attack == HEADLINE else f"{measure.short} {row.attack}"
        brackets = f" [{ends[0]}, {ends[1]}]" if ends else ""
        beside = "over" if word == "more" else "under"
        forms = [
            f"{long}{measure.words}, {by} on {row.view} answers{among}",
            f"{long}{measure.words}, {by}{among}",
            f"{long}{name}{among}",
            f"{brief} leaks {size} points{brackets} {word} than {than}, c{at}{more}: {name}{among}",
            f"{brief} leaks {size}{brackets} {word} than {than}, c{at}{more}: {measure.short}{among}",
            f"{brief} c{at}{more.replace(',', '')}: {size}{brackets} {beside} {than}, {measure.short}{among}",
            f"{brief} leaks {size}{brackets} {word} than {than}: {measure.short}{among}",
            f"{brief}: {size}{brackets} {word}, {measure.short}{among}",
        ]
        return [none_is + form for form in forms]

    def _elsewhere(self, row: SeedsFact) -> str:
        """What else tells the setting from the others that there are."""
        rows = [each.own for each in self.every]
        words = [row.dataset] if len({own.dataset for own in rows}) > 1 else []
        sizes = {own.size for own in rows if own.dataset == row.dataset}
        words += [text.image_size(row.size)] if len(sizes) > 1 else []
        return "".join(f", {word}" for word in [*words, *filter(None, [_departures(row)])])

    def sentences(self) -> list[str]:
        """Everything that one has to know to believe it, for a lab book."""
        one, (size, word, ends) = self.chosen, _sized(self.chosen)
        row, twin, measure = one.own, one.twin, one.measure
        than = "natural training" if twin else "a guess"
        interval = f"95 % {ends[0]} to {ends[1]}, {one.over}" if ends else one.over
        told = "" if one.sign else f"; {marks.NOT_TOLD_APART}: not told apart from none"
        trained = text.trained(row, " with epsilon ")
        yields = [f"{_leak(row)} of {row.defense} models", *([f"{_leak(twin)} of natural ones"] if twin else [])]
        said = [
            f"At capacity {row.capacity:g}{self._elsewhere(row)}, {trained} leaks {size} percentage points {word} than "
            f"{than} ({interval}){told}.",
            f"The number is {measure.words}: {' against '.join(yields)}; "
            f"a guess finds {text.percent(measure.guess)} %. Of each model it is the attack and view that find most.",
            f"Data set {row.dataset}, network {row.network}, {_targets(one)}, "
            f"attacked with epsilon {text.epsilon(row.evaluation_epsilon)}.",
        ]
        if not one.alike_in_steps:
            said.append(f"Mind that one was trained for {row.steps} steps and the other for {twin.steps}.")
        return [*said, *self._among(), f"{marks.FLOOR[0].upper()}{marks.FLOOR[1:]}."]

    def _among(self) -> list[str]:
        if len(self.every) < 2:
            return []
        signs = [each.sign for each in self.every]
        counts = f"{signs.count(1)} for more, {signs.count(-1)} for less, {signs.count(0)} not told apart from none"
        return [f"It is the clearest of {len(signs)} differences: {counts} (by luck 1 in 20 would be told apart)."]

    def table(self) -> Table:
        """The differences, the clearest first."""
        rows = [each.own for each in self.every]
        told = {
            "dataset": [row.dataset for row in rows],
            "size": [text.image_size(row.size) for row in rows],
            "setting": [_departures(row) or None for row in rows],
        }
        columns: dict[Column | str, list] = {
            "defense": [row.defense for row in rows],
            "eps": [text.epsilon(row.epsilon) if row.epsilon else None for row in rows],
            "capacity": [f"{row.capacity:g}" for row in rows],
            **{name: words for name, words in told.items() if len(set(words)) > 1},
            "seeds": [row.n_seeds for row in rows],
            Column("test %", right=True): [text.percent(row.accuracies.get(("benign", "test"))) for row in rows],
            Column("leaks %", right=True): [_cell(row) for row in rows],
            "by": [_by(row) for row in rows],
        }
        if self.chosen.twin:
            columns |= {
                Column("natural %", right=True): [_cell(each.twin) for each in self.every],
                "natural by": [_by(each.twin) for each in self.every],
            }
        columns[Column("points more", right=True)] = [_difference(each) for each in self.every]
        said = [
            f"leaks: {self.chosen.measure.words} by the attack and view that find most, in percent, with its 95 % "
            f"interval; a guess is {text.percent(self.chosen.measure.guess)}",
            f"{marks.NOT_TOLD_APART}: not told apart from none, or of models trained for unlike numbers of steps",
            marks.FLOOR,
        ]
        both = [row for each in self.every for row in (each.own, each.twin) if row]
        said += [marks.LEGEND] if any(row.warnings for row in both) else []
        return of(columns, legend=("; ".join(said),), messages=marks.messages(both)).filled()


def finding(rows: Iterable[SeedsFact], among: Iterable[SeedsFact] | None = None) -> LeakageFinding | None:
    """What the rows of `QUERY`, asked with `ASKED`, tell; None where nothing has been audited.

    among: rows in which natural twins are looked up, the same unless they are given. Robust models without a twin that
    was attacked with the same epsilon, by the same attack, are left out, and so are models that have collapsed. Where
    none is left, models are held against a guess.
    """
    rows = [row for row in rows if not collapsed(row.accuracies)]
    others = rows if among is None else [row for row in among if not collapsed(row.accuracies)]
    for against_guess in (False, True):
        for measure in MEASURES:
            own, natural = (_of_settings(measure, these) for these in (rows, others))
            every = [_beside(measure, facts, natural) for facts in own]
            if against_guess:
                every = [Excess(measure, _strongest(facts), None) for facts in own]
            if every := [each for each in every if each]:
                return LeakageFinding(tuple(sorted(every, key=lambda each: each.clearness, reverse=True)))
    return None


def why_none(rows: Collection[SeedsFact]) -> str:
    """Why rows that there are say nothing."""
    if all(collapsed(row.accuracies) for row in rows):
        return "all models have collapsed: they give every image one class"
    return "no attack to compare models by has ended"


def is_of_setting(run: Run, row: SeedsFact, seed: int) -> bool:
    """Whether a run is that seed of the setting, as far as its columns say."""
    names = [name for name in SETTING if name != "settings"]
    return run.seed == seed and all(getattr(run, name) == getattr(row, name) for name in names)


def _of_settings(measure: LeakageMeasure, rows: Iterable[SeedsFact]) -> list[list[SeedsFact]]:
    return by_setting(row for row in rows if measure.is_of(row))


def _beside(measure: LeakageMeasure, facts: Sequence[SeedsFact], others: Sequence[list[SeedsFact]]) -> Excess | None:
    """A robust setting and its natural twin, by attacks that both have; None without one."""
    own = facts[0]
    alike = {id(other[0]): other for other in others if other[0].evaluation_epsilon == own.evaluation_epsilon}
    twins = naturals(own, [other[0] for other in alike.values()])
    if not twins:
        return None
    beside = alike[id(max(twins, key=lambda twin: twin.n_seeds))]
    both = {row.attack for row in facts} & {row.attack for row in beside}
    if not both:
        return None
    return Excess(measure, *(_strongest([row for row in side if row.attack in both]) for side in (facts, beside)))


def _strongest(facts: Sequence[SeedsFact]) -> SeedsFact:
    return max(facts, key=lambda row: row.mean)


# Words


def _sized(one: Excess) -> tuple[str, str, tuple[str, str] | None]:
    """The size of a difference with its mark, `more` or `less`, and the ends of its interval, in points."""
    apart = one.difference
    less = apart.value < 0
    ends = None if apart.low is None else [100 * end for end in (apart.low, apart.high)]
    if ends and less:
        ends = [-end for end in reversed(ends)]
    shown = ends and tuple(f"{round(end, 1) + 0.0:.1f}" for end in ends)
    return f"{abs(100 * apart.value):.1f}{one.mark}", "less" if less else "more", shown


def _leak(row: SeedsFact) -> str:
    return f"{_cell(row)} % by {_by(row)}"


def _cell(row: SeedsFact) -> str:
    if row.ci_low is None:
        return text.percent(row.mean)
    return f"{text.percent(row.mean)} [{text.percent(max(0.0, row.ci_low))}, {text.percent(min(1.0, row.ci_high))}]"


def _by(row: SeedsFact) -> str:
    return f"{row.attack} ({row.view})"


def _difference(one: Excess) -> Cell:
    apart = one.difference
    known = [end for end in (apart.value, apart.low, apart.high) if end is not None]
    size, *ends = (f"{round(100 * end, 1) + 0.0:+.1f}" for end in known)
    return Cell(size, (f" [{', '.join(ends)}]" if ends else "", one.mark))


def _targets(one: Excess) -> str:
    what = "target" if one.measure.attacks != (HEADLINE,) else "seed"
    rows = {row.defense: row.n_seeds for row in (one.own, one.twin) if row}
    return ", ".join(f"{n} {what}{'s' * (n != 1)} of {name}" for name, n in rows.items())


def _departures(row: SeedsFact) -> str:
    """How a setting departs from its recipe, without how members were drawn, which twins share."""
    words = row.setting.split(", ") if row.setting else []
    return ", ".join(word for word in words if not word.startswith("members "))
