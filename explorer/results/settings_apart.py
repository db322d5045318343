"""Rows over seeds by the setting that they are of, and the words that tell one setting from another."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from explorer.results import text
from explorer.results.grouping import grouped
from store.summaries import ClassFact, CurvePoint, SeedsFact

Fact = TypeVar("Fact", CurvePoint, ClassFact, SeedsFact)
SETTING = (
    *("dataset", "network", "size", "defense", "epsilon", "evaluation_epsilon", "train_fraction", "capacity"),
    *("certification", "setting", "settings"),
)
"""What all rows of one setting have in common."""
BUDGETS = ("epsilon", "evaluation_epsilon")
IN_WORDS = ("size", "setting")
"""Settings that are words with numbers in them."""
HASHED = "settings: a hash of all settings; rows alike elsewhere differ in some (`show RUN` prints a run's)"


def by_setting(facts: Iterable[Fact], order: Sequence[str] = SETTING) -> list[list[Fact]]:
    """The rows of each setting, settings sorted by these columns; those without one come before the others."""
    found = grouped(facts, attrgetter(*SETTING))

    def place(own: Sequence[Fact]) -> list[tuple[bool, Any]]:
        values = [(name, getattr(own[0], name)) for name in order]
        return [
            (value is not None, text.natural_order(value) if name in IN_WORDS and value else value)
            for name, value in values
        ]

    return sorted(found.values(), key=place)


def differing(settings: Sequence[Fact], names: Iterable[str]) -> list[str]:
    """The columns in which not all of these settings are alike."""
    return [name for name in names if len({getattr(own, name) for own in settings}) > 1]


def telling(settings: Sequence[Fact]) -> list[str]:
    """Columns that tell some of these settings apart although the tables' fixed ones do not.

    Network, image size and share of the data are told wherever settings of one data set differ in it, so that nobody
    reads a change of defense into neighbours that differ in more than that. The hash of all settings (`settings`) is
    shown only where those words leave some alike.
    """
    kinds = grouped(settings, attrgetter("dataset", "defense", "epsilon", "capacity", "evaluation_epsilon")).values()
    of_dataset = grouped(settings, attrgetter("dataset")).values()
    told = [
        name
        for names, groups in (
            (("network", "size", "train_fraction"), of_dataset),
            (("certification", "setting"), kinds),
        )
        for name in names
        if any(differing(group, [name]) for group in groups)
    ]
    alike = any(len({tuple(getattr(own, name) for name in told) for own in group}) < len(group) for group in kinds)
    return [*told, *(["settings"] if alike else [])]


def shown(own: Fact, name: str) -> str | None:
    """One column of a setting in words; natural training has no epsilon."""
    value = getattr(own, name)
    if name in BUDGETS:
        return text.epsilon(value) if value or name != "epsilon" else None
    if name == "size":
        return text.image_size(value)
    return f"{value:.4g}" if isinstance(value, float) else value
