"""The question asked on the way out while work is in progress."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.job_settings import RunOptions
from engine.service import protocol
from engine.service.client import EngineRefused, EngineUnreachable
from explorer.app.terminal import come_back
from explorer.app.widgets.box import Box
from explorer.app.widgets.menu import Menu
from explorer.project.places import GO_ON
from explorer.project.run_tracking import RunTracker, TrackedRun
from explorer.results import text
from explorer.results.grouping import grouped

PHASES = {"load": "loading data", "train": "training", "predict": "predicting", "infer": "attacking"}
GRACE = {"s": None, "k": 0.0}
"""Seconds that running jobs get for a last checkpoint; None: the engine's own setting."""


def at_work(tracker: RunTracker) -> str:
    """The work in progress in one line: `1 training (31m left), 1 predicting, 5 queued`."""
    running = [run for run in tracker.runs.values() if run.state == "running"]
    by_phase = grouped(running, lambda run: PHASES.get(run.phase, "starting"))
    parts = [f"{len(runs)} {phase}{_left(tracker, runs)}" for phase, runs in by_phase.items()]
    waiting = tracker.count("queued")
    return ", ".join(parts + ([f"{waiting} queued"] if waiting else []))


def _left(tracker: RunTracker, runs: Iterable[TrackedRun]) -> str:
    """How long the last of them takes, where that is known of all."""
    times = [tracker.time_left(run) for run in runs]
    return "" if None in times else f" ({text.duration(max(times))} left)"


class Leave(ModalScreen[None]):
    """Detach, stop the engine in one of two ways, or stay; a refusal is shown and the dialog stays."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.menu = Menu(
            {
                "d": ("Detach", "the engine goes on"),
                "s": ("Stop after checkpoints", "jobs are queued for the next engine"),
                "k": ("Stop now", f"loses at most about {RunOptions.checkpoint_seconds:.0f} s of work"),
                "escape": ("Stay", ""),
            },
            careful="k",
        )

    def compose(self) -> ComposeResult:
        """What is at work, the ways out, and what happens by itself."""
        yield Box(
            "Leave mia-explore?",
            "d s k  ↑↓ enter choose  esc stay",
            Static(f"{at_work(self.app.project.tracker)}.", id="work", markup=False),
            self.menu,
            Static(self._words(), id="words", markup=False),
            id="leave",
        )

    def _words(self) -> str:
        project = self.app.project
        words = ["k wants a second press. Losing the terminal or ssh is the same as d."]
        words += [GO_ON] if project.placed else []
        return "\n".join([*words, f"Back in: {come_back(project.paths, project.read_only)}"])

    @on(Menu.OptionSelected)
    def answered(self, event: Menu.OptionSelected) -> None:
        """Go the way that was chosen."""
        if event.option_id == "escape":
            self.dismiss()
        elif event.option_id == "d":
            self.app.exit(0)
        else:
            self.run_worker(self._stop(GRACE[event.option_id]), exclusive=True)

    async def _stop(self, grace: float | None) -> None:
        self.query_one("#words", Static).update("stopping the engine …")
        try:
            await self.app.project.call(protocol.Stop(grace=grace))
        except (EngineRefused, EngineUnreachable) as error:
            self.query_one("#words", Static).update(f"The engine was not stopped: {error}")
            return
        self.app.engine_stopped = True
        self.app.exit(0)
