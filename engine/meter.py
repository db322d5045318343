"""How far a run is: what training and prediction tell becomes events."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine import events
from engine.data.datasets import Dataset
from engine.models import weights
from engine.spec.experiment import Experiment
from engine.training.loop import Stopped, Watcher

Emit = Callable[[events.Event], None]
PROGRESS_SECONDS = 0.4
"""Progress leaves at most this often."""
INFERRING = 0.99
"""Where the bar stands during the inference attacks, which take seconds."""


def notice(emit: Emit, run_id: str, message: str) -> None:
    """A line for the log."""
    emit(events.Notice(run_id=run_id, time=time.time(), message=message))


@dataclass(frozen=True)
class Clock:
    """When a run began, by the calendar and by a clock that nobody sets."""

    began: float
    ticks: float

    @classmethod
    def started(cls) -> "Clock":
        """One that begins now."""
        return cls(time.time(), time.monotonic())

    @property
    def now(self) -> float:
        """The time, never before the beginning."""
        return self.began + time.monotonic() - self.ticks


class Meter(Watcher):
    """Turns what training and prediction tell into events, and weighs both so that one bar shows the whole run."""

    def __init__(
        self, experiment: Experiment, data: Dataset, folder: Path, emit: Emit, should_stop: Callable[[], bool]
    ):
        self._folder = folder
        self._run_id, self._recipe, self._emit, self.should_stop = (
            experiment.run_id,
            experiment.recipe,
            emit,
            should_stop,
        )
        self._batch = min(self._recipe.batch_size, len(data.train.labels))
        self._image_work = {
            view: experiment.evaluation.passes_per_image(view, data.num_classes) for view in experiment.evaluation.views
        }
        self._images = len(data.train.labels) + len(data.test.labels)
        self._train_work = self._recipe.updates * self._batch * self._recipe.passes_per_image
        self._total = self._train_work + self._images * sum(self._image_work.values())
        self._predicted = dict.fromkeys(self._image_work, 0)
        self._phase, self._phase_images, self._phase_start, self._said = "", 0, 0.0, 0.0

    def history(self, step: int, epoch: int, metrics: dict[str, float]) -> None:
        """Training metrics become history, kept in the run's folder too; a full disk keeps it to the event alone."""
        event = events.History(run_id=self._run_id, step=step, epoch=epoch, metrics=metrics)
        weights.add_history(self._folder, event)
        self._emit(event)

    def taken_over(self, run_id: str) -> None:
        """Training is not needed: another run's weights and history are in the folder."""
        self.notice(f"not trained again: the weights are those of {run_id}, which was trained alike")
        for event in weights.history(self._folder):
            self._emit(event)

    def notice(self, message: str) -> None:
        """A line for the log."""
        notice(self._emit, self._run_id, message)

    def progress(self, step: int) -> None:
        """Training stands at `step`."""
        work = self._train_work * step / self._recipe.updates
        self._say("train", f"step {step}/{self._recipe.updates}", work, self._batch)

    def predicted(self, view: str, images: int) -> None:
        """`images` more images of a view are answered; raises `Stopped` if the run should stop."""
        if self.should_stop():
            raise Stopped
        self._predicted[view] += images
        done = sum(self._image_work[name] * count for name, count in self._predicted.items())
        self._say("predict", f"{view} {self._predicted[view]}/{self._images}", self._train_work + done, images)

    def _say(self, phase: str, label: str, work: float, images: int) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._phase_images, self._phase_start = phase, 0, now
        else:
            self._phase_images += images
        if now - self._said < PROGRESS_SECONDS:
            return
        self._said = now
        seconds = now - self._phase_start
        rate = self._phase_images / seconds if seconds > 0 else 0.0
        fraction = INFERRING * min(1.0, work / self._total)
        self._emit(events.Progress(run_id=self._run_id, phase=phase, label=label, fraction=fraction, rate=rate))
