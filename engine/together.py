"""Many experiments carried out as one stack, each with its own events, files and end."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine import events, experiment
from engine.evaluation.together import Asked, predict_together
from engine.experiment import RunContext
from engine.failures import in_one_line
from engine.job_settings import ANSWERS
from engine.meter import Clock, Emit, Meter, notice
from engine.models import weights
from engine.spec.experiment import Experiment
from engine.training import checkpoints
from engine.training.loop import DivergedError, Stopped
from engine.training.stack_size import best_size
from engine.training.together import Trainee, train_together


@dataclass(eq=False)
class StackedRun:
    """A run of a stack: what `experiment.run` is given for one, and where it stands."""

    experiment: Experiment
    context: RunContext
    emit: Emit
    should_stop: Callable[[], bool]
    attacks: experiment.Asked | None = None
    trainee: Trainee = field(init=False)
    clock: Clock | None = None
    ended: bool = False

    @property
    def folder(self) -> Path:
        """Its weights, checkpoints and answers."""
        return self.context.folder

    def prepare(self) -> None:
        """Read its images and draw its network."""
        data = experiment.images(self.experiment, self.context)
        meter = Meter(self.experiment, data, self.folder, self.emit, self.should_stop)
        model = experiment.untrained(self.experiment, data)
        self.trainee = Trainee(model, data, self.experiment, self.folder, meter)

    def begin(self, together: int) -> None:
        """Tell that it begins, as one of so many."""
        self.clock = experiment.start(self.experiment, self.context, self.emit, together)
        for words in self.trainee.data.notes:
            self.trainee.watcher.notice(words)

    def end(self, reason: Exception | None = None) -> None:
        """Tell how it ended before its time."""
        states = {type(None): "queued", Stopped: "queued", DivergedError: "diverged"}
        state = states.get(type(reason), "failed")
        error = {"queued": None, "diverged": str(reason)}.get(state, in_one_line(reason) if reason else None)
        at = self.clock.now if self.clock else time.time()
        self.emit(events.RunEnded(run_id=self.experiment.run_id, state=state, time=at, error=error))
        self.ended = True

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Whatever goes wrong here is the end of this run alone."""
        try:
            yield
        except (BrokenPipeError, ConnectionResetError):
            raise  # nobody is left to be told
        except Exception as error:  # noqa: BLE001 - it is told to the person who waits for the run
            self.end(error)


def run(runs: Sequence[StackedRun]) -> None:
    """Carry out as many of the runs as are best trained together, at least one; the others end as `queued`, not begun.

    One that cannot be prepared, its images being bad, say, fails and leaves the others alone. All have one
    `Experiment.stack_id` and one device. Those that an earlier process has trained together go on together. A run with
    nothing left to train is carried out by itself, when no others are left to train.
    """
    chosen = _chosen(runs)
    for each in runs:
        if each not in chosen and not each.ended:
            each.end()
    if len(chosen) < 2:
        for only in chosen:
            experiment.run(only.experiment, only.context, only.emit, only.should_stop, only.attacks)
        return
    for each in chosen:
        each.begin(len(chosen))
    _train(chosen)
    _ask([each for each in chosen if not each.ended])
    for each in chosen:
        if not each.ended:
            with each.guarded():
                experiment.finish(each.experiment, each.context, each.emit, each.clock, each.should_stop, each.attacks)


def _chosen(runs: Sequence[StackedRun]) -> list[StackedRun]:
    """Those to be carried out here: some that are to be trained and stand alike, or else the first by itself.

    None where all that stand alike have ended.
    """
    groups: dict[tuple[str, ...], list[StackedRun]] = {}
    for each in runs:
        if not _begun(each):
            groups.setdefault(_companions(each), []).append(each)
    before, alike = next((group for group in groups.items() if len(group[1]) > 1), ((), list(runs[:1])))
    if len(alike) == 1:
        return alike
    ready = _prepared(alike)
    if not ready:
        return [each for each in alike if not each.ended][:1]
    try:
        return ready if before else ready[: best_size([each.trainee for each in ready])]
    except Exception:  # noqa: BLE001 - what is wrong with the first by itself is told when that is carried out
        return ready[:1]


def _prepared(runs: Sequence[StackedRun]) -> list[StackedRun]:
    """Those that are prepared; of the others some have ended, and those for which memory is short wait."""
    ready = []
    for each in runs:
        with each.guarded():
            try:
                each.prepare()
                ready.append(each)
            except (RuntimeError, MemoryError) as error:  # torch's, for memory
                words = f"not trained together with others ({in_one_line(error)}); it is by itself"
                notice(each.emit, each.experiment.run_id, words)
    return ready


def _begun(own: StackedRun) -> bool:
    """Whether nothing is left to train: the run has answers or weights, or finds those of another one."""
    has = [own.folder / ANSWERS, own.folder / weights.FILE]
    return any(path.exists() for path in has) or weights.trained_alike(own.folder, own.experiment) is not None


def _companions(own: StackedRun) -> tuple[str, ...]:
    """The runs that its checkpoint was trained together with: itself alone, or nothing where there is none."""
    for saved in checkpoints.readable(own.folder, lambda _: None):
        return saved.stack or (own.experiment.run_id,)
    return ()


def _train(runs: Sequence[StackedRun]) -> None:
    """Train all; those that come to its end have their weights in their folders.

    What only the training of all of them meets is said, and each goes on by itself from its last checkpoint.
    """
    patience, run_of = runs[0].context.options.checkpoint_seconds, {each.trainee: each for each in runs}
    try:
        trained = train_together(list(run_of), lambda who, why: run_of[who].end(why), checkpoint_seconds=patience)
    except (RuntimeError, MemoryError) as error:  # torch's, for what it cannot map and for memory
        runs[0].trainee.watcher.notice(f"not trained together ({in_one_line(error)}); each goes on by itself")
        return
    for each in (run_of[trainee] for trainee in trained):
        with each.guarded():
            weights.save(each.folder, each.trainee.model, each.experiment)
            checkpoints.discard(each.folder)


def _ask(runs: Sequence[StackedRun]) -> None:
    """Ask all that are trained; those that answer have their answers in their folders, as far as all can be asked."""
    ready = [each for each in runs if (each.folder / weights.FILE).exists()]
    if len(ready) < 2:
        return
    asked = [
        Asked(each.trainee.model, each.trainee.data, each.experiment.evaluation, each.trainee.watcher.predicted)
        for each in ready
    ]
    try:
        answers = predict_together(asked)
    except (RuntimeError, MemoryError) as error:  # torch's, for what it cannot map and for memory
        ready[0].trainee.watcher.notice(f"not asked together ({in_one_line(error)}); each is by itself")
        return
    for each, found in zip(ready, answers, strict=True):
        if isinstance(found, Exception):
            each.end(found)
            continue
        with each.guarded():
            experiment.keep(each.experiment, each.folder, each.trainee.model, each.trainee.data, found)
