"""The table of views, as the paper's Tables 8 to 10: a line for each setting, the paper's line below."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from engine.registry import DATASETS, DEFENSES, VIEWS
from explorer.results import marks, text
from explorer.results.grouping import grouped
from explorer.results.table import Cell, Column, Table, of
from store.rows import HEADLINE_VIEWS, SPLITS, ViewKey
from store.summaries import ViewsRow

PAPER = "paper"
LEGEND = (
    "In percent. I_B, I_A, I_V: membership-inference accuracy by benign, adversarial and certified confidence, a guess "
    "is 50; oracle: with the paper's threshold, chosen on the very examples; held-out: with one chosen on others; "
    f"{marks.NOT_TOLD_APART}: {marks.LIKE_GUESS} in half of the seeds or more; {marks.FLOOR}; ±: standard deviation "
    f"over seeds; {PAPER}: what it prints for the data set, defense and epsilon; {marks.LEGEND}."
)
ACCURACIES: tuple[ViewKey, ...] = tuple((view, split) for view in HEADLINE_VIEWS for split in SPLITS)
INFERENCE: dict[str, tuple[ViewKey, ...]] = {
    rule: tuple((view, rule) for view in HEADLINE_VIEWS) for rule in ("oracle", "heldout")
}
"""I_B, I_A and I_V by threshold rule."""
NUMBERS = (*ACCURACIES, *INFERENCE["oracle"], *INFERENCE["heldout"])
DEFENSE, EPSILON, ATTACK, CERTIFIED, SEEDS = "DEFENSE", "EPS", "ATTACK", "CERTIFIED BY", "SEEDS"
LONGEST_NAME = 20
"""Cells of a line's name where the table is at its narrowest."""
OF_SPREAD, OF_ATTACK, OF_OTHER_RULE, OF_SETTINGS = 9, 8, 6, 5
"""Ranks: what goes first."""


def words_of(key: ViewKey) -> str:
    """A number's title and what it stands under in one: `adv-test`, `I_B held-out`."""
    view, kind = key
    if kind in SPLITS:
        return kind if view == "benign" else f"{VIEWS[view].short}-{kind}"
    return f"I_{text.LETTERS[view]}" + ("" if kind == "oracle" else f" {text.RULES[kind]}")


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
    numbers: Mapping[ViewKey, Cell]
    papers: bool = False


@dataclass(frozen=True)
class Network:
    """The settings of one network on the same data."""

    title: str
    papers: str
    """How the paper's model differs from ours; empty where it is the same."""
    entries: tuple[Entry, ...]
    """Ours in the paper's order, each followed by the paper's own where it has one."""
    epsilon: float | None
    """The budget of all trainings and attacks; None where they are not all alike."""

    @property
    def heading(self) -> tuple[str, str]:
        """The title with what all lines have in common, and how the paper's model differs."""
        title = self.title if self.epsilon is None else f"{self.title} · eps {text.epsilon(self.epsilon)}"
        return title, f"{PAPER}: {self.papers}" if self.papers else ""


def networks(rows: Iterable[ViewsRow]) -> list[Network]:
    """The table's blocks in the order of the rows."""
    return [
        _network(list(group))
        for _, group in groupby(
            rows, key=lambda row: (row.dataset, row.network, row.size, row.train_fraction, row.capacity)
        )
    ]


def _network(rows: Sequence[ViewsRow]) -> Network:
    first = rows[0]
    usual = DATASETS[first.dataset].network if first.dataset in DATASETS else None
    words = [first.dataset] + ([] if first.network == usual else [first.network])
    words += [f"capacity {first.capacity:g}"]
    words += [first.size] if first.size else []
    words += [] if first.train_fraction == 1 else [f"{100 * first.train_fraction:.4g} % of the data"]
    papers = "; ".join(dict.fromkeys(filter(None, (_papers_model(row) for row in rows if row.papers))))
    budgets = {row.evaluation_epsilon for row in rows} | {row.epsilon for row in rows if row.epsilon}
    return Network(" · ".join(words), papers, tuple(_entries(rows)), budgets.pop() if len(budgets) == 1 else None)


def _papers_model(row: ViewsRow) -> str:
    """In what the paper's model differs from a row's, as far as that is known."""
    capacity, fraction, network = row.paper_capacity, row.paper_train_fraction, DATASETS[row.dataset].network
    words = [f"capacity {capacity:g}"] if capacity not in (None, row.capacity) else []
    if capacity is None:
        words.append("network unknown")
    elif network != row.network:
        words.append(network)
    words += ["full size"] if row.size else []
    if fraction != row.train_fraction:
        words.append("all data" if fraction == 1 else f"{100 * fraction:.4g} % of the data")
    return ", ".join(words)


def _entries(rows: Sequence[ViewsRow]) -> Iterator[Entry]:
    """Ours; the paper's line stands once below all that it is the paper's line of."""
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        shared = (row.defense, row.epsilon, row.evaluation_epsilon)
        numbers = {key: _number(row, key) for key in row.numbers}
        words = row.setting or "as the recipe"
        yield Entry(*shared, row.certification, row.n_seeds, words, row.settings, numbers)
        if row.papers and (following is None or _line(following) != _line(row)):
            method = DEFENSES[row.defense].certification if ("certified", "train") in row.papers else None
            printed = {key: Cell(text.percent(value), tone="dim") for key, value in row.papers.items()}
            yield Entry(*shared, method, 1, "", "", printed, papers=True)


