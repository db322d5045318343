"""What a sweep will cost before it starts: runs, time and disk, from the runs finished here where there are any."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any

from engine.spec.experiment import Experiment
from engine.spec.recipes import DEFENSES, SCALES, Recipe, recipe_for
from explorer.project.planning import work

Row = Mapping[str, Any]
"""A row of the store's `runs`."""


@dataclass(frozen=True)
class Cost:
    """The price of a sweep."""

    runs: int
    """Runs of the sweep."""
    known: int
    """Those that are done already and cost nothing."""
    seconds: float | None
    """Until the last run ends; None where nothing tells how fast a network of one's own is."""
    rough: bool
    """Some run has no finished one of its network, defense, steps and image size to go by."""
    disk: int
    """Bytes when disk use is at its largest: all that is kept, and the checkpoints of runs at work at once."""
    basis: str
    """Where the time comes from: `from 6 finished runs like these`."""


@dataclass(frozen=True)
class Estimate:
    """The time of one run."""

    seconds: float | None
    basis: str
    """Words with room for the number of `rows`, or without."""
    rough: bool
    rows: tuple[Row, ...] = ()
    """The finished runs that it comes from."""


def cost(experiments: Iterable[Experiment], finished: Sequence[Row], slots: int, gpu: bool) -> Cost:
    """The cost of the experiments that are not among the `finished` runs, `slots` of them at work at once.

    finished: rows of the store's `runs` in the state done. gpu: whether the runs go to GPUs.
    """
    unique = {experiment.run_id: experiment for experiment in experiments}
    done = {row["run_id"] for row in finished}
    fresh = [experiment for run_id, experiment in unique.items() if run_id not in done]
    past = Past(finished, gpu)
    estimates = [past.estimate(experiment) for experiment in fresh]
    times = [estimate.seconds for estimate in estimates]
    slots = max(1, slots)
    total = None if None in times else max(sum(times) / slots, max(times, default=0.0))
    checkpoints = sorted(map(work.checkpoint_bytes, fresh), reverse=True)[:slots]
    return Cost(
        runs=len(unique),
        known=len(unique) - len(fresh),
        seconds=total,
        rough=any(estimate.rough for estimate in estimates),
        disk=math.ceil(sum(map(work.kept_bytes, fresh)) + sum(checkpoints)),
        basis=_basis(estimates) if fresh else "all done already" if unique else "no runs",
    )


class Past:
    """The finished runs of a project, and what they say about the time of others."""

    def __init__(self, finished: Sequence[Row], gpu: bool):
        self._gpu = gpu
        self._seen: dict[tuple, Estimate] = {}
        self._by_data: dict[tuple[str, float], list[Row]] = defaultdict(list)
        for row in finished:
            device = row.get("device")
            alike = device is None or device.startswith("cpu") != gpu
            if alike and took(row) > 0 and row["defense"] in DEFENSES and row["steps"]:
                self._by_data[row["dataset"], row["train_fraction"]].append(row)

    def estimate(self, experiment: Experiment) -> Estimate:
        """The time of one run, by the nearest finished runs.

        First come those of the same data, image size, network, defense, steps and capacity. Then those of the same
        data, scaled by the model of work: of another capacity only, of the same network and defense, of the same
        network, of any family. A run's row does not say the rest of its recipe: see `recipe_of`.
        """
        evaluation = experiment.evaluation
        # One estimate serves all runs that differ in nothing that takes time.
        kind = (experiment.data, experiment.network, experiment.capacity, experiment.defense, experiment.recipe)
        kind += (evaluation.steps, evaluation.views, experiment.inference)
        if kind not in self._seen:
            self._seen[kind] = self._estimate(experiment)
        return self._seen[kind]

    def _estimate(self, experiment: Experiment) -> Estimate:
        network, defense = experiment.network, experiment.defense
        candidates = self._by_data.get((experiment.data.label, experiment.data.train_fraction), [])
        same_network = [row for row in candidates if row["network"] == network]
        same_kind = [row for row in same_network if row["defense"] == defense]
        effort = (experiment.recipe.steps, experiment.data.size)
        same_effort = [row for row in same_kind if (row["steps"], row["size"]) == effort]
        if alike := [row for row in same_effort if row["capacity"] == experiment.capacity]:
            return Estimate(median(map(took, alike)), "from {} like these", False, tuple(alike))
        known = network in work.PASS_NANOSECONDS
        families = [row for row in candidates if known and row["network"] in work.PASS_NANOSECONDS]
        if rows := same_effort or same_kind or same_network or families:
            scaled = self._speed(rows, experiment) * self._modelled(experiment)
            return Estimate(scaled, "scaled from {}", not same_effort, tuple(rows))
        if not known:
            return Estimate(None, f"no run of {network} has finished here", True)
        basis = f"from {'a guess at a GPU' if self._gpu else 'a typical CPU core'}, rough"
        return Estimate(self._modelled(experiment), basis, True)

    def _speed(self, rows: Sequence[Row], experiment: Experiment) -> float:
        """Seconds that the rows took for each one of the model's."""

        @cache
        def modelled(network: str, capacity: float, defense: str, steps: int, size: str | None) -> float:
            data, recipe = replace(experiment.data, size=size), recipe_of(experiment, defense, steps)
            asked = experiment.evaluation, experiment.inference
            return work.seconds(data, network, capacity, recipe, *asked, gpu=self._gpu)

        columns = ("network", "capacity", "defense", "steps", "size")
        return median(took(row) / modelled(*(row[name] for name in columns)) for row in rows)

    def _modelled(self, run: Experiment) -> float:
        asked = run.evaluation, run.inference
        return work.seconds(run.data, run.network, run.capacity, run.recipe, *asked, gpu=self._gpu)


