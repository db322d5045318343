"""Runs side by side: the settings that differ, accuracies and leakage, with differences to the first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.wilson import wilson_interval
from explorer.results import accuracy_table, attack_table, marks, run_words, text
from explorer.results.accuracy_table import Accuracy
from explorer.results.attack_table import Attack, Statistic
from explorer.results.class_rows import GUESSES
from explorer.results.numbers import Number
from explorer.results.table import MISSING, Block, Cell, Column, Table
from store.rows import AccuracyFact, LeakageFact, Run

METRICS = tuple(dict.fromkeys(number.metric for number in attack_table.NUMBERS))
"""Metrics of an attack that are held against each other."""


@dataclass(frozen=True)
class Known:
    """What the store answered; None where it has not yet."""

    whole: Sequence[Run] | None
    """Rows of the `run` query."""
    accuracies: Sequence[AccuracyFact] | None
    leakage: Sequence[LeakageFact] | None

    @property
    def complete(self) -> bool:
        """Whether everything was answered."""
        return None not in (self.whole, self.accuracies, self.leakage)


def table(runs: Sequence[Run], known: Known, names: Sequence[str], all_settings: bool = False) -> Table:
    """A column for each run, in the order given; what is alike in all of them only where it is asked for.

    The last part of a cell is its difference to the first run, in percentage points.
    """
    attacks = [attack_table.attacks(fact for fact in known.leakage or () if fact.run_id == run.run_id) for run in runs]
    blocks = [
        *_block("Run", _of_runs(runs), all_settings),
        *_settings(runs, known.whole or (), all_settings),
        *_accuracies(runs, known.accuracies or ()),
        *_attacks(attacks),
    ]
    columns = [Column(""), *(Column(f"{index} {name}", long=name) for index, name in enumerate(names))]
    legend = attack_table.legend([attack for own in attacks for attack in own])
    messages = marks.messages([*(known.accuracies or ()), *(known.leakage or ())])
    return Table(columns, blocks, (legend,), messages)


def _line(label: str, cells: Iterable[Cell | str | None]) -> list[Cell]:
    return [Cell(label), *(cell if isinstance(cell, Cell) else Cell(cell or MISSING) for cell in cells)]


def _of_runs(runs: Sequence[Run]) -> Iterator[list[Cell]]:
    yield _line("state", [run.state for run in runs])
    yield _line("took", [text.duration(run_words.took(run)) for run in runs])
    yield _line("device", [run.device for run in runs])


def _block(title: str, lines: Iterable[list[Cell]], alike: bool) -> list[Block]:
    """The lines as a block, those that say the same of all runs only where they are asked for; none of no lines."""
    kept = [line for line in lines if alike or len({cell.whole for cell in line[1:]}) > 1]
    return [Block(kept, title)] if kept else []


def _settings(runs: Sequence[Run], whole: Sequence[Run], all_settings: bool) -> Iterator[Block]:
    by_id = {run.run_id: run_words.settings(run.spec) for run in whole}
    if not by_id:
        return
    groups = [by_id.get(run.run_id, {}) for run in runs]
    for title in dict.fromkeys(title for settings in groups for title in settings):
        tables = [settings.get(title, {}) for settings in groups]
        keys = dict.fromkeys(key for own in tables for key in own)
        lines = [_line(key, [own.get(key, MISSING) for own in tables]) for key in keys]
        yield from _block(title.capitalize(), lines, all_settings)


def _accuracies(runs: Sequence[Run], facts: Sequence[AccuracyFact]) -> Iterator[Block]:
    by_run: list[dict[tuple[str, str], Accuracy]] = [
        {(own.view, own.split): own for own in accuracy_table.of_run(facts, run.run_id)} for run in runs
    ]
    lines = []
    for view, split in dict.fromkeys(key for found in by_run for key in found):
        found = [own.get((view, split)) for own in by_run]
        cells = [own and Cell(f"{own.cell.whole} of {own.n}") for own in found]
        numbers = [own and Number(own.value, *wilson_interval(own.value * own.n, own.n)) for own in found]
        lines.append(_compared(f"{view} {split}", cells, numbers))
    if lines:
        yield Block(lines, "Accuracies %")


def _attacks(by_run: Sequence[Sequence[Attack]]) -> Iterator[Block]:
    there_are = {found.key: found for attacks in by_run for found in attacks}
    for attack in attack_table.in_order(there_are.values()):
        found = [next((own for own in attacks if own.key == attack.key), None) for attacks in by_run]
        lines = [
            _number(number, found) for number in attack_table.NUMBERS if any(own and number.of(own) for own in found)
        ]
        sizes = _line("members/others", [own and own.sizes for own in found])
        yield Block([*lines, sizes], f"{attack.attack} ({attack.view}) %")


def _number(number: Statistic, found: Sequence[Attack | None]) -> list[Cell]:
    facts = [number.of(own) if own else None for own in found]
    cells = [Cell(number.cell(own).whole, tone=_heat(fact)) for own, fact in zip(found, facts, strict=True)]
    # Luck belongs to the accuracy above and has no more or less of its own; what is no share has no points.
    if number == attack_table.LUCK or number.metric in attack_table.NO_SHARES:
        return _line(number.words, cells)
    shown = number.interval is not None  # that of a rate near 0 may have no width
    ours = [fact and (Number(fact.value, fact.ci_low, fact.ci_high) if shown else Number(fact.value)) for fact in facts]
    return _compared(number.words, cells, ours)


def _heat(fact: LeakageFact | None) -> str:
    """The shade of a number with an interval, as Classes has it."""
    if fact is None or fact.ci_low is None or fact.metric not in GUESSES:
        return ""
    return marks.heat(fact.value, GUESSES[fact.metric], (fact.ci_high - fact.ci_low) / 2, fact.leaks)


def _compared(label: str, cells: Sequence[Cell | None], numbers: Sequence[Number | None]) -> list[Cell]:
    """A line of shares with their differences to the first one, bold where they are told apart from 0."""
    first, *others = numbers
    differences = [None, *(own.minus(first) if own and first else None for own in others)]
    line = []
    for cell, apart in zip(cells, differences, strict=True):
        behind = f"  {round(100 * apart.value, 1) + 0.0:+.1f}" if apart else ""
        tones = ["bold" * bool(apart and apart.sign), cell.tone if cell else ""]
        line.append(Cell(cell.text if cell else MISSING, (behind,), " ".join(filter(None, tones))))
    return _line(label, line)