def _number(row: ViewsRow, key: ViewKey) -> Cell:
    """A number with its spread and marks, bold where it is told apart from a guess."""
    own, leaks = row.numbers[key], row.leaks(key)
    return marks.share(own.mean, own.std, leaks, key[0] in row.warned_views, "bold" if leaks else "")


def _line(row: ViewsRow) -> tuple:
    """What the paper's line belongs to."""
    return (row.defense, row.epsilon, row.evaluation_epsilon)


# Names of lines


def labels(network: Network, told: Sequence[str] = ()) -> list[str]:
    """The lines' names: the defense with its budgets, and what tells it from others of the same name.

    told: the columns of settings, which names need not say.
    """

    def said(index: int) -> tuple:
        entry = network.entries[index]
        values = {EPSILON: entry.epsilon, ATTACK: entry.attacked, CERTIFIED: entry.certification}
        return _name(entry, network, told), *(values[name] for name in told if name in values)

    alike = grouped((index for index, entry in enumerate(network.entries) if not entry.papers), said)
    found = [f"  {PAPER}"] * len(network.entries)
    for (name, *_), indices in alike.items():
        hints = [_hints(network.entries[index]) for index in indices]
        for index, label in zip(indices, text.told_apart([name] * len(indices), hints), strict=True):
            found[index] = label
    return found


def _name(entry: Entry, network: Network, told: Sequence[str]) -> str:
    """The defense; its budget where the block has several, and the attack's where that is another one."""
    words = [entry.defense]
    if network.epsilon is None and entry.epsilon and EPSILON not in told:
        words.append(text.epsilon(entry.epsilon))
    if entry.epsilon not in (0.0, entry.attacked) and ATTACK not in told:
        words.append(f"attacked {text.epsilon(entry.attacked)}")
    return " ".join(words)


def _hints(entry: Entry) -> list[str]:
    attacked = f"attacked {text.epsilon(entry.attacked)}"
    return [attacked, entry.certification or "uncertified", entry.setting, f"#{entry.settings[:4]}"]


def certified_by(entries: Iterable[Entry]) -> str:
    """`ibp by crown-ibp, dual by dual`: each defense with the methods that certified its models."""
    found = dict.fromkeys((entry.defense, entry.certification) for entry in entries if not entry.papers)
    return ", ".join(f"{defense} by {method}" for defense, method in found if method)


# The table


def table(
    rows: Sequence[ViewsRow], width: int | None = None, rule: str = "oracle", gap: int = 1, long: bool = False
) -> Table:
    """A block for each network; the names of lines say what has no column in a width (see `Table.fitted`).

    rule: the threshold rule whose numbers stay longest.
    """
    found, told = networks(rows), [EPSILON, ATTACK, CERTIFIED]
    while True:
        made = _table(rows, found, told, rule)
        kept = {column.name for column in made.fitted(width, gap, long)}
        gone = {column.name for column in made.columns} - kept & set(told)
        if not gone & set(told):
            return made
        told = [name for name in told if name not in gone]


def _table(rows: Sequence[ViewsRow], found: Sequence[Network], told: Sequence[str], rule: str) -> Table:
    entries = [entry for network in found for entry in network.entries]
    own = {EPSILON, ATTACK} & set(told) if any(network.epsilon is None for network in found) else set()

    def cells(values: Iterable[Any]) -> list[Cell | None]:
        """Of each line, the paper's own dim."""
        pairs = zip(values, entries, strict=True)
        return [value and Cell(str(value), tone="dim" if entry.papers else "") for value, entry in pairs]

    names = (name for network in found for name in labels(network, told))
    values = {Column(DEFENSE, long="defense", narrowest=LONGEST_NAME, cut=3): cells(names)}
    if EPSILON in own:
        budgets = (text.epsilon(entry.epsilon) if entry.epsilon else None for entry in entries)
        values[Column(EPSILON, right=True, rank=OF_SETTINGS, long="epsilon")] = cells(budgets)
    if ATTACK in own:
        attacked = (text.epsilon(entry.attacked) for entry in entries)
        values[Column(ATTACK, right=True, rank=OF_ATTACK, long="attack eps")] = cells(attacked)
    if CERTIFIED in told:
        values[Column(CERTIFIED, rank=OF_SETTINGS, long="certified by")] = cells(e.certification for e in entries)
    values[Column(SEEDS, right=True, rank=OF_SETTINGS - 1, long="seeds")] = cells(entry.n_seeds for entry in entries)
    values |= {_column(key, rule): [entry.numbers.get(key) for entry in entries] for key in NUMBERS}
    headings = [network.heading for network in found for _ in network.entries]
    methods = "" if CERTIFIED in told else certified_by(entries)
    legend = LEGEND + (f" Certified: {methods}." if methods else "")
    return of(values, headings, legend=(legend,), messages=marks.messages(rows)).filled()


def _column(key: ViewKey, rule: str) -> Column:
    """Of a number: those of other views than the images themselves go before these, train before test."""
    view, kind = key
    if kind in SPLITS:
        rank = 2 if kind == "train" else 1 if view != "benign" else 0
        title, group = kind.upper(), view.upper()
    else:
        rank = 0 if kind == rule else OF_OTHER_RULE
        title, group = f"I_{text.LETTERS[view]}", text.RULES[kind].upper()
    short = VIEWS[view].short.upper() if kind in SPLITS else group
    return Column(
        title,
        least=len("100.0"),
        right=True,
        rank=rank,
        long=words_of(key),
        group=group,
        short_group=short,
        behind=(OF_SPREAD, 0),
    )
