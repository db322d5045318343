"""How each defense trains on each data set: the paper's numbers, and quick ones for two CPU cores.

The settings of a defense are one frozen dataclass (`settings`); a data set's numbers are one row of a table
(`numbers`). A sweep file may override any field under `[recipe]`.
"""

import contextlib
import dataclasses
from typing import Any

from engine import registry
from engine.spec.recipes.numbers import OWN, RECIPES
from engine.spec.recipes.settings import PretrainedRecipe, Recipe
from engine.validation import SpecError, coerce, from_mapping, require

SCALES = tuple(RECIPES)
OF_WEIGHTS = ("weights", "fingerprint")
"""All that the recipe of a model that comes trained says."""
STEP_NUMBERS = ("epsilon_warmup", "ramp_start", "ramp_end", "robust_start")
"""Settings counted in steps, besides the milestones of the learning rate."""


def settings_of(defense: str) -> type[Recipe]:
    """The class of a defense's settings."""
    return registry.DEFENSES[defense].load("recipe")


def recipe_for(defense: str, dataset: str, scale: str, overrides: dict[str, Any]) -> Recipe:
    """The recipe of one defense on one data-set family.

    Overriding `steps` alone keeps the schedule's shape: milestones, warm-up and ramp shrink or grow in proportion.
    Overrides that this defense has no use for are left to the defenses of the same sweep that have.
    """
    cls, row = settings_of(defense), registry.DEFENSES[defense]
    if cls is PretrainedRecipe:
        return from_mapping(cls, {name: overrides[name] for name in OF_WEIGHTS if name in overrides}, "recipe")
    own = registry.DATASETS[dataset].recipes
    numbers, known = own or dataset, RECIPES[scale]
    allowed = f"the data set whose training numbers it takes, one of {', '.join(known)}"
    require(numbers in known, f"{dataset}: the `recipes` of its row", own, allowed)
    values = {**RECIPES[scale][numbers], **OWN[scale][numbers].get(defense, row.defaults)}
    if isinstance(overrides.get("steps"), int):
        ratio = coerce("recipe.steps", overrides["steps"], int) / values["steps"]
        values["milestones"] = tuple(dict.fromkeys(round(step * ratio) for step in values["milestones"]))
        values["factors"] = values["factors"][len(values["factors"]) - len(values["milestones"]) :]
        values |= {name: round(values[name] * ratio) for name in STEP_NUMBERS if name in values}
    known = {field.name for field in dataclasses.fields(cls)}
    return from_mapping(cls, {name: value for name, value in (values | overrides).items() if name in known}, "recipe")


def known_overrides() -> set[str]:
    """Every key that `[recipe]` may hold for some defense."""
    found = {"steps_rule"}
    for defense in registry.DEFENSES:
        with contextlib.suppress(SpecError):  # another package's that cannot be imported: said where it is asked for
            found |= {field.name for field in dataclasses.fields(settings_of(defense))}
    return found - {"steps_rule"}
