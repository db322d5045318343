"""From rows over seeds to curves: what the points of one curve share, where they stand, and how a curve looks.

Charts and the figures for papers draw the same curves. The seeds have been put together by the store.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from engine.registry import NATURAL
from explorer.charts import setting_axis
from explorer.charts.chart import Series
from explorer.results import text
from store.rows import Run
from store.summaries import CurvePoint

Key = tuple[str, str, float, str, float]
"""(dataset, network, train_fraction, defense, epsilon): what has a mark and a colour of its own."""
Look = tuple[int, str]
"""A mark and a tone."""

NATURAL_LOOK, SHAPES = (2, "dim"), (0, 1, 3, 4, 5, 6, 7)
"""Indices into the marks: natural training has one of its own."""
TONES = 8
USUAL = "as the recipe"
"""What the setting of runs is called that do not depart from their recipe."""


class Curve(NamedTuple):
    """What all points of one curve have in common; empty is what differs along it."""

    key: Key
    size: str
    """`HEIGHTxWIDTH`; empty for the data set's own."""
    capacity: float
    attacked: float
    """The attack's budget; 0 for the one trained with."""
    certification: str
    setting: str
    """How the recipe is departed from, in words."""
    settings: str
    """The hash of all settings."""

    @property
    def is_natural(self) -> bool:
        """Whether it is of natural training."""
        return self.key[3] == NATURAL


def key(row: Run | CurvePoint) -> Key:
    """What gives a run, or a row over seeds, its mark and colour."""
    return (row.dataset, row.network, row.train_fraction, row.defense, round(row.epsilon, 6))


def curve(row: CurvePoint) -> Curve:
    """All that tells a row from others."""
    words = (row.certification or "", row.setting or "", row.settings)
    return Curve(key(row), row.size or "", row.capacity, row.evaluation_epsilon, *words)


def place(row: CurvePoint, axis: str) -> float | None:
    """Where a row stands along an axis; None where neither its words nor its recipe tell."""
    return getattr(row, axis) if axis in ("capacity", "epsilon") else setting_axis.place(row, axis)


def along(rows: Sequence[CurvePoint], axis: str) -> dict[Curve, list[CurvePoint]]:
    """The curves over `capacity`, `epsilon` or a swept setting with their rows in order; rows without a place go."""
    attacked = _attacked_otherwise(rows)

    def held(row: CurvePoint) -> Curve:
        own = curve(row)
        if axis == "capacity":
            return own._replace(capacity=0.0)
        if axis == "epsilon":
            return own._replace(key=(*own.key[:4], 0.0), attacked=attacked(row))
        budget = 0.0 if axis == setting_axis.ATTACK else own.attacked
        return own._replace(setting=setting_axis.others(row, axis), settings="", attacked=budget)

    return grouped([row for row in rows if place(row, axis) is not None], held, lambda row: place(row, axis))


def grouped(
    rows: Iterable[CurvePoint], held: Callable[[CurvePoint], Curve], order: Callable[[CurvePoint], Any]
) -> dict[Curve, list[CurvePoint]]:
    """The rows of each curve in order."""
    found: dict[Curve, list[CurvePoint]] = {}
    for row in sorted(rows, key=lambda row: (order(row), row.capacity, row.epsilon, *curve(row)[3:])):
        found.setdefault(held(row), []).append(row)
    return found


def swept_axis(rows: Sequence[CurvePoint]) -> str | None:
    """The setting along which one curve has the most places, two at least; of several the first in the alphabet."""
    axes = sorted({axis for row in rows for axis in setting_axis.numbers(row)})
    most = {
        axis: max((len({place(row, axis) for row in points}) for points in along(rows, axis).values()), default=0)
        for axis in axes
    }
    best = max(axes, key=most.__getitem__, default=None)
    return best if best is not None and most[best] > 1 else None


def _attacked_otherwise(rows: Iterable[CurvePoint]) -> Callable[[CurvePoint], float]:
    """What tells apart points at one epsilon that were attacked with several: the attack's budget, else 0.

    Natural training has no budget of its own, so the attack's always tells.
    """
    budgets: dict[Any, set[float]] = {}
    for row in rows:
        budgets.setdefault((key(row), row.settings), set()).add(row.evaluation_epsilon)
    several = {(own[:4], settings) for (own, settings), found in budgets.items() if len(found) > 1}

    def attacked(row: CurvePoint) -> float:
        told = (key(row)[:4], row.settings) in several and row.evaluation_epsilon != row.epsilon
        return row.evaluation_epsilon if told or row.defense == NATURAL else 0.0

    return attacked


