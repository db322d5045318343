"""What a sweep will cost before it starts: runs, disk, and the time that finished runs of the same kinds took here."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from engine.spec.experiment import Experiment
from explorer.project.planning import disk
from explorer.results import text
from store.rows import Kind, Run


@dataclass(frozen=True)
class Cost:
    """The price of a sweep."""

    runs: int
    """Runs of the sweep."""
    known: int
    """Those that are done already and cost nothing."""
    seconds: float
    """Until the last of those ends whose kind has been run here."""
    timed: int
    """Finished runs that this time comes from."""
    untimed: int
    """Runs of kinds of which none has finished here."""
    disk: int
    """Bytes when disk use is at its largest: all that is kept, and the checkpoints of runs at work at once."""

    @property
    def time(self) -> str:
        """`about 31m`, `over 31m`, or that it is not known yet."""
        if not self.untimed:
            return f"about {text.duration(self.seconds)}"
        return f"over {text.duration(self.seconds)}" if self.timed else "time unknown until the first has run"

    @property
    def basis(self) -> str:
        """Where the time comes from: `from 6 finished runs of these kinds`."""
        if self.runs == self.known:
            return "all done already" if self.runs else "no runs"
        if not self.timed:
            return "no run like these has finished here"
        first = {0: "", 1: "; 1 run is the first of its kind"}
        others = first.get(self.untimed, f"; {self.untimed} runs are the first of their kind")
        return f"from {self.timed} finished run{'s' if self.timed > 1 else ''} like these{others}"


def cost(experiments: Iterable[Experiment], finished: Sequence[Run], slots: int, gpu: bool) -> Cost:
    """The cost of the experiments that are not among the `finished` runs, `slots` of them at work at once.

    gpu: whether the runs go to GPUs; only runs that went there tell their time then.
    """
    unique = {experiment.run_id: experiment for experiment in experiments}
    done = {run.run_id for run in finished}
    fresh = [experiment for run_id, experiment in unique.items() if run_id not in done]
    durations = _durations(finished, gpu)
    kinds = [kind_of(experiment) for experiment in fresh]
    times = [median(durations[kind]) for kind in kinds if kind in durations]
    slots = max(1, slots)
    checkpoints = sorted(map(disk.checkpoint_bytes, fresh), reverse=True)[:slots]
    return Cost(
        runs=len(unique),
        known=len(unique) - len(fresh),
        seconds=max(sum(times) / slots, max(times, default=0.0)),
        timed=sum(len(durations[kind]) for kind in set(kinds) & durations.keys()),
        untimed=len(fresh) - len(times),
        disk=math.ceil(sum(map(disk.kept_bytes, fresh)) + sum(checkpoints)),
    )


def kind_of(experiment: Experiment) -> Kind:
    """The kind that the run of an experiment will be of."""
    data = experiment.data
    of_data = (data.label, data.size, data.train_fraction)
    return Kind(*of_data, experiment.network, experiment.defense, experiment.capacity, experiment.recipe.steps)


def _durations(finished: Iterable[Run], gpu: bool) -> dict[Kind, list[float]]:
    found: dict[Kind, list[float]] = {}
    for run in finished:
        if run.duration and (run.device is None or run.device.startswith("cpu") != gpu):
            found.setdefault(run.kind, []).append(run.duration / run.together)
    return found
