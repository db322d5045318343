"""How far a sweep is: every run's state and progress, with the time that is left, from what the engine tells."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from engine.run_states import FAILED, FINISHED, WAITING
from explorer.results import text
from store.rows import InferenceState, Kind

MARKS = {"queued": "◷", "running": "▶", "done": "✔", "failed": "✗", "diverged": "✗", "cancelled": "–"}
URGENCY = ("running", "queued", "failed", "cancelled")
"""Of several attacks that a run was asked for, the first of these stands for all."""
FEWEST_SECONDS, LEAST_SHARE = 1.0, 0.02
"""What must be known of a run before its speed is believed."""


def unfinished_attacks(asked: Iterable[InferenceState]) -> dict[str, tuple[str, str | None]]:
    """Of each run that is done while attacks it was asked for are not: how far they are, and the error of one."""
    found: dict[str, tuple[str, str | None]] = {}
    for one in asked:
        if one.run_state == "done" and one.state != "done":
            known = found.get(one.run_id)
            if known is None or URGENCY.index(one.state) < URGENCY.index(known[0]):
                error = f"{one.attack}: {one.error}" if one.error else None
                found[one.run_id] = one.state, error
    return found


def eta(left: float | None, unknown: int, then: str = "") -> str:
    """`ETA 1h52 (16:40)`; with runs of unknown length, no time of day: `ETA 6m35s + 2 unknown`."""
    known = f"ETA {text.duration(left)}"
    if left is None:
        return known
    return f"{known} + {unknown} unknown" if unknown else known + (f" ({then})" if then else "")


@dataclass
class TrackedRun:
    """One run as seen from here."""

    run_id: str
    kind: Kind
    state: str = "queued"
    error: str | None = None
    phase: str = ""
    label: str = ""
    fraction: float = 0.0
    rate: float = 0.0
    seen: tuple[float, float] | None = None
    """Time and fraction of the first progress in this attempt."""
    took: float | None = None
    """Seconds that a finished run needed for all of its work."""
    warnings: tuple[str, ...] = ()
    """What to know before believing its numbers."""


@dataclass
class RunTracker:
    """All runs of a sweep."""

    kinds: Mapping[str, Kind]
    """Run id -> kind."""
    slots: int = 1
    """Processes at work at once, as far as that is known before they are."""
    clock: Callable[[], float] = time.monotonic
    runs: dict[str, TrackedRun] = field(init=False)

    def __post_init__(self) -> None:
        """All runs begin as queued."""
        self.runs = {run_id: TrackedRun(run_id, kind) for run_id, kind in self.kinds.items()}

    def add(self, run_id: str, kind: Kind) -> None:
        """Watch one more run."""
        if run_id not in self.runs:
            self.runs[run_id] = TrackedRun(run_id, kind)

    def put_state(self, run_id: str, state: str, error: str | None = None) -> bool:
        """Note a run's state; whether that is news about a run of this sweep."""
        run = self.runs.get(run_id)
        if run is None or run.state == state:
            return False
        if state == "done" and run.seen:
            began, share = run.seen
            run.took = (self.clock() - began) / max(1 - share, LEAST_SHARE)
        if state in WAITING:
            run.seen, run.warnings = None, ()
            if run.state == "done":
                run.fraction = 0.0  # all of it again; others go on from their checkpoints
        run.state, run.error = state, error
        return True

    def put_attacks(self, run_id: str, state: str, error: str | None = None) -> bool:
        """Note how far the attacks are that a run was asked for when it was done; whether that is news."""
        run = self.runs.get(run_id)
        took = run and run.took
        news = self.put_state(run_id, state, error)
        if run is not None:
            run.took = took  # of the whole run, whose kind it tells of
        return news

    def put_progress(self, run_id: str, phase: str, label: str, fraction: float, rate: float) -> None:
        """Note how far a run is."""
        if (run := self.runs.get(run_id)) is None or run.state in FINISHED:
            return
        run.state, run.phase, run.label, run.fraction, run.rate = "running", phase, label, fraction, rate
        run.seen = run.seen or (self.clock(), fraction)

    def put_warning(self, run_id: str, message: str) -> None:
        """Note a warning of a run."""
        if (run := self.runs.get(run_id)) is not None and message not in run.warnings:
            run.warnings += (message,)

    @property
    def over(self) -> bool:
        """Nothing more will come of its own accord."""
        return all(run.state in FINISHED for run in self.runs.values())

    def count(self, *states: str) -> int:
        """Runs in any of the states."""
        return sum(run.state in states for run in self.runs.values())

    def time_left(self, run: TrackedRun) -> float | None:
        """Seconds until a running run ends at its present speed, or None while that is unknown."""
        whole = self._whole(run)
        return None if whole is None else whole * (1 - run.fraction)

    def lengths(self) -> dict[Kind, float]:
        """Mean seconds of a run's whole work, measured or extrapolated, for each kind that has been seen at work."""
        known: dict[Kind, list[float]] = {}
        for run in self.runs.values():
            if (whole := self._whole(run)) is not None:
                known.setdefault(run.kind, []).append(whole)
        return {kind: sum(wholes) / len(wholes) for kind, wholes in known.items()}

    def sweep_left(self) -> tuple[float | None, int]:
        """Seconds until all runs of kinds seen at work end, None where none was, and how many others there are."""
        means = self.lengths()
        waiting = [run for run in self.runs.values() if run.state not in FINISHED]
        wholes = [(run, self._whole(run) or means.get(run.kind)) for run in waiting]
        lefts = [whole * (1 - run.fraction) for run, whole in wholes if whole is not None]
        unknown = len(waiting) - len(lefts)
        at_once = max(self.slots, self.count("running"))  # runs trained together take one slot
        if (waiting and not (lefts and at_once)) or not (lefts or means):
            return None, unknown
        return max(max(lefts, default=0.0), sum(lefts) / max(1, at_once)), unknown

    def _whole(self, run: TrackedRun) -> float | None:
        """Seconds of the run's whole work, measured or extrapolated."""
        if run.took is not None:
            return run.took
        if run.seen is None or run.state in FINISHED:
            return None
        began, share = run.seen
        elapsed, done = self.clock() - began, run.fraction - share
        return elapsed / done if elapsed >= FEWEST_SECONDS and done >= LEAST_SHARE else None

    def headline(self) -> str:
        """The sweep in one line."""
        ended, failed = self.count(*FINISHED), self.count(*FAILED)
        left, unknown = self.sweep_left()
        parts = [f"{ended}/{len(self.runs)} runs ended"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{self.count('running')} running", f"{self.count('queued')} queued"]
        parts += [eta(left, unknown)] if not self.over else []
        return " · ".join(parts)

    def line(self, run: TrackedRun, columns: int = 120) -> str:
        """One run in one line of a terminal that is so wide; a narrow one goes without bar and rate."""
        name = run.run_id.ljust(max(map(len, self.runs)))
        if run.state != "running":
            told = "".join(f"  ! {message}" for message in run.warnings)
            return f"{MARKS[run.state]} {name}  {run.state}{': ' + run.error if run.error else ''}{told}"
        if columns < 110:
            return f"▶ {name}  {run.label}  {run.fraction:.0%}  ETA {text.duration(self.time_left(run))}"[:columns]
        bar = ("█" * round(10 * run.fraction)).ljust(10, "░")
        rate = f"{run.rate:,.0f} img/s" if run.rate else ""
        left = text.duration(self.time_left(run))
        return f"▶ {name}  {run.phase:8s} {run.label:22s} {bar} {run.fraction:4.0%}  {rate:>13s}  ETA {left}"
