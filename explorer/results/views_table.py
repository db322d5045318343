"""The table of views, as the paper's Tables 8 to 10: a line for each setting, the paper's line below. No Textual."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from engine.spec.recipes import NETWORK, VERIFIER
from explorer.results import marks, text
from explorer.results.marks import FLOOR, LIKE_GUESS, NOT_TOLD_APART, mark
from explorer.results.table import MISSING
from explorer.results.text import LETTERS, RULES

Row = Mapping[str, Any]

VIEWS = ("benign", "adversarial", "certified")
PAPER = "paper"
LEGEND = (
    "In percent. I_B, I_A, I_V: membership-inference accuracy by benign, adversarial and certified confidence, a guess "
    "is 50; oracle: with the paper's threshold, chosen on the very examples; held-out: with one chosen on others; "
    f"{NOT_TOLD_APART}: {LIKE_GUESS} in half of the seeds or more; {FLOOR}; ±: standard deviation over seeds; "
    f"{PAPER}: what it prints for the data set, defense and epsilon; {marks.LEGEND}."
)


@dataclass(frozen=True)
class Number:
    """One number of every setting."""

    column: str
    """Of the query `views`; the paper's own stands in `paper_COLUMN`."""
    title: str
    group: str
    """What it stands under, in words."""
    words: str
    """Title and group in one."""
    rule: str = ""
    """Threshold rule of an inference accuracy."""


ACCURACIES = tuple(
    Number(f"{view}_{split}_accuracy", split, view, f"{short}{split}")
    for view, short in zip(VIEWS, ("", "adv-", "cert-"), strict=True)
    for split in ("train", "test")
)
INFERENCE = {
    rule: tuple(
        Number(f"{view}_{column}", f"I_{LETTERS[view]}", RULES[rule], f"I_{LETTERS[view]}{short}", rule)
        for view in VIEWS
    )
    for rule, column, short in (
        ("oracle", "inference_accuracy", ""),
        ("heldout", "heldout_inference_accuracy", " held-out"),
    )
}
"""I_B, I_A and I_V by threshold rule."""
NUMBERS = (*ACCURACIES, *INFERENCE["oracle"], *INFERENCE["heldout"])


@dataclass(frozen=True)
class Cell:
    """One number of a line."""

    value: float
    spread: float | None = None
    """Standard deviation over seeds."""
    leaks: bool | None = None
    """Whether it is told apart from a guess in most of the seeds; None where that means nothing."""
    warned: bool = False
    """Whether a warning of one of its runs speaks of it."""

    @property
    def parts(self) -> tuple[str, str, str]:
        """In percent: number, spread and marks."""
        spread = "" if self.spread is None else f" ±{100 * self.spread:.1f}"
        return text.percent(self.value), spread, mark(self.leaks, self.warned)


@dataclass(frozen=True)
class Entry:
    """One line: a setting of ours, or what the paper prints of it."""

    defense: str
    epsilon: float
    attacked: float
    certification: str | None
    n_seeds: int
    setting: str
    settings: str
    cells: Mapping[str, Cell]
    """By the column of its number."""
    papers: bool = False


@dataclass(frozen=True)
class Block:
    """The settings of one network on the same data."""

    title: str
    papers: str
    """How the paper's model differs from ours; empty where it is the same."""
    entries: tuple[Entry, ...]
    """Ours in the paper's order, each followed by the paper's own where it has one."""
    epsilon: float | None
    """The budget of all trainings and attacks; None where they are not all alike."""

    @property
    def title_with_epsilon(self) -> str:
        """The title and what all lines have in common."""
        return self.title if self.epsilon is None else f"{self.title} · eps {text.epsilon(self.epsilon)}"


def blocks(rows: Iterable[Row]) -> list[Block]:
    """The table's blocks from rows of the query `views`, in their order."""
    return [_block(list(group)) for _, group in groupby(rows, key=_model)]


def _model(row: Row) -> tuple:
    return tuple(row[name] for name in ("dataset", "network", "size", "train_fraction", "capacity"))


def _block(rows: Sequence[Row]) -> Block:
    first = rows[0]
    words = [first["dataset"]] + ([] if first["network"] == NETWORK.get(first["dataset"]) else [first["network"]])
    words += [f"capacity {first['capacity']:g}"]
    words += [first["size"]] if first["size"] else []
    words += [] if first["train_fraction"] == 1 else [f"{100 * first['train_fraction']:.4g} % of the data"]
    papers = "; ".join(dict.fromkeys(filter(None, (_papers_model(row) for row in rows if _has_paper(row)))))
    budgets = {row["evaluation_epsilon"] for row in rows} | {row["epsilon"] for row in rows if row["epsilon"]}
    return Block(" · ".join(words), papers, tuple(_entries(rows)), budgets.pop() if len(budgets) == 1 else None)


def _has_paper(row: Row) -> bool:
    return any(row.get(f"paper_{number.column}") is not None for number in NUMBERS)


def _papers_model(row: Row) -> str:
    """In what the paper's model differs from a row's, as far as that is known."""
    capacity, fraction, network = row["paper_capacity"], row["paper_train_fraction"], NETWORK[row["dataset"]]
    words = [f"capacity {capacity:g}"] if capacity not in (None, row["capacity"]) else []
    if capacity is None:
        words.append("network unknown")
    elif network != row["network"]:
        words.append(network)
    words += ["full size"] if row["size"] else []
    if fraction != row["train_fraction"]:
        words.append("all data" if fraction == 1 else f"{100 * fraction:.4g} % of the data")
    return ", ".join(words)


