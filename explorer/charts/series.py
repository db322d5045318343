"""Which mark and colour each model's curve has: both tell curves apart; the natural baseline is a grey diamond."""

from collections.abc import Iterable, Mapping
from typing import Any

from explorer.results import text

Row = Mapping[str, Any]
Key = tuple[str, str, float, str, float]
"""(dataset, network, train_fraction, defense, epsilon): what a capacity curve holds fixed."""

NATURAL = "natural"
NATURAL_SHAPE, SHAPES = 2, (0, 1, 3, 4, 5, 6, 7)
"""Indices into the plot's marks: natural training has one of its own."""
TONES = 8


def style(index: int) -> tuple[int, str]:
    """Mark and tone of the curve with that number among the robust ones."""
    return SHAPES[index % len(SHAPES)], str(1 + index % TONES)


def natural_style(index: int) -> tuple[int, str]:
    """The same among the natural ones: grey, the first a diamond, others shaped as the last of the robust ones."""
    return (NATURAL_SHAPE, *reversed(SHAPES))[index % (len(SHAPES) + 1)], "dim"


def key(row: Row) -> Key:
    """The curve a run or a row of the capacity table belongs to."""
    return (row["dataset"], row["network"], row["train_fraction"], row["defense"], round(row["epsilon"], 6))


def styles(rows: Iterable[Row]) -> dict[Key, tuple[int, str]]:
    """Mark and tone of every curve, the same for as long as the curves are the same."""
    found = sorted({key(row) for row in rows})
    robust, natural = ([k for k in found if (k[3] == NATURAL) is wanted] for wanted in (False, True))
    given = {k: style(index) for index, k in enumerate(robust)}
    return given | {k: natural_style(index) for index, k in enumerate(natural)}


def label(k: Key, among: Iterable[Key]) -> str:
    """The curve in as few words as tell it from the others: `pgd 0.1`."""
    others = list(among)
    words = [k[3]] + ([text.epsilon(k[4])] if k[4] else [])
    told = (k[0], k[1], f"data {100 * k[2]:.4g}%")
    words += [word for index, word in enumerate(told) if len({other[index] for other in others}) > 1]
    return " ".join(words)
