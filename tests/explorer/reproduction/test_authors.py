"""Which experiments are of the authors' own setting."""

from dataclasses import replace

import pytest

from engine import registry
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from explorer.reproduction import authors

EPSILON = 8 / 255


def experiment(defense, dataset="yale", **recipe):
    return Experiment(
        data=Data(name=dataset),
        network=registry.DATASETS[dataset].network,
        capacity=registry.DATASETS[dataset].capacity,
        defense=defense,
        epsilon=0.0 if defense == "natural" else EPSILON,
        seed=0,
        recipe=recipe_for(defense, dataset, "paper", recipe),
        evaluation=Evaluation(epsilon=EPSILON, certification=registry.DEFENSES[defense].certification or "ibp"),
    )


@pytest.mark.parametrize(
    ("defense", "own"),
    [
        *(("natural", {}), ("pgd", {}), ("ibp", {})),
        *(("trades", {"clean_gradient": False}), ("distributional", {"gamma_rule": "batch-mean"})),
        *(("distributional", {"gamma_rule": "batch-mean", "gamma": 9.0}), ("abstract", {"evaluation_boxes": 50})),
        ("trades", {"clean_gradient": False, "decays": "all"}),
    ],
)
def test_the_authors_own_settings_depart_in_nothing(defense, own):
    assert authors.departures(experiment(defense, **own)) == []


@pytest.mark.parametrize(
    ("defense", "recipe", "words"),
    [
        *(("trades", {}, "clean gradient"), ("distributional", {}, "gamma rule"), ("dual", {}, "network")),
        *(("abstract", {}, "evaluation boxes"), ("pgd", {"attack_steps": 3}, "attack steps")),
        ("natural", {"weight_decay": 0.1}, "weight decay"),
    ],
)
def test_recipes_of_a_methods_inventors_or_of_ones_own_are_not_the_authors(defense, recipe, words):
    assert authors.departures(experiment(defense, **recipe)) == [words]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        *(({"network": "fashion-cnn"}, "network"), ({"capacity": 4.0}, "capacity")),
        *(({"data": Data(name="yale", test_fraction=0.1)}, "data test fraction"),),
        *(({"data": Data(name="yale", train_fraction=0.1)}, "data train fraction"),),
        *(({"data": Data(name="yale", split="random")}, "data split"),),
        *(({"data": Data(name="yale", size="48x42")}, "data size"), ({"data": Data(name="digits")}, "data set")),
        ({"evaluation": Evaluation(epsilon=EPSILON, temperature=50.0)}, "evaluation temperature"),
        ({"evaluation": Evaluation(epsilon=EPSILON, steps=1)}, "evaluation steps"),
        ({"evaluation": Evaluation(epsilon=EPSILON, step_size=1.0)}, "evaluation step size"),
    ],
)
def test_other_data_networks_and_attacks_are_not_the_authors(changed, words):
    assert authors.departures(replace(experiment("pgd"), **changed)) == [words]


@pytest.mark.parametrize("defense", ["trades", "distributional"])
def test_on_cifar10_two_methods_had_networks_that_are_none_of_ours(defense):
    own = authors.RECIPES[defense]["cifar10"]
    assert authors.departures(experiment(defense, "cifar10", **own)) == ["network"]
    assert authors.departures(experiment("pgd", "cifar10")) == []


def test_certified_numbers_are_the_authors_by_their_own_method_only():
    own = experiment("ibp")
    assert authors.certifies(own)
    assert not authors.certifies(replace(own, evaluation=replace(own.evaluation, certification="crown-ibp")))
