"""The finished runs of a preset, seeds of one setting together, with all their numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.spec.experiment import Experiment
from engine.spec.recipes import SCALES, SETTINGS, recipe_for
from explorer.project.access import Results
from explorer.reproduction import authors
from explorer.reproduction.numbers import SEEDS, Number
from explorer.results import text

Row = Mapping[str, Any]
RULE = "oracle"
"""The paper's threshold rule."""


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but the seed."""

    experiment: Experiment
    """That of the first seed."""
    runs: tuple[Row, ...]
    """Rows of the query `run`, by seed."""
    row: Row
    """Their row of the query `views`."""
    over_seeds: tuple[Row, ...]
    """Their rows of the query `capacity`."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Its runs, which name it."""
        return tuple(run["run_id"] for run in self.runs)

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

    def papers(self, column: str) -> bool:
        """Whether a number of the query `views` is of the very setting that the paper's number is of."""
        return not self.departures and (not column.startswith("certified") or authors.certifies(self.experiment))

    @property
    def steps(self) -> int:
        """Updates trained for."""
        return self.experiment.recipe.steps

    @property
    def model(self) -> tuple:
        """What all settings of one table have in common."""
        return tuple(self.row[name] for name in ("dataset", "network", "size", "train_fraction", "capacity"))

    @property
    def collapsed(self) -> bool:
        """Whether it gives one class to every image, by its accuracies: most are wrong, and no attack changes any."""
        benign, attacked = (
            [self.row[f"{view}_{split}_accuracy"] for split in ("train", "test")] for view in ("benign", "adversarial")
        )
        return benign == attacked and benign[0] is not None and benign[0] < 0.5

    def number(self, column: str) -> Number | None:
        """A column of the query `views`."""
        view, _, kind = column.partition("_")
        if kind.endswith("inference_accuracy"):
            return self.attack("confidence", view, "heldout" if kind.startswith("heldout") else RULE)
        return self._number(measure="accuracy", view=view, split=kind.removesuffix("_accuracy"))

    def attack(self, attack: str, view: str, rule: str = RULE) -> Number | None:
        """The inference accuracy of an attack, of several seeds the mean."""
        return self._number(measure="inference_accuracy", attack=attack, view=view, threshold_rule=rule)

    def _number(self, **wanted: str) -> Number | None:
        row = next((row for row in self.over_seeds if _has(row, wanted)), None)
        if row is None:
            return None
        low, high = row["ci_low"], row["ci_high"]
        if row["ci_over"] == SEEDS:  # Student's interval knows nothing of 0 and 1
            low, high = max(0.0, low), min(1.0, high)
        return Number(row["mean"], low, high, row["ci_over"] or "")


def _has(row: Row, wanted: Mapping[str, str]) -> bool:
    return all(row[name] == value for name, value in wanted.items())


def day(run: Row) -> str:
    """On which a run ended, UTC: `2026-11-28`."""
    ended = run["ended"]
    return (ended if isinstance(ended, datetime) else datetime.fromtimestamp(ended, UTC)).date().isoformat()


def gather(results: Results, preset: str) -> list[Setting]:
    """The settings of the finished runs that were asked for under a preset's name, in the order of the paper's tables.

    A sweep of that name with other settings counts as well: each setting says which recipe and network it has.
    """
    groups: dict[str, list[Row]] = {}
    for listed in results.query("runs", sweep=preset, state="done"):
        (run,) = results.query("run", run_id=listed["run_id"])
        spec = json.loads(run["spec"])
        groups.setdefault(json.dumps(spec | {"seed": None}, sort_keys=True), []).append(run)
    found = []
    for runs in groups.values():
        runs.sort(key=lambda run: run["seed"])
        names = [run["run_id"] for run in runs]
        (row,) = results.query("views", run_id=names)
        over_seeds = tuple(results.query("capacity", run_id=names))
        experiment = Experiment.from_dict(json.loads(runs[0]["spec"]))
        found.append(Setting(experiment, tuple(runs), row, over_seeds))
    return sorted(found, key=_place)


def _place(setting: Setting) -> tuple:
    row = setting.row
    model = (row["dataset"], row["size"] or "", row["train_fraction"], row["capacity"])
    budgets = (list(SETTINGS).index(row["defense"]), row["epsilon"], row["evaluation_epsilon"])
    return *model, *budgets, text.natural_order(row["setting"] or ""), row["settings"]
