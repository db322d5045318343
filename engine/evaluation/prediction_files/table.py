"""A model's answers as a table, CSV or Parquet: one row for each example and view.

Columns: `split` (train or test) or `member` (1 or 0); `label`, the true class; optionally `view`; and one for each
class. Those are `p0`, `p1`, … or `p_NAME` for probabilities and `logit0`, … or `logit_NAME` for logits, beside which
others are skipped; where there are none, all other columns are classes by name. `p` or `logit` alone is a sigmoid's, of
class 1. The rows of a second view are the first one's examples in the same order.
"""

import csv
import io
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import registry
from engine.evaluation.prediction_files.faults import PredictionFile, PredictionsError, listed
from engine.evaluation.predictions import SPLITS
from engine.text import printable

CSV, PARQUET = (".csv", ".tsv"), (".parquet", ".pq")
SUFFIXES = (*CSV, *PARQUET)
DELIMITERS = ",;\t"
OF_CLASS = re.compile(r"(p|logit)(?:_(.+)|(\d+)|)")
MEMBERS = ("train", "training", "member", "1", "1.0", "true", "in")
OTHERS = ("test", "testing", "nonmember", "non-member", "0", "0.0", "false", "out", "val", "validation")
TARGETED = "the targeted view has an answer for each wrong class: it needs an npz"


@dataclass(frozen=True)
class Layout:
    """Which columns mean what."""

    split: str
    view: str | None
    classes: Mapping[str, str]
    """Column -> name of its class; a single one is of class 1."""
    kind: str
    """`output` or `logits`."""
    skipped: Sequence[str]

    @property
    def words(self) -> list[str]:
        """Columns of text."""
        return [self.split, "label", *([self.view] if self.view else [])]


def read(path: Path) -> PredictionFile:
    """The table as the arrays of an npz; `PredictionsError` where it is none or cannot be told."""
    if not path.exists():
        raise PredictionsError(f"{path}: No such file or directory")
    words, values, layout = (_parquet if path.suffix.lower() in PARQUET else _csv)(path)
    file = PredictionFile(path, {}, raw_scores="in columns logit0, … or logit_NAME")
    if not len(values):
        file.refuse("holds no rows")
    if layout.skipped:
        names = listed(name or "one without a name" for name in layout.skipped)
        file.notes.append(f"skipped, for they are no columns of classes: {names}")
    member = _members(file, layout.split, words[layout.split])
    views = _views(file, layout.view, words[layout.view]) if layout.view else np.full(len(values), registry.BENIGN)
    labels, names = _labels(file, words["label"], list(layout.classes.values()))
    arrays = {"class_names": np.array(names, str)} if names else {}
    for split, chosen in zip(SPLITS, (member, ~member), strict=True):
        if not chosen.any():
            file.refuse(f"column {layout.split} names no {split} rows")
        for view in dict.fromkeys(views.tolist()):
            rows = chosen & (views == view)
            if not np.array_equal(arrays.setdefault(f"{split}_label", labels[rows]), labels[rows]):
                file.refuse(f"the {split} rows of view {view} are not the examples of the first view in the same order")
            arrays[f"{layout.kind}_{split}_{view}"] = values[rows]
    file.arrays = arrays
    return file


def layout(path: Path, columns: Sequence[str]) -> Layout:
    """What the columns of a table mean by their names; `PredictionsError` where that cannot be told."""

    def refuse(words: str) -> None:
        raise PredictionsError(printable(f"{path}: {words}; it has {listed(filter(None, columns)) or 'no columns'}"))

    if len(set(columns)) < len(columns):
        refuse("has a column twice")
    split = [name for name in ("split", "member") if name in columns]
    if len(split) != 1:
        refuse("needs a column split (train, test) or one member (1, 0)")
    if "label" not in columns:
        refuse("needs a column label with the true class")
    view = "view" if "view" in columns else None
    others = [name for name in columns if name not in (split[0], "label", view)]
    called = {name: match for name in others if (match := OF_CLASS.fullmatch(name))}
    kinds = {match[1] for match in called.values()}
    if len(kinds) > 1:
        refuse("has columns of probabilities and of logits; one kind is needed")
    classes = {name: match[2] or match[3] or "" for name, match in called.items()} or {name: name for name in others}
    if not classes or len(set(classes.values())) < len(classes) or (len(classes) > 1 and "" in classes.values()):
        refuse("needs a column for each class: p0, p1, … or p_NAME, or logit0, … or logit_NAME")
    skipped = [name for name in others if name not in classes]
    return Layout(split[0], view, classes, "logits" if kinds == {"logit"} else "output", skipped)


