"""How often answers are right: train beside test, for each view, and class by class."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from explorer.results import marks, text
from explorer.results.class_rows import called
from explorer.results.table import MISSING, Cell, Column, Table, of
from store.rows import SPLITS, AccuracyFact


class Accuracy(NamedTuple):
    """The share of right answers in a view of a split."""

    view: str
    split: str
    value: float
    n: int
    """Examples."""
    ci_low: float | None = None
    ci_high: float | None = None
    """Its 95 % interval."""
    calibration_error: float | None = None
    warnings: tuple[str, ...] = ()
    class_label: int | None = None
    """None: all classes."""

    @property
    def cell(self) -> Cell:
        """In percent, with its interval and mark."""
        low, high = text.percent(self.ci_low), text.percent(self.ci_high)
        return Cell(text.percent(self.value), ("" if low is None else f" [{low}, {high}]", self._mark))

    @property
    def calibration(self) -> Cell | None:
        """The calibration error in percent; None where it was not measured."""
        return None if self.calibration_error is None else Cell(text.percent(self.calibration_error), (self._mark,))

    @property
    def _mark(self) -> str:
        return marks.mark(None, bool(self.warnings))


def of_run(facts: Iterable[AccuracyFact], run_id: str) -> list[Accuracy]:
    """Those of one run, benign answers and the training split first."""
    return sorted(
        (
            Accuracy(own.view, own.split, own.accuracy, own.n, None, None, own.calibration_error, own.warnings)
            for own in facts
            if own.run_id == run_id
        ),
        key=lambda own: (own.view != "benign", own.view, own.split != "train", own.split),
    )


def table(accuracies: Sequence[Accuracy]) -> Table:
    """A line for each view: in each split the accuracy and the number of examples, then the calibration errors."""
    views = list(dict.fromkeys(own.view for own in accuracies))
    found = {(own.view, own.split): own for own in accuracies}
    splits = [split for split in SPLITS if any(own.split == split for own in accuracies)]
    columns: dict[Column | str, list[Any]] = {Column("VIEW", 11, long="view"): views}
    for split in splits:
        pairs = [found.get((view, split)) for view in views]
        columns[Column(split.upper(), right=True, long=split)] = [own and own.cell for own in pairs]
        columns[Column(f"n {split}", 8)] = [own and Cell(f"of {own.n}", tone="dim") for own in pairs]
    for split in splits:
        columns[Column(f"ECE {split}", right=True)] = [
            found[view, split].calibration if (view, split) in found else None for view in views
        ]
    return of(columns).filled()


def by_class(accuracies: Iterable[Accuracy], class_names: Sequence[str] = ()) -> Table:
    """A line for each class, a pair of columns for each view; a dash where a split has none of a class."""
    found = {(own.class_label, own.view, own.split): own for own in accuracies if own.class_label is not None}
    labels = sorted({label for label, _, _ in found})
    names = dict(enumerate(class_names))
    columns: dict[Column | str, list[Any]] = {
        "class": [called(label, names.get(label)) for label in labels],
        "members/others": ["/".join(str(_size(found, label, split)) for split in SPLITS) for label in labels],
    }
    for view in text.VIEWS:
        for split in SPLITS:
            if any(key[1:] == (view, split) for key in found):
                own = [found.get((label, view, split)) for label in labels]
                cells = [each.cell._replace(behind=each.cell.behind[1:]) if each else Cell(MISSING) for each in own]
                columns[Column(f"{split} {text.LETTERS[view]}", right=True)] = cells
    return of(columns)


def _size(found: Mapping[tuple, Accuracy], label: int, split: str) -> int:
    return next((own.n for key, own in found.items() if (key[0], key[2]) == (label, split)), 0)
