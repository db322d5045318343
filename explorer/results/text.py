"""Words for people: shares in percent, budgets, sizes and lengths of time."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from engine import registry

VIEWS = tuple(registry.VIEWS)
"""In the order of showing."""
LETTERS = {name: row.letter for name, row in registry.VIEWS.items()}
"""Views as the paper writes them; V are verified bounds."""
RULES = {"oracle": "oracle", "heldout": "held-out", "references": "by references"}
"""Threshold rules in words."""


def percent(value: float | None) -> str | None:
    """A share as percent with one digit; None stays None."""
    return None if value is None else f"{100 * value:.1f}"


def epsilon(value: float) -> str:
    """A budget as its field writes it: `8/255` for whole grey levels, `0.25/255` in quarters below two, else a number.

    0.2, 0.4 and so on are whole levels too, but shorter as numbers.
    """
    levels = 255 * value
    nearest = round(levels) if levels > 2 else round(4 * levels) / 4
    # The tolerance is what rounding to 6 digits leaves: 0.0314 is not 8/255.
    if nearest % 51 and abs(levels - nearest) < (1.2e-4 if nearest < 2 else 2e-4):
        return f"{nearest:g}/255"
    return f"{value:.4g}"


def trained(row: Any, before: str = " ") -> str:
    """How a run, or a row over seeds, was trained: `pgd 8/255`; natural training has no budget. before: it."""
    return f"{row.defense}{before}{epsilon(row.epsilon)}" if row.epsilon else row.defense


def place(name: str, order: Sequence[str]) -> tuple[int, str]:
    """What names are sorted by: those that are not in the order come last, by themselves."""
    return (order.index(name), "") if name in order else (len(order), name)


def natural_order(words: str) -> list[str | float]:
    """What words with numbers in them are sorted by: `steps 200` before `steps 1000`."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)", words)
    return [float(part) if index % 2 else part for index, part in enumerate(parts)]


def image_size(size: str | None) -> str:
    """The size images are scaled to, `8x8`; None is the data set's own."""
    return size or "full size"


def told_apart(labels: Sequence[str], hints: Sequence[Sequence[str]]) -> list[str]:
    """The labels, equal ones followed by as many of their hints as tell them apart; hints of one kind are a column."""
    columns = {
        label: _telling([own for name, own in zip(labels, hints, strict=True) if name == label])
        for label in dict.fromkeys(labels)
    }
    return [
        " ".join([label, *(own[index] for index in columns[label])]) for label, own in zip(labels, hints, strict=True)
    ]


def _telling(hints: Sequence[Sequence[str]]) -> list[int]:
    """The first columns in which these hints differ, as many as are needed to tell all of them apart."""
    told: list[int] = []
    for index in range(len(hints[0])):
        if len({tuple(own[at] for at in told) for own in hints}) == len(set(map(tuple, hints))):
            break
        if len({own[index] for own in hints}) > 1:
            told.append(index)
    return told


def listed(said: Sequence[str], most: int = 3) -> str:
    """The first few, and how many there are besides."""
    return " · ".join([*said[:most], *([f"and {len(said) - most} more"] if len(said) > most else [])])


def path(whole: Path, room: int) -> str:
    """A path as people write it; where there is little room its end, which tells most."""
    said = f"~/{whole.relative_to(Path.home())}" if Path.home() in whole.parents else str(whole)
    return said if len(said) <= room else f"…{said[len(said) - room + 1 :]}"


def duration(seconds: float | None) -> str:
    """A length of time in at most two units: `48s`, `31m`, `1h52`, `2d03h`; a dash while unknown."""
    if seconds is None:
        return "—"
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 86400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}"
    return f"{seconds // 86400}d{seconds % 86400 // 3600:02d}h"


def size(n: float) -> str:
    """Bytes in the largest unit that leaves a number of one or more."""
    return decimal(round(n)).replace(" bytes", " B").replace(" byte", " B")
