"""Runs side by side: the settings that differ, accuracies and leakage, with differences to the first. No Textual."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.results import attack_table, marks, run_words, text
from explorer.results.attack_table import Attack, Number
from explorer.results.table import MISSING

Row = Mapping[str, Any]

METRICS = tuple(dict.fromkeys(number.metric for number in attack_table.NUMBERS))
"""Metrics of an attack that are held against each other."""
WITH_INTERVAL = (attack_table.ORACLE, attack_table.HELD_OUT, attack_table.AUC)


@dataclass(frozen=True)
class Cell:
    """What stands in one run's column."""

    text: str = MISSING
    difference: str = ""
    """To the first run, in percentage points; empty where there is nothing to subtract."""


@dataclass(frozen=True)
class Entry:
    """One line of the comparison."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """Lines that belong together."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Known:
    """What the store answered; None where it has not yet."""

    whole: Sequence[Row] | None
    """Rows of the `run` query."""
    accuracies: Sequence[Row] | None
    leakage: Sequence[Row] | None

    @property
    def complete(self) -> bool:
        """Whether everything was answered."""
        return None not in (self.whole, self.accuracies, self.leakage)


def compare(runs: Sequence[Row], known: Known, all_settings: bool = False) -> list[Section]:
    """The sections for runs in the order given; settings alike in all of them only where they are asked for."""
    return [
        Section("Run", tuple(_of_runs(runs))),
        *_settings(runs, known.whole or (), all_settings),
        *_accuracies(runs, known.accuracies or ()),
        *_attacks(runs, known.leakage or ()),
    ]


def _of_runs(runs: Sequence[Row]) -> Iterable[Entry]:
    yield Entry("state", tuple(Cell(run["state"]) for run in runs))
    yield Entry("took", tuple(Cell(text.duration(run_words.took(run))) for run in runs))
    yield Entry("device", tuple(Cell(run["device"] or MISSING) for run in runs))


def _settings(runs: Sequence[Row], whole: Sequence[Row], all_settings: bool) -> Iterable[Section]:
    by_id = {row["run_id"]: run_words.settings(run_words.spec_of(row)) for row in whole}
    if not by_id:
        return
    groups = [by_id.get(run["run_id"], {}) for run in runs]
    for title in dict.fromkeys(title for settings in groups for title in settings):
        tables = [settings.get(title, {}) for settings in groups]
        entries = []
        for key in dict.fromkeys(key for table in tables for key in table):
            values = [table.get(key, MISSING) for table in tables]
            if all_settings or len(set(values)) > 1:
                entries.append(Entry(key, tuple(map(Cell, values))))
        if entries:
            yield Section(title.capitalize(), tuple(entries))


def _accuracies(runs: Sequence[Row], rows: Sequence[Row]) -> Iterable[Section]:
    by_run = {
        run["run_id"]: run_words.accuracies(row for row in rows if row["run_id"] == run["run_id"]) for run in runs
    }
    pairs = dict.fromkeys(
        (view, split) for found in by_run.values() for view, splits in found.items() for split in splits
    )
    told = {(row["run_id"], row["view"]) for row in rows if marks.is_warned(row)}
    entries = []
    for view, split in pairs:
        found = [by_run[run["run_id"]].get(view, {}).get(split) for run in runs]
        signs = [marks.mark(None, (run["run_id"], view) in told) for run in runs]
        shown = [
            f"{text.percent(pair[0])}{sign} of {pair[1]}" if pair else MISSING
            for pair, sign in zip(found, signs, strict=True)
        ]
        entries.append(_entry(f"{view} {split}", shown, [pair[0] if pair else None for pair in found]))
    if entries:
        yield Section("Accuracies %", tuple(entries))


def _attacks(runs: Sequence[Row], rows: Sequence[Row]) -> Iterable[Section]:
    by_run: dict[str, dict[tuple[str, str], Attack]] = {
        run["run_id"]: {
            found.key: found for found in attack_table.attacks(row for row in rows if row["run_id"] == run["run_id"])
        }
        for run in runs
    }
    there_are = {found.key: found for attacks in by_run.values() for found in attacks.values()}
    for attack in attack_table.in_order(there_are.values()):
        attacks = [by_run[run["run_id"]].get(attack.key) for run in runs]
        entries = [
            _number(number, attacks) for number in attack_table.NUMBERS if any(a and number.of(a) for a in attacks)
        ]
        sizes = Entry("members/others", tuple(Cell(found.sizes if found else MISSING) for found in attacks))
        yield Section(f"{attack.attack} ({attack.view}) %", (*entries, sizes))


def _number(number: Number, attacks: Sequence[Attack | None]) -> Entry:
    found = [number.of(attack) if attack else None for attack in attacks]
    write = attack_table.with_interval if number in WITH_INTERVAL else attack_table.number
    shown = [write(number.metric, estimate) for estimate in found]
    if number == attack_table.LUCK:  # it belongs to the accuracy above; luck has no more or less of its own
        return Entry(number.words, tuple(map(Cell, shown)))
    return _entry(number.words, shown, [estimate.value if estimate else None for estimate in found])


def legend(known: Known) -> str:
    """What the words and marks of the attacks mean."""
    rows = known.leakage or ()
    return attack_table.legend(
        [
            attack
            for run_id in dict.fromkeys(row["run_id"] for row in rows)
            for attack in attack_table.attacks(row for row in rows if row["run_id"] == run_id)
        ]
    )


def warnings(known: Known) -> list[str]:
    """What the runs' warnings say."""
    return marks.messages([*(known.accuracies or ()), *(known.leakage or ())])


def _entry(label: str, shown: Sequence[str], values: Sequence[float | None]) -> Entry:
    """A line of shares with their differences to the first one."""
    first = values[0]
    differences = [
        "" if index == 0 or first is None or value is None else f"{round(100 * (value - first), 1) + 0.0:+.1f}"
        for index, value in enumerate(values)
    ]
    return Entry(label, tuple(map(Cell, shown, differences)))


def as_text(names: Sequence[str], sections: Sequence[Section], words: str = "") -> str:
    """The whole comparison as plain tables with words below them; a difference stands behind its number."""
    blocks = []
    for section in sections:
        rows = [
            [entry.label, *(f"{cell.text}  {cell.difference}".rstrip() for cell in entry.cells)]
            for entry in section.entries
        ]
        blocks.append(text.table([section.title, *names], rows))
    return "\n\n".join([*blocks, *([words] if words else [])]) + "\n"
