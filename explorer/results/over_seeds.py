"""The tables over the seeds of settings that people ask for by name, as plain text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.results import classes_over_seeds, curve_table, views_table
from explorer.results.rendering import plain


@dataclass(frozen=True)
class Shown:
    """One of them."""

    title: str
    asked: Mapping[str, Any]
    """Filters of the query of its name."""
    as_text: Callable[[Sequence[Any], int | None], str]
    """From rows of that query and a width, which may be None; words below included."""


def _curve(by: str) -> Callable[[Sequence[Any], int | None], str]:
    return lambda rows, width: plain(curve_table.table(rows, by), width)


TABLES = {
    "capacity": Shown("Leakage over capacity", {"metric": curve_table.METRICS}, _curve("capacity")),
    "epsilon": Shown("Leakage over epsilon", {"metric": curve_table.METRICS}, _curve("epsilon")),
    "classes": Shown(
        "Leakage per class, by a threshold or a network of each class, held out",
        classes_over_seeds.ASKED,
        classes_over_seeds.as_text,
    ),
    "views": Shown(
        "Accuracy and leakage of each view, as in the paper's Tables 8 to 10",
        {},
        lambda rows, width: plain(views_table.table(rows, width, gap=2, long=True), width),
    ),
}
LEGEND = curve_table.LEGEND
"""What words and marks mean in all of them but `views`, which says it itself."""
