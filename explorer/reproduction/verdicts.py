"""What may be said of one of our numbers beside the paper's."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from explorer.reproduction.settings import Setting
from explorer.results.natural_twin import naturals
from explorer.results.numbers import Number
from explorer.results.views_table import ACCURACIES, INFERENCE
from store.rows import ViewKey

NUMBERS = (*ACCURACIES, *INFERENCE["oracle"])
"""The numbers that the paper's Tables 2 to 4 and 8 to 10 print."""
TOLERANCE = 0.02
"""A number of the paper's own setting is reproduced within this much, or within our interval."""
REPRODUCED, DIRECTION, DIFFERS, UNCLEAR, ELSEWHERE, UNPRINTED = (
    *("reproduced", "same direction", "differs", "not told apart", "another setting", "not printed"),
)
MEANING = {
    REPRODUCED: f"the authors' data, network, training and attack, and the paper's number within our 95 % interval or "
    f"{TOLERANCE:g} of ours",
    DIRECTION: "our difference to the natural model beside it, trained for as many steps, is larger than its interval "
    "and has the paper's sign; that is all that a quick recipe, a smaller network or smaller images can show, for "
    "their numbers agree or not by luck",
    DIFFERS: "the authors' setting and another number, or such a difference of the other sign",
    UNCLEAR: "the interval of the difference holds 0, or the natural model was trained for another number of steps",
    ELSEWHERE: "not the authors' setting, and no natural model to compare with",
    UNPRINTED: "the paper prints no such number",
}
"""What each verdict says, and the order in which they are told."""


@dataclass(frozen=True)
class Compared:
    """One number of a setting beside the paper's."""

    setting: Setting
    key: ViewKey
    ours: Number
    published: float | None
    natural: Setting | None
    """The natural model beside it."""
    verdict: str


def compare(settings: Iterable[Setting]) -> Iterator[Compared]:
    """Every number that a setting has."""
    every = list(settings)
    for setting in every:
        natural = natural_beside(setting, every)
        for key in NUMBERS:
            ours = setting.number(*key)
            if ours is not None:
                published = setting.row.papers.get(key)
                said = verdict(setting, key, ours, published, natural)
                yield Compared(setting, key, ours, published, natural, said)


def natural_beside(setting: Setting, every: Iterable[Setting]) -> Setting | None:
    """Its natural twin of the very same images, attacked with the same epsilon."""
    attacked = setting.experiment.evaluation.epsilon
    beside = {
        other.runs[0].run_id: other
        for other in every
        if other.experiment.data.identity() == setting.experiment.data.identity()
        and other.experiment.evaluation.epsilon == attacked
    }
    twins = naturals(setting.runs[0], [other.runs[0] for other in beside.values()])
    return beside[twins[0].run_id] if twins else None


def verdict(setting: Setting, key: ViewKey, ours: Number, published: float | None, natural: Setting | None) -> str:
    """What is said of one number; see MEANING."""
    if published is None:
        return UNPRINTED
    papers = setting.papers(key)
    within = ours.low is not None and ours.low <= published <= ours.high
    if papers and (within or abs(ours.value - published) <= TOLERANCE):
        return REPRODUCED
    before = natural.number(*key) if natural else None
    printed = natural.row.papers.get(key) if natural else None
    if before is None or printed is None:
        return DIFFERS if papers else ELSEWHERE
    sign = ours.minus(before).sign if setting.steps == natural.steps else 0
    if sign * (published - printed) > 0:
        return DIRECTION
    return DIFFERS if papers or sign * (published - printed) < 0 else UNCLEAR
