"""Flags of many classes: of 38 that leak nothing luck tells one from a guess, if each may be wrong 2.5 times of 100."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from engine.inference.facts import Fact, Tested
from engine.inference.intervals import ONE_SIDED


def corrected(tested: Iterable[Tested]) -> Iterator[Fact]:
    """The facts of one attack on one view in their order; classes leak only where their family allows it too.

    A family are the classes of one threshold rule and metric. Whatever number of them leaks, one that does not is
    flagged at most 2.5 times of 100. Intervals stay each class's own; rows of all classes together keep their flag.
    """
    tested = list(tested)
    stands = [True] * len(tested)
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, fact in enumerate(tested):
        if fact.class_label is not None and fact.chance is not None:
            families[fact.threshold_rule, fact.metric].append(place)
    for family in families.values():
        for place, stays in zip(family, holm([tested[place].chance for place in family]), strict=True):
            stands[place] = stays
    for fact, stays in zip(tested, stands, strict=True):
        yield fact.told(fact.leaks and stays)


def holm(chances: Sequence[float]) -> list[bool]:
    """Which of several findings stand (Holm 1979): the rarest against all, the next against those that are left."""
    stand = [False] * len(chances)
    for place, index in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        if chances[index] > ONE_SIDED / (len(chances) - place):
            break
        stand[index] = True
    return stand