def _entries(rows: Sequence[Row]) -> Iterator[Entry]:
    """Ours; the paper's line stands once below all that it is the paper's line of."""
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        shared = (row["defense"], row["epsilon"], row["evaluation_epsilon"], row["n_seeds"])
        defense, epsilon, attacked, n_seeds = shared
        cells = {number.column: _cell(row, number) for number in NUMBERS if row[number.column] is not None}
        words, settings = row["setting"] or "as the recipe", row["settings"]
        yield Entry(defense, epsilon, attacked, row["certification"], n_seeds, words, settings, cells)
        if _has_paper(row) and (following is None or _line(following) != _line(row)):
            printed = {number.column: row.get(f"paper_{number.column}") for number in NUMBERS}
            cells = {column: Cell(value) for column, value in printed.items() if value is not None}
            method = VERIFIER.get(defense) if row["paper_certified_train_accuracy"] is not None else None
            yield Entry(defense, epsilon, attacked, method, 1, "", "", cells, papers=True)


def _line(row: Row) -> tuple:
    """What the paper's line belongs to."""
    return (row["defense"], row["epsilon"], row["evaluation_epsilon"])


def _cell(row: Row, number: Number) -> Cell:
    leaking = row.get(f"{number.column}_n_leaking")
    leaks = None if leaking is None else 2 * leaking > row["n_seeds"]
    view = number.column.partition("_")[0]
    return Cell(row[number.column], row[f"{number.column}_std"], leaks, marks.is_warned(row, view))


# Words


def labels(block: Block, told: Sequence[str] = ()) -> list[str]:
    """The lines' names: the defense with its budgets, and what tells it from others of the same name.

    told: what stands in columns of its own, so that names need not say it: `epsilon`, `attacked`, `certified`.
    """
    alike: dict[tuple, list[int]] = {}
    for index, entry in enumerate(block.entries):
        if not entry.papers:
            values = {"epsilon": entry.epsilon, "attacked": entry.attacked, "certified": entry.certification}
            alike.setdefault((_name(entry, block, told), *(values[name] for name in told)), []).append(index)
    found = [f"  {PAPER}"] * len(block.entries)
    for (name, *_), indices in alike.items():
        hints = [_hints(block.entries[index]) for index in indices]
        for index, label in zip(indices, text.told_apart([name] * len(indices), hints), strict=True):
            found[index] = label
    return found


def _name(entry: Entry, block: Block, told: Sequence[str]) -> str:
    """The defense; its budget where the block has several, and the attack's where that is another one."""
    words = [entry.defense]
    if block.epsilon is None and entry.epsilon and "epsilon" not in told:
        words.append(text.epsilon(entry.epsilon))
    if entry.epsilon not in (0.0, entry.attacked) and "attacked" not in told:
        words.append(f"attacked {text.epsilon(entry.attacked)}")
    return " ".join(words)


def _hints(entry: Entry) -> list[str]:
    attacked = f"attacked {text.epsilon(entry.attacked)}"
    return [attacked, entry.certification or "uncertified", entry.setting, f"#{entry.settings[:4]}"]


def column(entries: Sequence[Entry], number: Number, spread: bool, missing: str = MISSING) -> list[str]:
    """The cells of one number with their parts below each other; a dash where there is none."""
    cells = [entry.cells.get(number.column) for entry in entries]
    parts = [cell.parts if cell else (missing, "", "") for cell in cells]
    behind = [(of_seeds if spread else "") + sign for _, of_seeds, sign in parts]
    left, right = max(len(value) for value, _, _ in parts), max(map(len, behind))
    return [f"{value:>{left}}{words:{right}}" for (value, _, _), words in zip(parts, behind, strict=True)]


def certified_by(entries: Iterable[Entry]) -> str:
    """`ibp by crown-ibp, dual by dual`: each defense with the methods that certified its models."""
    found = dict.fromkeys((entry.defense, entry.certification) for entry in entries if not entry.papers)
    return ", ".join(f"{defense} by {method}" for defense, method in found if method)


def plain(rows: Iterable[Row]) -> str:
    """The whole table as plain text, block by block, and the warnings of its runs."""
    rows = list(rows)
    tables = [f"{_heading(block)}\n\n{_plain(block)}" for block in blocks(rows)]
    return "\n\n".join([*tables, *filter(None, ["\n".join(marks.lines(marks.messages(rows), marks.LINE))])])


def _heading(block: Block) -> str:
    return block.title_with_epsilon + (f"   ({PAPER}: {block.papers})" if block.papers else "")


def _plain(block: Block) -> str:
    entries = block.entries
    columns: dict[str, list[Any]] = {"defense": labels(block, ("epsilon", "attacked", "certified"))}
    if block.epsilon is None:
        columns["epsilon"] = [text.epsilon(entry.epsilon) if entry.epsilon else None for entry in entries]
        columns["attack eps"] = [text.epsilon(entry.attacked) for entry in entries]
    if any(entry.certification for entry in entries):
        columns["certified by"] = [entry.certification for entry in entries]
    columns["seeds"] = [entry.n_seeds for entry in entries]
    for number in NUMBERS:
        if any(number.column in entry.cells for entry in entries):
            columns[number.words] = column(entries, number, spread=True, missing="-")
    return text.table(list(columns), list(zip(*columns.values(), strict=True)))
