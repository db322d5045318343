"""The finished runs of a preset, seeds of one setting together, with all their numbers."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.registry import DEFENSES, HEADLINE, VIEWS
from engine.spec.experiment import Data, Experiment
from engine.spec.recipes import SCALES, recipe_for
from explorer.project.result_source import ResultSource
from explorer.reproduction import authors
from explorer.results import text
from explorer.results.attack_table import AUC, Statistic
from explorer.results.grouping import grouped
from explorer.results.numbers import SEEDS, Number
from store.rows import SPLITS, LeakageFact, Run, ViewKey
from store.summaries import CurvePoint, ViewsRow, collapsed

RULE = "oracle"
"""The paper's threshold rule."""
SINGLE, JOINT = ("lira", "rmia"), "lira-joint"
"""Attacks with the other models of a population as references: on one view, and on several together."""
ON_TARGETS = ("margin", *SINGLE, JOINT)
"""Attacks on the models of a population, each a target: with a threshold alone, then with the others as references."""


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but the seed."""

    experiment: Experiment
    """That of the first seed."""
    runs: tuple[Run, ...]
    """By seed."""
    row: ViewsRow
    over_seeds: tuple[CurvePoint, ...]
    found: tuple[LeakageFact, ...] = ()
    """Of a population, what attacks find in each model, whatever the threshold."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Its runs, which name it."""
        return tuple(run.run_id for run in self.runs)

    @property
    def scale(self) -> str:
        """`paper` or `quick` where the recipe is that scale's own, else `own`."""
        own, family = self.experiment, self.experiment.data.family
        return next((s for s in reversed(SCALES) if own.recipe == recipe_for(own.defense, family, s, {})), "own")

    @property
    def recipe_words(self) -> str:
        """`quick scale`, `paper scale` or `own recipe`."""
        return "own recipe" if self.scale == "own" else f"{self.scale} scale"

    @property
    def departures(self) -> list[str]:
        """In what it is not the setting behind the paper's row beside it."""
        return authors.departures(self.experiment)

    def papers(self, key: ViewKey) -> bool:
        """Whether a number is of the very setting that the paper's number is of."""
        return not self.departures and (key[0] != "certified" or authors.certifies(self.experiment))

    @property
    def steps(self) -> int:
        """Updates trained for."""
        return self.experiment.recipe.steps

    @property
    def model(self) -> tuple:
        """What all settings of one table have in common."""
        row = self.row
        return (row.dataset, row.network, row.size, row.train_fraction, row.capacity)

    @property
    def collapsed(self) -> bool:
        """Whether it gives one class to every image (`store.summaries.collapsed`)."""
        return collapsed({key: own.mean for key, own in self.row.numbers.items()})

    def number(self, view: str, kind: str) -> Number | None:
        """An accuracy on a split, or what the confidence attack infers with a threshold chosen by a rule."""
        if kind in SPLITS:
            return self._number(metric="accuracy", view=view, split=kind)
        return self.attack(HEADLINE, view, kind)

    def attack(self, attack: str, view: str, rule: str = RULE) -> Number | None:
        """The inference accuracy of an attack, of several seeds the mean."""
        return self._number(metric="inference_accuracy", attack=attack, view=view, threshold_rule=rule)

    def over_targets(self, attack: str, view: str, shown: Statistic) -> Number | None:
        """An AUC or the TPR at a low FPR, the mean over a population's models as targets; None if not resolved."""
        values = {
            fact.seed: fact.value
            for fact in self.found
            if (fact.attack, fact.view, fact.metric) == (attack, view, shown.metric)
            and (shown.rate is None or shown.allowed(fact.n_nonmember))
        }
        return Number.over_targets(values) if values else None

    def views(self, attack: str) -> list[str]:
        """In which an attack on a population ranks its models' members, as the registry has them."""
        ranked = {fact.view for fact in self.found if (fact.attack, fact.metric) == (attack, AUC.metric)}
        return [view for view in VIEWS if view in ranked]

    def _number(self, **wanted: str) -> Number | None:
        points = (
            point for point in self.over_seeds if all(getattr(point, name) == value for name, value in wanted.items())
        )
        if (point := next(points, None)) is None:
            return None
        low, high = point.ci_low, point.ci_high
        if point.ci_over == SEEDS:  # Student's interval knows nothing of 0 and 1
            low, high = max(0.0, low), min(1.0, high)
        return Number(point.mean, low, high, point.ci_over or "")


def day(run: Run) -> str:
    """On which a run ended, UTC: `2026-11-28`."""
    return datetime.fromtimestamp(run.ended, UTC).date().isoformat()


def gather(results: ResultSource, preset: str) -> list[Setting]:
    """The settings of the finished runs that were asked for under a preset's name, in the order of the paper's tables.

    A sweep of that name with other settings counts as well: each setting says which recipe and network it has.
    """
    listed = results.query("runs", sweep=preset, state="done")
    whole = results.query("run", run_id=[run.run_id for run in listed])
    found = []
    for runs in grouped(whole, lambda run: json.dumps({**run.spec, "seed": None}, sort_keys=True)).values():
        runs.sort(key=lambda run: run.seed)
        names = [run.run_id for run in runs]
        (row,) = results.query("views", run_id=names)
        over_seeds = tuple(results.query("capacity", run_id=names))
        experiment = Experiment.from_dict(runs[0].spec)
        drawn = experiment.data.split != Data.split
        on_targets = results.query("leakage", run_id=names, attack=ON_TARGETS, threshold_rule="none") if drawn else ()
        found.append(Setting(experiment, tuple(runs), row, over_seeds, tuple(on_targets)))
    return sorted(found, key=_place)


def _place(setting: Setting) -> tuple:
    row = setting.row
    model = (row.dataset, row.size or "", row.train_fraction, row.capacity)
    budgets = (list(DEFENSES).index(row.defense), row.epsilon, row.evaluation_epsilon)
    return *model, *budgets, text.natural_order(row.setting or ""), row.settings
