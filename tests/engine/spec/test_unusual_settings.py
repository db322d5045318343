import pytest

from engine.spec import sweeps
from engine.spec.unusual_settings import setting

DIGITS = {"name": "mine", "dataset": "digits", "grid": {"defense": ["pgd"]}}


def said(*overrides, table=DIGITS, scale="quick"):
    (run,) = sweeps.plan(table, scale, overrides, ".").experiments
    return setting(run)


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
@pytest.mark.parametrize("defense", ["natural", "pgd", "ibp"])
def test_a_recipe_as_it_is_needs_no_words(dataset, scale, defense, monkeypatch):
    monkeypatch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
    assert said(table={"name": "t", "dataset": dataset, "grid": {"defense": [defense]}}, scale=scale) is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["evaluation.temperature=5"], "temperature 5"),
        (["recipe.weight_decay=1e-3", "evaluation.temperature=0.5"], "weight decay 0.001, temperature 0.5"),
        (["recipe.steps=1500"], "steps 1500"),
        (["recipe.steps=300 * capacity^0.5", "capacity=4"], "steps 300 * capacity^0.5"),
        (["recipe.attack_steps=7", "evaluation.steps=7"], "attack steps 7, evaluation steps 7"),
        (["recipe.random_start=false"], "random start no"),
        (["recipe.milestones=[]", "recipe.factors=[]"], "milestones none, factors none"),
        (["data.split=random"], "members random 0.5"),
        (["data.split=bernoulli", "data.member_share=0.3", "recipe.steps=9"], "members bernoulli 0.3, steps 9"),
        (["epsilon=0.3", "seed=4", "capacity=3", "evaluation.epsilon=0.1"], None),
    ],
)
def test_departures_are_said_in_words(overrides, words):
    assert said(*overrides) == words
