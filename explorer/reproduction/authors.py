"""The setting behind the paper's numbers: the authors' data, networks, training and attack.

The `paper` scale of `engine.spec.recipes` has the numbers of the authors' code (protocol B0 to B6). Below stands, by
defense and data set, where that scale goes by a method's inventors instead, and where no network of ours is theirs.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from engine import registry
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import PretrainedRecipe, recipe_for

DATASETS = {name: row for name, row in registry.DATASETS.items() if row.in_paper}
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "trades": {name: {"clean_gradient": False} for name in DATASETS},  # B3: none through the clean answers
    "distributional": {name: {"gamma_rule": "batch-mean"} for name in DATASETS},  # B2: the mean |gradient|
    "abstract": {  # B5: the ramp is advanced by the evaluation after each pass too
        "yale": {"evaluation_boxes": 50},
        "fashion-mnist": {"evaluation_boxes": 100},
    },
}
"""What the authors set otherwise than our `paper` scale, by defense and data set."""
OTHER_NETWORKS = {
    ("dual", "yale"): "4x4 kernels in strided layers, images padded to 192x192",  # protocol C
    ("dual", "fashion-mnist"): "4x4 kernels in strided layers",
    ("trades", "cifar10"): "WRN-34-10 with convolutions in its shortcuts, without standardisation",
    ("distributional", "cifar10"): "plain ReLU",
}
"""Where the authors' network is none of ours: by how it differs. Paddings and biases alone are not counted."""
EVALUATION = ("steps", "step_size", "temperature")
"""Settings of the attack and the answers; the authors' are the defaults (protocol A)."""
UNREAD = ("steps_rule", "decays")
"""Settings on which no number hangs: the rule that led to the steps, and whether biases decay too (B3, B4: they do)."""


def departures(experiment: Experiment) -> list[str]:
    """The settings in which an experiment is not the authors', in words.

    Its epsilon is not looked at: the paper's number beside it is of the same one.
    """
    family = experiment.data.family
    if family not in DATASETS:
        return ["data set"]
    return [*_of_data(experiment), *_of_network(experiment), *_of_training(experiment), *_of_evaluation(experiment)]


def certifies(experiment: Experiment) -> bool:
    """Whether certified answers are by the method that the authors certified this defense's models with."""
    return experiment.evaluation.certification == registry.DEFENSES[experiment.defense].certification


def _of_data(experiment: Experiment) -> Iterator[str]:
    data = experiment.data
    same = ("size", "train_fraction", "test_fraction", "split")
    yield from (f"data {_words(name)}" for name in same if getattr(data, name) != getattr(Data, name))


def _of_network(experiment: Experiment) -> Iterator[str]:
    family = experiment.data.family
    if experiment.network != DATASETS[family].network or (experiment.defense, family) in OTHER_NETWORKS:
        yield "network"
    if experiment.capacity != DATASETS[family].capacity:
        yield "capacity"


def _of_training(experiment: Experiment) -> Iterator[str]:
    recipe, family = experiment.recipe, experiment.data.family
    if isinstance(recipe, PretrainedRecipe):
        yield "weights"
        return
    own = RECIPES.get(experiment.defense, {}).get(family, {})
    theirs = recipe_for(experiment.defense, family, "paper", own)
    unread = (*UNREAD, *(("gamma",) if own.get("gamma_rule") == "batch-mean" else ()))
    for field in fields(recipe):
        if field.name not in unread and getattr(recipe, field.name) != getattr(theirs, field.name):
            yield _words(field.name)


def _of_evaluation(experiment: Experiment) -> Iterator[str]:
    for name in EVALUATION:
        if getattr(experiment.evaluation, name) != getattr(Evaluation, name):
            yield f"evaluation {_words(name)}"


def _words(name: str) -> str:
    return name.replace("_", " ")