def took(row: Row) -> float:
    """Seconds from the latest start of a run to its end; 0 where the row does not say."""
    started, ended = row["started"], row["ended"]
    return 0.0 if started is None or ended is None else ended - started


def recipe_of(experiment: Experiment, defense: str, steps: int) -> Recipe:
    """The recipe that a finished run of the same data most likely had.

    The experiment's own, or the one beside it, with so many steps; another scale's where the steps are nearer to it.
    """
    family = experiment.data.family
    scale = nearest_scale(family, defense, steps)
    if scale == nearest_scale(family, experiment.defense, experiment.recipe.steps):
        return replace(recipe_like(experiment, defense), steps=steps)
    return recipe_for(defense, family, scale, {"steps": steps})


def nearest_scale(family: str, defense: str, steps: int) -> str:
    """The scale whose recipe trains for about as many steps on this family of data."""
    return min(SCALES, key=lambda scale: abs(math.log(recipe_for(defense, family, scale, {}).steps / steps)))


def recipe_like(experiment: Experiment, defense: str) -> Recipe:
    """The recipe that another defense would have had beside this experiment.

    Its scale's, with as many steps and images where this experiment's are not its scale's own.
    """
    if defense == experiment.defense:
        return experiment.recipe
    family, ours = experiment.data.family, experiment.recipe
    scale = nearest_scale(family, experiment.defense, ours.steps)
    own = recipe_for(experiment.defense, family, scale, {})
    changed = {
        name: getattr(ours, name) for name in ("steps", "batch_size") if getattr(ours, name) != getattr(own, name)
    }
    return recipe_for(defense, family, scale, changed)


def _basis(estimates: Iterable[Estimate]) -> str:
    """`from 6 finished runs like these, others scaled from 3 finished natural runs`."""
    sources: dict[str, dict[str, Row]] = {}
    for estimate in estimates:
        sources.setdefault(estimate.basis, {}).update({row["run_id"]: row for row in estimate.rows})
    return ", others ".join(words.format(_counted(list(rows.values()))) for words, rows in sources.items())


def _counted(rows: Sequence[Row]) -> str:
    """`3 finished natural runs`; the defense only where it is one."""
    defenses = {row["defense"] for row in rows}
    kind = f"{defenses.pop()} " if len(defenses) == 1 else ""
    return f"{len(rows)} finished {kind}run{'s' if len(rows) != 1 else ''}"
