"""The orderings that the paper claims and those that populations tell of, and whether they hold among our runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from engine.registry import BENIGN, CERTIFIED, DEFENSES, NATURAL
from explorer.reproduction.settings import JOINT, SINGLE, Setting
from explorer.reproduction.verdicts import natural_beside
from explorer.results import text
from explorer.results.attack_table import AUC, LOW_RATES
from explorer.results.class_rows import PAPERS
from explorer.results.grouping import grouped
from explorer.results.numbers import Number
from store.rows import ViewKey

Pair = tuple[str, Number | None, Number | None, tuple[int, int]]
"""Of what it speaks, the number that should be larger and the other one, None where missing, the steps of both."""
HOLDS, FAILS, UNCLEAR = VERDICTS = ("holds", "does not hold", "not told apart")
TRAINED_ON_EXAMPLES = ("pgd", "distributional", "trades")
STRATEGIES = tuple((own.attack, own.view) for own in PAPERS if own.view != CERTIFIED)
"""The paper's five of Table 7."""


@dataclass(frozen=True)
class Claim:
    """One ordering."""

    words: str
    where: str
    """In the paper, or that it is not."""
    pairs: Callable[[Sequence[Setting]], Iterator[Pair]]


@dataclass(frozen=True)
class Finding:
    """What our runs say of one pair of a claim."""

    claim: Claim
    about: str
    more: Number
    less: Number

    steps: tuple[int, int]
    """For which the two models were trained, which may be one."""

    @property
    def difference(self) -> Number:
        """By how much the one is larger."""
        return self.more.minus(self.less)

    @property
    def verdict(self) -> str:
        """Whether the difference is larger than its interval, and the claim then holds; of models alike in steps."""
        sign = self.difference.sign if len(set(self.steps)) == 1 else 0
        return {1: HOLDS, -1: FAILS, 0: UNCLEAR}[sign]

    @property
    def words(self) -> str:
        """The same, with steps that are not alike."""
        trained = " (trained for {} and {} steps)".format(*self.steps) if len(set(self.steps)) > 1 else ""
        return self.verdict + trained


def findings(settings: Sequence[Setting]) -> list[Finding]:
    """Every claim of which our runs have both sides; of models that have collapsed nothing is claimed."""
    settings = [setting for setting in settings if not setting.collapsed]
    return [
        Finding(claim, about, more, less, steps)
        for claim in CLAIMS
        for about, more, less, steps in claim.pairs(settings)
        if more is not None and less is not None
    ]


def label(setting: Setting) -> str:
    """`pgd 8/255, capacity 2, 48x42`."""
    row = setting.row
    words = [text.trained(row), row.dataset, f"capacity {row.capacity:g}", *([row.size] if row.size else [])]
    words += [row.setting] if row.setting else []
    return ", ".join(words)


def _claimed(setting: Setting) -> bool:
    """Of verifiable models the paper says so on Yale alone: those of its Fashion-MNIST hardly leak."""
    return setting.experiment.defense in TRAINED_ON_EXAMPLES or (
        setting.experiment.defense in _VERIFIABLE and setting.row.dataset == "yale"
    )


def _above_natural(settings: Sequence[Setting]) -> Iterator[Pair]:
    for setting in settings:
        if _claimed(setting) and (natural := natural_beside(setting, settings)):
            yield _between(label(setting), setting, natural, ("adversarial", "oracle"))


def _between(about: str, more: Setting, less: Setting, key: ViewKey) -> Pair:
    """One number of two models."""
    return about, more.number(*key), less.number(*key), (more.steps, less.steps)


def _within(setting: Setting, more: Number | None, less: Number | None) -> Pair:
    """Two numbers of one model."""
    return label(setting), more, less, (setting.steps, setting.steps)


def _columns(
    more: ViewKey, less: ViewKey, defenses: Sequence[str], datasets: Sequence[str] = ()
) -> Callable[[Sequence[Setting]], Iterator[Pair]]:
    def pairs(settings: Sequence[Setting]) -> Iterator[Pair]:
        for setting in settings:
            elsewhere = datasets and setting.row.dataset not in datasets
            if setting.experiment.defense in defenses and not elsewhere:
                yield _within(setting, setting.number(*more), setting.number(*less))

    return pairs


def _grows(by: str, key: ViewKey, defenses: Sequence[str]) -> Callable[[Sequence[Setting]], Iterator[Pair]]:
    def pairs(settings: Sequence[Setting]) -> Iterator[Pair]:
        held = [name for name in ("dataset", "size", "defense", "capacity", "epsilon", "settings") if name != by]
        swept = [setting for setting in settings if setting.experiment.defense in defenses]
        for line in grouped(swept, lambda setting: attrgetter(*held)(setting.row)).values():
            line.sort(key=lambda setting: getattr(setting.row, by))
            if len(line) > 1:
                values = [getattr(end.row, by) for end in (line[-1], line[0])]
                ends = [text.epsilon(value) if by == "epsilon" else f"{value:g}" for value in values]
                about = f"{label(line[0])}: {by} {ends[0]} over {ends[1]}"
                yield _between(about, line[-1], line[0], key)

    return pairs


def _gap(view: str, setting: Setting) -> Number | None:
    ends = [setting.number(view, split) for split in ("train", "test")]
    return None if None in ends else ends[0].minus(ends[1])


