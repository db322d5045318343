"""A project's results as they are, for charts outside the app: every question is answered at once, nothing changes."""

from typing import Any

from engine.service.project import Project
from engine.validation import did_you_mean
from explorer.project.choices import Choices
from explorer.project.found import found
from explorer.project.open_project import OpenProject
from explorer.project.result_source import ResultSource
from explorer.results.finding import Excess, LeakageFinding, is_of_setting
from explorer.results.natural_twin import SAME
from store.errors import StoreError
from store.rows import Run


class AnsweredProject(OpenProject):
    """The finished runs of a project, or of one of its sweeps; `StoreError` where that has none."""

    def __init__(self, project: Project, asked: ResultSource, sweep: str | None = None):
        super().__init__(project, read_only=True)
        self._asked = asked
        self._put(asked.query("runs", sweep=sweep, state="done"), ())
        if sweep is not None and not self.runs:
            hint = did_you_mean(sweep, {run.sweep for run in asked.query("runs") if run.sweep})
            raise StoreError(f"{sweep}: no sweep with finished runs{hint}; `mia-explore ls` lists them")
        self.finding: LeakageFinding | None = found(asked, sweep)

    def rows(self, name: str, max_age: float | None = None, **params: Any) -> list[Any]:  # noqa: ARG002
        """Rows of a named query."""
        return self._asked.query(name, **params)

    def choices(self) -> Choices:
        """What the finding speaks of: its number, attack and view, a model of its setting and its twin."""
        if self.finding is None:
            return Choices()
        chosen = self.finding.chosen
        pair = [run.run_id for run in self._pair(chosen)]
        return Choices(
            metric=chosen.measure.metric,
            attack=chosen.own.attack,
            leak_view=chosen.own.view,
            current=pair[0] if pair else "",
            marked=pair,
        )

    def comparable(self) -> list[Run]:
        """The runs of the images and the network that the finding speaks of, at every capacity."""
        if self.finding is None:
            return list(self.runs.values())
        own, names = self.finding.chosen.own, [name for name in SAME if name != "capacity"]
        return [run for run in self.runs.values() if all(getattr(run, name) == getattr(own, name) for name in names)]

    def _pair(self, chosen: Excess) -> list[Run]:
        """The first of the seeds that both have, of each its first run."""
        seed = min(chosen.shared or chosen.own.by_seed)
        sides = [row for row in (chosen.own, chosen.twin) if row]
        found = [next((run for run in self.runs.values() if is_of_setting(run, row, seed)), None) for row in sides]
        return [run for run in found if run]
