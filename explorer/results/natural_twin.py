"""The natural model that a robust one is held against; the one place where it is looked up."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from engine.registry import NATURAL
from store.rows import Run
from store.summaries import SeedsFact

Model = TypeVar("Model", Run, SeedsFact)
SAME = ("dataset", "network", "size", "train_fraction", "capacity")
"""Columns in which a natural twin is like its robust run: the images and the network."""
_STEPS = re.compile(r"steps ")
"""Words about the steps, which are compared as numbers: what is a whole recipe to one defense departs from another."""
_MEMBERS = re.compile(r"members ")
"""Words about how members were drawn, which twins share."""


def naturals(run: Model, runs: Iterable[Model]) -> list[Model]:
    """The natural runs, or settings, of a run's images and network that were treated as it was; none for a natural one.

    Their members were drawn alike, and they depart from their recipe in nothing that the run does not. Of several kinds
    those stay that were attacked with the run's epsilon, then those that share most of its departures (a temperature),
    then those whose steps are nearest.
    """
    if run.defense == NATURAL:
        return []
    own = _departures(run)
    drawn = {word for word in own if _MEMBERS.match(word)}
    found = [
        other
        for other in runs
        if other.defense == NATURAL
        and all(getattr(other, name) == getattr(run, name) for name in SAME)
        and drawn <= _departures(other) <= own
    ]
    likeness = [_likeness(run, other) for other in found]
    best = max(likeness, default=None)
    return [other for other, own in zip(found, likeness, strict=True) if own == best]


def natural_twin(run: Run, runs: Sequence[Run]) -> Run | None:
    """One of them: a finished one if there is, if may be with the run's own seed, else the one asked for last."""
    finished = [other for other in runs if other.state == "done"]
    twins = naturals(run, finished) or naturals(run, runs)
    return max(twins, key=lambda other: (other.seed == run.seed, other.submission), default=None)


def pinned(runs: Sequence[Run], among: Sequence[Run]) -> list[Run]:
    """Runs to compare, first what they are held against: a natural one of them, else the first's twin that has one."""
    own = next((run for run in runs if run.defense == NATURAL), None)
    own = own or next((twin for run in runs if (twin := natural_twin(run, among))), None)
    return [*([own] if own else []), *(run for run in runs if run is not own)]


def _departures(run: Model) -> set[str]:
    words = run.setting.split(", ") if run.setting else []
    return {word for word in words if not _STEPS.match(word)}


def _likeness(run: Model, other: Model) -> tuple[bool, int, float]:
    same_attack = other.evaluation_epsilon == run.evaluation_epsilon
    steps = sorted((run.steps, other.steps))
    return same_attack, len(_departures(other)), steps[0] / max(steps[1], 1)
