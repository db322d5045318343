"""Alerts: what somebody who looks elsewhere meanwhile wants to be told, each once."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from engine.run_states import FAILED, WAITING
from explorer.project.engine_log import Level
from explorer.project.open_project import OpenProject
from explorer.project.selection import seeds_by_setting
from explorer.results import text
from store.rows import Run

OF_ID = attrgetter("run_id")
NAMES = ("leaks", "stalled", "over")
"""A run is told apart from a guess, the first of its setting; nothing is heard of a run at work; all work is over."""


class Alert(NamedTuple):
    """One alert."""

    words: str
    level: Level


class Alerts:
    """What has become worth an alert since it was last asked; what was so before runs were watched is none."""

    def __init__(self, asked: Sequence[str]) -> None:
        """`asked`: some of `NAMES`."""
        self._asked = [name for name in NAMES if name in asked]
        self._watched: set[str] = set()
        """Runs that were seen before they ended."""
        self._at_work: set[str] = set()
        """Those of them that ended since all work was over, or have not ended."""
        self._told: set[object] = set()

    def due(self, project: OpenProject) -> list[Alert]:
        """The alerts to tell now."""
        waiting = {run_id for run_id, run in project.tracker.runs.items() if run.state in WAITING}
        self._watched |= waiting
        self._at_work |= waiting
        found = [alert for name in self._asked if (alert := getattr(self, f"_{name}")(project)) is not None]
        if not waiting:
            self._at_work.clear()
        return found

    def _leaks(self, project: OpenProject) -> Alert | None:
        leaking = seeds_by_setting(run for run in project.runs.values() if any(run.leaks.values()))
        firsts = {setting: runs[0] for setting, runs in leaking.items() if self._watched.issuperset(map(OF_ID, runs))}
        fresh = [run for setting, run in firsts.items() if setting not in self._told]
        self._told |= firsts.keys()
        return Alert(f"told apart from a guess: {text.listed(list(map(_leak, fresh)))}", "info") if fresh else None

    def _stalled(self, project: OpenProject) -> Alert | None:
        """Only an engine tells how runs are; each of them is told of once."""
        if project.link != "engine":
            return None
        quiet = {
            run_id: silence
            for run_id, run in project.tracker.runs.items()
            if run.state == "running" and run_id not in self._told and (silence := project.silence(run_id)) is not None
        }
        self._told |= quiet.keys()
        said = [f"{_name(project, run_id)} ({text.duration(silence)})" for run_id, silence in quiet.items()]
        return Alert(f"nothing is heard of {text.listed(said)}", "warn") if said else None

    def _over(self, project: OpenProject) -> Alert | None:
        if not self._at_work or not project.tracker.over:
            return None
        states = Counter(project.tracker.runs[run_id].state for run_id in self._at_work)
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return Alert(f"everything is over: {counted}", "error" if states.keys() & set(FAILED) else "info")


def _leak(run: Run) -> str:
    """The largest of a run's numbers that are told apart from a guess."""
    values = {view: run.inference_accuracy(view) or 0.0 for view, leaks in run.leaks.items() if leaks}
    view = max(values, key=values.__getitem__)
    return f"{run.name} ({text.percent(values[view])} % on {view} answers, oracle threshold)"


def _name(project: OpenProject, run_id: str) -> str:
    return project.runs[run_id].name if run_id in project.runs else run_id
