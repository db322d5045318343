"""Which runs a person sees: those that pass the filters, in their order, on the chart, marked, under the cursor."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from engine.run_states import FAILED, FINISHED, WAITING
from explorer.project import metrics, run_filter
from explorer.project.choices import SAVED_FILTERS, Choices
from explorer.project.open_project import OpenProject
from explorer.results.grouping import grouped
from explorer.results.settings_apart import SETTING
from store.rows import Run

CHOSEN = "LEAKAGE"
"""The column of the number that was chosen."""


def _age(run: Run) -> float | None:
    return run.started or (time.time() if run.state not in FINISHED else None)


SORTS: dict[str, Callable[[Run], Any] | None] = {
    "RUN": attrgetter("name"),
    "STATE": attrgetter("state"),
    CHOSEN: None,
    "CAP": attrgetter("capacity"),
    "EPS": attrgetter("epsilon"),
    "STARTED": _age,
}
"""Columns that runs can be sorted by, and the value of each; None for the number that was chosen."""
DOWNWARD = (CHOSEN, "STARTED")
"""Columns of which the largest come first."""
ALIKE = attrgetter(*(name for name in SETTING if name in Run._fields), "steps")
"""What the seeds of one setting have in common."""


def seeds_by_setting(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The seeds of each setting, or the models of a population, in their order, by what all but their seeds says.

    Where a seed comes twice, the runs differ in something that is not told here, and stay apart.
    """
    named: dict[str, list[Run]] = {}
    for key, own in grouped(runs, lambda run: run.population or ALIKE(run)).items():
        if len({run.seed for run in own}) < len(own):
            named |= {run.run_id: [run] for run in own}
        else:
            named[key if isinstance(key, str) else " ".join(map(str, key))] = own
    return named


@dataclass(frozen=True)
class Selection:
    """The choices of a person applied to the runs of a project; it keeps nothing itself."""

    project: OpenProject
    choices: Choices

    @property
    def current(self) -> Run | None:
        """The run under the cursor."""
        return self.project.runs.get(self.choices.current)

    def visible(self) -> list[Run]:
        """The runs that the filters let through, in the order of the list."""
        return [run for own in self.rows() for run in own]

    def rows(self) -> list[list[Run]]:
        """The lines of the list: all seeds of a setting in one until it is opened; those without a value come last.

        The seeds of one that is opened stay together where nothing sorts them.
        """
        choices = self.choices
        lines = [
            line
            for key, own in self.seeds().items()
            for line in ([[run] for run in own] if key in choices.opened else [own])
        ]
        if choices.sort not in SORTS:
            return lines[::-1] if choices.reverse else lines
        number_of = metrics.of_runs(self.project, choices)
        of_run = SORTS[choices.sort]
        valued = [
            (of_run(own[0]) if of_run else metrics.of_models(list(map(number_of, own))).value, own) for own in lines
        ]
        known = sorted((pair for pair in valued if pair[0] is not None), key=itemgetter(0), reverse=choices.reverse)
        return [own for _, own in known] + [own for value, own in valued if value is None]

    def seeds(self) -> dict[str, list[Run]]:
        """The runs that the filters let through by their settings, in the order of submission."""
        return seeds_by_setting(self._filtered())

    def _filtered(self) -> list[Run]:
        choices, runs = self.choices, list(self.project.runs.values())
        if choices.saved_filter != "all":
            runs = [run for run in runs if self._passes(run)]
        if not choices.filter:
            return runs
        if choices.regex:
            return [run for run in runs if choices.matches(run_filter.called(run))]
        number_of = metrics.of_runs(self.project, choices)
        return run_filter.passing(runs, choices.filter, lambda run: number_of(run).value)

    def folded(self) -> list[Run]:
        """The runs that share a line with the one under the cursor, and this itself."""
        return next((own for own in self.rows() if self.current in own), [])

    def on_chart(self) -> list[Run]:
        """The visible runs that were not taken off the chart."""
        return [run for run in self.visible() if run.run_id not in self.choices.off]

    def marked(self) -> list[str]:
        """The ids of the runs that are marked for a comparison, as far as they are there."""
        return [run_id for run_id in self.choices.marked if run_id in self.project.runs]

    def _passes(self, run: Run) -> bool:
        saved = self.choices.saved_filter
        if saved == "running" and run.state not in WAITING:
            return False
        if saved == "failed" and run.state not in FAILED:
            return False
        return saved != "this sweep" or run.sweep == (self.current or run).sweep

    # Choosing

    def settle(self, listed: Sequence[str], elsewhere: Sequence[str] = ()) -> None:
        """The run under the cursor stays for as long as a list has it; else it is the first that is listed."""
        if self.choices.current not in listed and self.choices.current not in elsewhere:
            self.choices.current = listed[0]

    def step(self, from_id: str, step: int) -> str | None:
        """The run so many below one in the list, round and round, which is under the cursor then."""
        listed = [run.run_id for run in self.visible()]
        if not listed:
            return None
        now = listed.index(from_id) if from_id in listed else 0
        self.choices.current = listed[(now + step) % len(listed)]
        return self.choices.current

    def sort_next(self) -> None:
        """Sort by the next column."""
        names = ["", *SORTS]
        now = names.index(self.choices.sort) if self.choices.sort in names else 0
        self.choices.sort = names[(now + 1) % len(names)]
        self.choices.reverse = self.choices.sort in DOWNWARD

    def sort_by(self, column: str) -> None:
        """Sort by a column, the other way round where it is sorted by already; by none that cannot be."""
        if column == self.choices.sort:
            self.sort_reverse()
        elif column in SORTS:
            self.choices.sort, self.choices.reverse = column, column in DOWNWARD

    def sort_reverse(self) -> None:
        """The other way round."""
        self.choices.reverse = not self.choices.reverse

    def toggle_on_chart(self) -> None:
        """The runs under the cursor on the chart, or off it."""
        own = {run.run_id for run in self.folded()}
        self.choices.off = self.choices.off - own if own & self.choices.off else self.choices.off | own

    def toggle_all_on_chart(self) -> None:
        """All that are visible on the chart, or, if they are, none."""
        visible, off = {run.run_id for run in self.visible()}, self.choices.off
        self.choices.off = off - visible if off & visible else off | visible

    def toggle_seeds(self) -> bool:
        """The seeds of the setting under the cursor in a line each, or in one; whether there are several."""
        key, own = next((pair for pair in self.seeds().items() if self.current in pair[1]), ("", []))
        opened = self.choices.opened
        if len(own) > 1:
            self.choices.opened = [one for one in opened if one != key] if key in opened else [*opened, key]
        return len(own) > 1

    def toggle_all_seeds(self) -> None:
        """The seeds of every setting in a line each, or, if one is, all in one."""
        self.choices.opened = [] if self.choices.opened else list(self.seeds())

    def toggle_marked(self) -> None:
        """The runs under the cursor into the comparison, or out of it."""
        marked, own = self.choices.marked, [run.run_id for run in self.folded()]
        fresh = [one for one in own if one not in marked]
        self.choices.marked = [*marked, *fresh] if fresh else [one for one in marked if one not in own]

    def filter_next(self, name: str = "") -> None:
        """The next saved filter, or the named one."""
        now = SAVED_FILTERS.index(self.choices.saved_filter)
        self.choices.saved_filter = name or SAVED_FILTERS[(now + 1) % len(SAVED_FILTERS)]