# Words


def label(own: Key, among: Iterable[Key]) -> str:
    """What has a mark of its own, in as few words as tell it from the others: `pgd eps 0.1`."""
    others = list(among)
    words = [own[3]] + ([f"eps {text.epsilon(own[4])}"] if own[4] else [])
    told = (own[0], own[1], f"data {100 * own[2]:.4g}%")
    words += [word for index, word in enumerate(told) if len({other[index] for other in others}) > 1]
    return " ".join(words)


def labels(curves: Collection[Curve], attacked: bool = False) -> list[str]:
    """The curves in as few words as tell them apart; of several image sizes all name theirs: none compare without.

    attacked: natural ones say with which budget they were attacked.
    """
    keys, sizes = {each.key for each in curves}, {each.size for each in curves}
    names = []
    for each in curves:
        words = [label(each.key, keys)]
        words += [text.image_size(each.size)] if len(sizes) > 1 else []
        names.append(" ".join([*words, attacked_words(each.attacked)] if attacked and each.is_natural else words))
    return told_apart(names, curves)


def told_apart(names: Sequence[str], curves: Iterable[Curve]) -> list[str]:
    """The names, equal ones followed by what else differs between their curves."""
    hints = [
        (
            f"c{each.capacity:g}",
            attacked_words(each.attacked),
            f"by {each.certification}" if each.certification else "uncertified",
            each.setting or USUAL,
            f"#{each.settings[:4]}",
        )
        for each in curves
    ]
    return text.told_apart(names, hints)


def attacked_words(epsilon: float) -> str:
    """The attack's budget; 0 for the one trained with."""
    return f"attacked {text.epsilon(epsilon) if epsilon else 'as trained'}"


# Looks: mark and tone both tell curves apart


def look(index: int) -> Look:
    """Of the robust key that came with that number."""
    return SHAPES[index % len(SHAPES)], str(1 + index % TONES)


def looks(rows: Iterable[Run | CurvePoint]) -> dict[Key, Look]:
    """Mark and tone of each key: a grey diamond for natural training, others are dealt as they came to the project.

    What comes later, or ends, changes none of them. Keys that no run of the project has come last.
    """
    first: dict[Key, float] = {}
    for row in rows:
        own = key(row)
        first[own] = min(first.get(own, math.inf), row.submission if isinstance(row, Run) else math.inf)
    robust = sorted((own for own in first if own[3] != NATURAL), key=lambda own: (first[own], own))
    return dict.fromkeys(first.keys() - set(robust), NATURAL_LOOK) | {own: look(at) for at, own in enumerate(robust)}


def looks_apart(given: Sequence[Look]) -> list[Look]:
    """The looks of curves that stand together: a second one of one look has the same colour and another shape.

    The shape is nobody else's as far as there are enough, for colours are not seen by everybody.
    """
    found: list[Look] = []
    for own in given:
        taken = [*given, *found]
        others = [(shape, own[1]) for shape in reversed(SHAPES) if (shape, own[1]) not in taken]
        others.sort(key=lambda look: any(look[0] == shape for shape, _ in taken))
        found.append(others[0] if own in found and others else own)
    return found


# Points


def series(name: str, own: Look, xs: Iterable[float], rows: Sequence[CurvePoint], **more: Any) -> Series:
    """The rows as points with their intervals."""
    columns = [tuple(getattr(row, column) for row in rows) for column in ("mean", "ci_low", "ci_high")]
    return Series(name, *own, tuple(xs), *columns, like_guess=tuple(row.leaks is False for row in rows), **more)


def published(name: str, own: Look, xs: Iterable[float], rows: Sequence[CurvePoint]) -> list[Series]:
    """The paper's own numbers of the same settings, if there are any."""
    points = [(x, row.published) for x, row in zip(xs, rows, strict=True) if row.published is not None]
    return [Series(f"{name} paper", 0, own[1], *zip(*points, strict=True), kind="published")] if points else []
