"""How far the work in hand is and what comes next, as the header and the queue both say it."""

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from engine.run_states import FINISHED
from explorer.project.run_tracking import RunTracker, eta
from store.rows import Run


@dataclass(frozen=True)
class Work:
    """The sweeps that still have runs to do, taken together."""

    ended: int
    total: int
    """Runs, those of the same sweeps that have ended included."""
    share: float
    """Of all their work, between 0 and 1."""
    left: float | None
    """Seconds for the runs of kinds seen at work, None where none was."""
    unknown: int
    """The other runs."""

    @property
    def eta(self) -> str:
        """How long, and until when or how many runs of unknown length besides."""
        return eta(self.left, self.unknown, "" if self.left is None else clock(self.left))


def work(runs: Mapping[str, Run], tracker: RunTracker) -> Work | None:
    """The work in hand, None where there is none; `runs` by id."""
    known = [(runs[run_id].sweep, run) for run_id, run in tracker.runs.items() if run_id in runs]
    pending = {sweep for sweep, run in known if run.state not in FINISHED}
    if not pending:
        return None
    members = [run for sweep, run in known if sweep in pending]
    done = [1.0 if run.state in FINISHED else run.fraction for run in members]
    left, unknown = tracker.sweep_left()
    return Work(sum(run.state in FINISHED for run in members), len(members), sum(done) / len(done), left, unknown)


def waiting(runs: Iterable[Run], placed: Container[str] = ()) -> list[Run]:
    """The queued runs, the next one first: what clusters have already, then by priority, then as submitted."""
    queued = (run for run in runs if run.state == "queued")
    return sorted(queued, key=lambda run: (run.run_id not in placed, -run.priority, run.submission))


def clock(seconds: float) -> str:
    """The time of day so many seconds from now, with the weekday where it is not today."""
    then = time.time() + seconds
    return time.strftime("%H:%M" if seconds < 20 * 3600 else "%a %H:%M", time.localtime(then))
