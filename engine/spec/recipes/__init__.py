"""How each defense trains on each data set: the paper's numbers, and quick ones for two CPU cores.

The settings of a defense are one frozen dataclass (`settings`); a data set's numbers are one row of a table
(`numbers`). A sweep file may override any field under `[recipe]`.
"""

import dataclasses
from typing import Any

from engine.spec.recipes.numbers import CAPACITY, EPSILON, NETWORK, OWN, RECIPES
from engine.spec.recipes.settings import (
    DEFENSES,
    SETTINGS,
    UNBUDGETED,
    AbstractRecipe,
    DistributionalRecipe,
    DualRecipe,
    IBPRecipe,
    PGDRecipe,
    PretrainedRecipe,
    Recipe,
    RobustRecipe,
    TRADESRecipe,
    VerifiableRecipe,
)
from engine.spec.recipes.steps_rule import at_capacity, read_rule
from engine.validation import coerce, from_mapping

SCALES = tuple(RECIPES)
OF_WEIGHTS = ("weights", "fingerprint")
"""All that the recipe of a model that comes trained says."""
STEP_NUMBERS = ("epsilon_warmup", "ramp_start", "ramp_end", "robust_start")
"""Settings counted in steps, besides the milestones of the learning rate."""
ALL_VIEWS = ("benign", "adversarial", "targeted", "certified")
"""What a model can be asked for, in the order of tables."""
CERTIFICATIONS = ("ibp", "crown-ibp", "dual", "crown", "alpha-crown")
"""Methods that bound a model's answers in a whole box, cheapest first."""
VERIFIER = {"dual": "dual", "abstract": "ibp", "ibp": "ibp"}
"""The verifiable defenses, with the method that certifies their models where a sweep names none."""


def recipe_for(defense: str, dataset: str, scale: str, overrides: dict[str, Any]) -> Recipe:
    """The recipe of one defense on one data-set family.

    Overriding `steps` alone keeps the schedule's shape: milestones, warm-up and ramp shrink or grow in proportion.
    Overrides that this defense has no use for are left to the defenses of the same sweep that have.
    """
    cls = SETTINGS[defense]
    if cls is PretrainedRecipe:
        return from_mapping(cls, {name: overrides[name] for name in OF_WEIGHTS if name in overrides}, "recipe")
    values = {**RECIPES[scale][dataset], **OWN[scale][dataset].get(defense, {})}
    if isinstance(overrides.get("steps"), int):
        ratio = coerce("recipe.steps", overrides["steps"], int) / values["steps"]
        values["milestones"] = tuple(dict.fromkeys(round(step * ratio) for step in values["milestones"]))
        values["factors"] = values["factors"][len(values["factors"]) - len(values["milestones"]) :]
        values |= {name: round(values[name] * ratio) for name in STEP_NUMBERS if name in values}
    known = {field.name for field in dataclasses.fields(cls)}
    return from_mapping(cls, {name: value for name, value in (values | overrides).items() if name in known}, "recipe")


def known_overrides() -> set[str]:
    """Every key that `[recipe]` may hold for some defense."""
    return {field.name for cls in SETTINGS.values() for field in dataclasses.fields(cls)} - {"steps_rule"}


__all__ = [
    "ALL_VIEWS",
    "CAPACITY",
    "CERTIFICATIONS",
    "DEFENSES",
    "EPSILON",
    "NETWORK",
    "OF_WEIGHTS",
    "RECIPES",
    "SCALES",
    "SETTINGS",
    "STEP_NUMBERS",
    "UNBUDGETED",
    "VERIFIER",
    "AbstractRecipe",
    "DistributionalRecipe",
    "DualRecipe",
    "IBPRecipe",
    "PGDRecipe",
    "PretrainedRecipe",
    "Recipe",
    "RobustRecipe",
    "TRADESRecipe",
    "VerifiableRecipe",
    "at_capacity",
    "known_overrides",
    "read_rule",
    "recipe_for",
]
