"""In which settings an experiment departs from the recipe and the split of its data set, in words for tables."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import PurePath
from typing import Any

from engine.spec.experiment import Evaluation, Experiment
from engine.spec.recipes import SCALES, PretrainedRecipe, Recipe, recipe_for

ASKED = ("steps", "step_size", "temperature")
"""Settings of the evaluation that have no column of their own."""


def setting(experiment: Experiment) -> str | None:
    """`weight decay 0.001, temperature 5`; None where all is as in the nearest scale's recipe and the paper's split."""
    found = [list(_of_scale(experiment, scale)) for scale in SCALES]
    evaluation = experiment.evaluation
    asked = [
        f"{'evaluation ' if name != 'temperature' else ''}{_words(name, getattr(evaluation, name))}"
        for name in ASKED
        if getattr(evaluation, name) != getattr(Evaluation, name)
    ]
    data = experiment.data
    drawn = [] if data.split == "paper" else [f"members {data.split} {data.member_share:g}"]
    return ", ".join([*drawn, *min(found, key=len), *asked]) or None


def _of_scale(experiment: Experiment, scale: str) -> Iterator[str]:
    """In what a recipe departs from that of a scale; of weights that come trained, their name and content."""
    recipe, family = experiment.recipe, experiment.data.family
    if isinstance(recipe, PretrainedRecipe):
        yield f"weights {PurePath(recipe.weights).name} {recipe.fingerprint[:4]}"
        return
    if recipe.steps_rule or recipe.steps != recipe_for(experiment.defense, family, scale, {}).steps:
        yield f"steps {recipe.steps_rule or recipe.steps}"
    alike = {"steps": recipe.steps, "steps_rule": recipe.steps_rule}
    yield from _differing(recipe, recipe_for(experiment.defense, family, scale, alike))


def _differing(recipe: Recipe, usual: Recipe) -> Iterator[str]:
    for field in fields(recipe):
        if (value := getattr(recipe, field.name)) != getattr(usual, field.name):
            yield _words(field.name, value)


def _words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, tuple):
        value = " ".join(f"{entry:g}" for entry in value) or "none"
    elif isinstance(value, float):
        value = f"{value:.6g}"
    return f"{name.replace('_', ' ')} {value}"