def _gaps(settings: Sequence[Setting]) -> Iterator[Pair]:
    for setting in settings:
        if _claimed(setting):
            yield _within(setting, _gap("adversarial", setting), _gap("benign", setting))


def _targeted(settings: Sequence[Setting]) -> Iterator[Pair]:
    for setting in settings:
        *others, strongest = (setting.attack(attack, view, "heldout") for attack, view in STRATEGIES)
        if strongest is not None and setting.experiment.defense != NATURAL:
            rest = [number for number in others if number is not None]
            yield _within(setting, strongest, max(rest, key=lambda number: number.value, default=None))


Answers = tuple[Setting, str, str | None]
"""A population, an attack with references on it, and the view."""


def _strongest(setting: Setting, attack: str) -> Answers:
    """The attack in the view in which it ranks members best."""
    views = setting.views(attack)
    best = max(views, key=lambda view: setting.over_targets(attack, view, AUC).value, default=None)
    return setting, attack, best


def _at_each_rate(more: Answers, less: Answers) -> Iterator[Pair]:
    """AUC and TPR at low FPR of two attacks; none of an attack that was not made."""
    for shown in (AUC, *LOW_RATES):
        ends = [setting.over_targets(attack, view, shown) if view else None for setting, attack, view in (more, less)]
        yield f"{label(more[0])}: {shown.words}", *ends, (more[0].steps, less[0].steps)


def _leaks_more_than_natural(attack: str) -> Callable[[Sequence[Setting]], Iterator[Pair]]:
    def pairs(settings: Sequence[Setting]) -> Iterator[Pair]:
        for setting in settings:
            if natural := natural_beside(setting, settings):
                yield from _at_each_rate(_strongest(setting, attack), _strongest(natural, attack))

    return pairs


def _between_views(more: tuple[str, str], less: tuple[str, str]) -> Callable[[Sequence[Setting]], Iterator[Pair]]:
    """Two attacks, each in a view, on robust models."""

    def pairs(settings: Sequence[Setting]) -> Iterator[Pair]:
        for setting in settings:
            if setting.experiment.defense != NATURAL:
                yield from _at_each_rate((setting, *more), (setting, *less))

    return pairs


def _together(settings: Sequence[Setting]) -> Iterator[Pair]:
    for setting in settings:
        if views := setting.views(JOINT):
            yield from _at_each_rate((setting, JOINT, views[-1]), _strongest(setting, SINGLE[0]))


_VERIFIABLE = tuple(name for name, row in DEFENSES.items() if row.certification)
_ROBUST = (*TRAINED_ON_EXAMPLES, *_VERIFIABLE)
OURS = "not in the paper"
_I_B, _I_A, _I_V = (("benign", "oracle"), ("adversarial", "oracle"), ("certified", "oracle"))
CLAIMS = (
    Claim("I_A is higher than the natural model's", "Tables 2 to 4, 8", _above_natural),
    Claim(
        "I_A is higher than I_B",
        "Tables 2 to 4",
        _columns(_I_A, _I_B, ("pgd", "trades")),
    ),
    Claim("the adversarial generalisation gap is wider than the benign one", "Tables 2 to 4, 8", _gaps),
    Claim(
        "I_A grows with capacity",
        "Figure 3",
        _grows("capacity", _I_A, TRAINED_ON_EXAMPLES),
    ),
    Claim("I_A grows with epsilon", "Table 6", _grows("epsilon", _I_A, TRAINED_ON_EXAMPLES)),
    Claim(
        "networks on targeted answers are the strongest of the five strategies, held out, all classes",
        "Table 7",
        _targeted,
    ),
    Claim("I_V is higher than I_B", "Table 8", _columns(_I_V, _I_B, _VERIFIABLE, ("yale",))),
    Claim("I_V is higher than I_A", "Table 8", _columns(_I_V, _I_A, _VERIFIABLE, ("yale",))),
    Claim("I_V grows with capacity", "Figure 4", _grows("capacity", _I_V, _VERIFIABLE)),
    Claim("I_V grows with epsilon", "Table 10", _grows("epsilon", _I_V, _VERIFIABLE)),
    Claim(
        "benign test accuracy is no lower than the adversarial one",
        "all tables",
        _columns(("benign", "test"), ("adversarial", "test"), _ROBUST),
    ),
    Claim(
        "adversarial test accuracy is no lower than the certified one",
        "Tables 8 to 10",
        _columns(("adversarial", "test"), ("certified", "test"), _VERIFIABLE),
    ),
    *(
        Claim(f"a robust model leaks more than the natural one, by {attack}", OURS, _leaks_more_than_natural(attack))
        for attack in (*SINGLE, JOINT)
    ),
    *(
        Claim(
            f"{view} answers leak more than benign ones, by {attack}",
            OURS,
            _between_views((attack, view), (attack, BENIGN)),
        )
        for view in ("adversarial", CERTIFIED)
        for attack in SINGLE
    ),
    Claim(f"all views together leak more than the best one, by {JOINT} and {SINGLE[0]}", OURS, _together),
    Claim(
        f"certified answers add to the others, by {JOINT}",
        OURS,
        _between_views((JOINT, CERTIFIED), (JOINT, "adversarial")),
    ),
)
"""The paper's, then ours of populations: at each rate, over models as targets, a robust model in its strongest view."""