def _csv(path: Path) -> tuple[dict[str, list[str]], np.ndarray, Layout]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            head = stream.readline()
            stream.seek(0)
            rows = csv.reader(stream, delimiter=max(DELIMITERS, key=head.count), strict=True)
            columns = [name.strip() for name in next(rows, [])]
            found = layout(path, columns)
            return _read_rows(path, rows, columns, found)
    except OSError as error:
        raise PredictionsError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise PredictionsError(f"{path}: not a readable CSV file ({error})") from None
    except MemoryError:
        raise PredictionsError(f"{path}: too large for this machine's memory") from None


def _read_rows(
    path: Path, rows: "csv.Reader", columns: Sequence[str], found: Layout
) -> tuple[dict[str, list[str]], np.ndarray, Layout]:
    place = {name: columns.index(name) for name in (*found.words, *found.classes)}
    of_class = [place[name] for name in found.classes]
    words: dict[str, list[str]] = {name: [] for name in found.words}
    values = []
    for row in rows:
        if not row:
            continue
        if len(row) != len(columns):
            raise PredictionsError(f"{path}: line {rows.line_num} has {len(row)} fields, not {len(columns)}")
        for name, own in words.items():
            own.append(row[place[name]].strip())
        try:
            values.append(np.array([row[at] for at in of_class], np.float64))
        except ValueError:
            wrong = next(at for at in of_class if not _is_number(row[at]))
            said = f"line {rows.line_num}, column {columns[wrong]}: {row[wrong][:40]!r} is no number"
            raise PredictionsError(printable(f"{path}: {said}; classes are p0, p1, … or p_NAME")) from None
    return words, np.array(values), found


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> tuple[dict[str, list[str]], np.ndarray, Layout]:
    """Through a process that has duckdb: this one never loads it."""
    try:
        with open(path, "rb") as stream:
            command = [sys.executable, "-P", "-m", "store.columns"]
            answer = subprocess.run(command, stdin=stream, capture_output=True, check=False)
    except OSError as error:
        raise PredictionsError(f"{path}: {error.strerror}") from None
    if answer.returncode:
        said = (answer.stderr.decode(errors="replace").splitlines() or ["the reader ended"])[-1]
        raise PredictionsError(printable(f"{path}: not a readable Parquet file ({said})"))
    with np.load(io.BytesIO(answer.stdout)) as archive:
        columns = {name: archive[f"column_{place}"] for place, name in enumerate(archive["names"].tolist())}
    found = layout(path, list(columns))
    for name in found.classes:
        if columns[name].dtype.kind not in "fiu":
            raise PredictionsError(
                printable(f"{path}: column {name} holds no numbers; classes are p0, p1, … or p_NAME")
            )
    words = {name: [str(value) for value in columns[name].tolist()] for name in found.words}
    return words, np.stack([columns[name].astype(np.float64) for name in found.classes], axis=1), found


def _members(file: PredictionFile, column: str, words: Sequence[str]) -> np.ndarray:
    """Bool (rows,): whether each was trained on."""
    said = np.char.lower(np.array(words))
    file.refuse_row(column, ~np.isin(said, (*MEMBERS, *OTHERS)), "is neither train nor test, 1 nor 0")
    return np.isin(said, MEMBERS)


def _views(file: PredictionFile, column: str, words: Sequence[str]) -> np.ndarray:
    views = np.char.lower(np.array(words))
    if any(row.of_each_wrong_class for name, row in registry.VIEWS.items() if name in views):
        file.refuse(TARGETED)
    file.refuse_row(column, ~np.isin(views, list(registry.VIEWS)), f"is none of {', '.join(registry.VIEWS)}")
    return views


def _labels(file: PredictionFile, words: Sequence[str], classes: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """int64 (rows,): the place of each row's class among the columns, by name or number; and what classes are called.

    Classes that are numbers from 0 have no other names.
    """
    numbers = list(map(str, range(len(classes))))
    known = {name: place for place, name in enumerate(classes)}
    if len(classes) == 1:
        known = {"0": 0, "1": 1}
    whole = [word.removesuffix(".0") for word in words]
    if not set(whole) <= known.keys() and set(whole) <= set(numbers) and not any(map(str.isdigit, classes)):
        known = {number: place for place, number in enumerate(numbers)}
    places = np.array([known.get(word, known.get(short, -1)) for word, short in zip(words, whole, strict=True)])
    unknown = places < 0
    file.refuse_row("label", unknown, f"is {words[int(unknown.argmax())]!r}, none of the classes: {listed(known)}")
    if len(classes) == 1:
        return places, ()
    return places, () if classes == numbers else classes
