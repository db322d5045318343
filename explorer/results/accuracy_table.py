"""How often audited answers are right: train beside test, for each view, and class by class. No Textual."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from explorer.results import marks, text
from explorer.results.classes_table import called
from explorer.results.marks import even
from explorer.results.table import MISSING
from explorer.results.text import LETTERS

Row = Mapping[str, Any]

SPLITS = ("train", "test")
TITLE = "Accuracy in percent [95 % interval]"
BY_CLASS_TITLE = "Accuracy class by class, in percent of train/test examples"


def table(rows: Iterable[Row]) -> str:
    """One line for each view; rows as an audit tells them."""
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["class_label"] is None:
            low, high = text.percent(row["ci_low"]), text.percent(row["ci_high"])
            cells.setdefault(row["view"], {})[row["split"]] = f"{_share(row)} [{low}, {high}]{_mark(row)}"
    columns = [list(cells), *(even([own[split] for own in cells.values()]) for split in SPLITS)]
    return f"{TITLE}\n\n{text.table(['view', *SPLITS], list(zip(*columns, strict=True)))}"


def by_class(rows: Iterable[Row], class_names: Sequence[str] = ()) -> str:
    """One line for each class, a pair of columns for each view; a dash where a split has none of a class."""
    found = {(row["class_label"], row["view"], row["split"]): row for row in rows if row["class_label"] is not None}
    labels = sorted({label for label, _, _ in found})
    keys = [(view, split) for view in LETTERS for split in SPLITS if any(key[1:] == (view, split) for key in found)]
    names = dict(enumerate(class_names))
    sizes = [[_size(found, label, split) for split in SPLITS] for label in labels]
    columns = [
        [called(label, names.get(label)) for label in labels],
        ["/".join(map(str, size)) for size in sizes],
        *(even([_cell(found.get((label, *key))) for label in labels]) for key in keys),
    ]
    titles = ["class", "members/others", *(f"{split} {LETTERS[view]}" for view, split in keys)]
    return f"{BY_CLASS_TITLE}\n\n{text.table(titles, list(zip(*columns, strict=True)))}"


def _size(found: Mapping[tuple, Row], label: int, split: str) -> int:
    return next((row["n"] for key, row in found.items() if (key[0], key[2]) == (label, split)), 0)


def _cell(row: Row | None) -> str:
    return MISSING if row is None else _share(row) + _mark(row)


def _share(row: Row) -> str:
    return text.percent(row["correct"] / row["n"])


def _mark(row: Row) -> str:
    return marks.mark(None, marks.is_warned(row))
