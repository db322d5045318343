"""Which runs a person sees: those that pass the filters, in their order, on the chart, marked, under the cursor."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from engine.run_states import FAILED, FINISHED, WAITING
from explorer.project import metrics
from explorer.project.choices import SAVED_FILTERS, Choices
from explorer.project.open_project import OpenProject
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
        """The runs that the filters let through, sorted; those without a value of the column come last."""
        choices, runs = self.choices, list(self.project.runs.values())
        if choices.filter or choices.saved_filter != "all":
            runs = [run for run in runs if self._passes(run)]
        if choices.sort not in SORTS:
            return runs[::-1] if choices.reverse else runs
        number_of = metrics.of_runs(self.project, choices)
        value = SORTS[choices.sort] or (lambda run: number_of(run).value)
        valued = [(value(run), run) for run in runs]
        known = sorted((pair for pair in valued if pair[0] is not None), key=itemgetter(0), reverse=choices.reverse)
        return [run for _, run in known] + [run for value, run in valued if value is None]

    def rows(self) -> list[list[Run]]:
        """The lines of a list: each visible run, and all models of a population in one line until it is opened.

        An opened one's models stay together where nothing sorts them.
        """
        opened, together = self.choices.opened, self.choices.sort not in SORTS
        found: dict[str, list[Run]] = {}
        for run in self.visible():
            alone = run.population is None or (run.population in opened and not together)
            found.setdefault(run.run_id if alone else run.population, []).append(run)
        lines = ([[run] for run in own] if own[0].population in opened else [own] for own in found.values())
        return [line for own in lines for line in own]

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
        if saved == "this sweep" and run.sweep != (self.current or run).sweep:
            return False
        words = f"{run.run_id} {run.dataset} {run.network} {run.state} {run.sweep}"
        return self.choices.matches(words)

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

    def toggle_population(self) -> bool:
        """The population of the run under the cursor in a line for each model, or in one; whether there is one."""
        if not (own := self.current and self.current.population):
            return False
        opened = self.choices.opened
        self.choices.opened = [one for one in opened if one != own] if own in opened else [*opened, own]
        return True

    def toggle_marked(self) -> None:
        """The run under the cursor into the comparison, or out of it."""
        marked, current = self.choices.marked, self.choices.current
        self.choices.marked = [one for one in marked if one != current] if current in marked else [*marked, current]

    def filter_next(self, name: str = "") -> None:
        """The next saved filter, or the named one."""
        now = SAVED_FILTERS.index(self.choices.saved_filter)
        self.choices.saved_filter = name or SAVED_FILTERS[(now + 1) % len(SAVED_FILTERS)]
