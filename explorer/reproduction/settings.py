"""The finished runs of a preset, seeds of one setting together, with all their numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.recipes import SCALES, SETTINGS, recipe_for
from engine.spec import Experiment
from explorer import text
from explorer.project.access import Results

Row = Mapping[str, Any]
RULE = "oracle"
"""The paper's threshold rule."""


@dataclass(frozen=True)
class Number:
    """One number of ours, as a share."""

    value: float
    low: float | None
    high: float | None
    """95 % interval: over seeds from two on, over examples for one seed's leakage; None where there is none."""


@dataclass(frozen=True)
class Setting:
    """Runs that differ in nothing but the seed."""

    experiment: Experiment
    """That of the first seed."""
    runs: tuple[Row, ...]
    """Rows of the query `run`, by seed."""
    row: Row
    """Their row of the query `views`."""
    leakage: tuple[Row, ...]
    """Rows of the query `leakage` of all classes together."""

    @property
    def scale(self) -> str:
        """`paper` or `quick` where the recipe is that scale's own, else `own`."""
        own, family = self.experiment, self.experiment.data.family
        return next((s for s in reversed(SCALES) if own.recipe == recipe_for(own.defense, family, s, {})), "own")

    @property
    def papers(self) -> bool:
        """Whether recipe, network, image size and data are those of the paper's row beside it."""
        same = self.row["capacity"] == self.row["paper_capacity"]
        same &= self.row["train_fraction"] == self.row["paper_train_fraction"]
        return same and self.scale == "paper" and self.experiment.data.size is None

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
        value = self.row[column]
        if value is None:
            return None
        if len(self.runs) > 1:
            # Student's interval of two seeds may reach where no share can be.
            return Number(value, max(0.0, self.row[f"{column}_ci_low"]), min(1.0, self.row[f"{column}_ci_high"]))
        view = column.removesuffix("_inference_accuracy").removesuffix("_heldout")
        found = self.attack("confidence", view, "heldout" if "heldout" in column else RULE)
        return found if column.endswith("inference_accuracy") and found else Number(value, None, None)

    def attack(self, attack: str, view: str, rule: str = RULE) -> Number | None:
        """The inference accuracy of an attack; of several seeds the mean, without an interval."""
        wanted = {"attack": attack, "view": view, "threshold_rule": rule, "metric": "inference_accuracy"}
        found = [row for row in self.leakage if all(row[name] == value for name, value in wanted.items())]
        if not found:
            return None
        value = sum(row["value"] for row in found) / len(found)
        return Number(value, found[0]["ci_low"], found[0]["ci_high"]) if len(found) == 1 else Number(value, None, None)


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
        leakage = tuple(each for each in results.query("leakage", run_id=names) if each["class_label"] is None)
        found.append(Setting(Experiment.from_dict(json.loads(runs[0]["spec"])), tuple(runs), row, leakage))
    return sorted(found, key=_place)


def _place(setting: Setting) -> tuple:
    row = setting.row
    model = (row["dataset"], row["size"] or "", row["train_fraction"], row["capacity"])
    budgets = (list(SETTINGS).index(row["defense"]), row["epsilon"], row["evaluation_epsilon"])
    return *model, *budgets, text.natural_order(row["setting"] or ""), row["settings"]
