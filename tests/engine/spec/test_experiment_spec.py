import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import registry
from engine.spec.experiment import Data, Evaluation, Experiment, Inference
from engine.spec.recipes import RECIPES, recipe_for
from engine.validation import SpecError


def experiment(**changes):
    defense = changes.get("defense", "pgd")
    settings = {
        "data": Data(name="digits", fingerprint="f"),
        "network": "small-cnn",
        "capacity": 2,
        "defense": defense,
        "epsilon": 0.1 if defense != "natural" else 0.0,
        "seed": 0,
        "recipe": recipe_for(defense, "digits", "quick", {}),
        "evaluation": Evaluation(epsilon=0.1),
    }
    return Experiment(**(settings | changes))


def test_the_same_content_has_the_same_id_through_json():
    original = experiment()
    copy = Experiment.from_dict(json.loads(json.dumps(original.to_dict())))
    assert copy == original
    assert copy.run_id == original.run_id
    assert original.run_id.startswith("digits-pgd-c2-e0.1-s0-")


def test_whole_numbers_and_floats_are_the_same_setting():
    assert experiment(capacity=2).run_id == experiment(capacity=2.0).run_id


def test_minus_zero_is_zero_wherever_it_stands():
    plain = experiment(
        epsilon=0.0,
        evaluation=Evaluation(epsilon=0.0),
        recipe=recipe_for("pgd", "digits", "quick", {"weight_decay": 0.0, "momentum": 0.0}),
    )
    minus = experiment(
        epsilon=-0.0,
        evaluation=Evaluation(epsilon="-0/255"),
        recipe=recipe_for("pgd", "digits", "quick", {"weight_decay": -0.0, "momentum": -0.0}),
    )
    assert minus.run_id == plain.run_id
    assert "-0" not in json.dumps(minus.to_dict()["evaluation"])


RESULT_CHANGES = [
    {"seed": 1},
    {"capacity": 3},
    {"epsilon": 0.2},
    {"network": "yale-cnn"},
    {"network_fingerprint": "x"},
    {"evaluation": Evaluation(epsilon=0.2)},
    {"evaluation": Evaluation(epsilon=0.1, steps=10)},
    {"evaluation": Evaluation(epsilon=0.1, views=("benign",))},
    {"evaluation": Evaluation(epsilon=0.1, views=("benign", "adversarial", "targeted"))},
    {"data": Data(name="digits", fingerprint="g")},
    {"data": Data(name="digits", fingerprint="f", train_fraction=0.5)},
    {"data": Data(name="digits", fingerprint="f", size="4x4")},
    {"recipe": recipe_for("pgd", "digits", "quick", {"steps": 10})},
    {"recipe": recipe_for("pgd", "digits", "quick", {"attack_steps": 3})},
    {"recipe": recipe_for("pgd", "digits", "quick", {"precision": "bfloat16"})},
    {"defense": "natural"},
]


@pytest.mark.parametrize("change", RESULT_CHANGES, ids=lambda change: next(iter(change)))
def test_every_setting_that_changes_the_result_changes_the_id(change):
    assert experiment(**change).run_id != experiment().run_id


def test_every_other_field_of_an_experiment_is_in_its_identity():
    identity = json.loads(experiment().identity())
    assert set(identity) | {"inference"} == {field.name for field in dataclasses.fields(Experiment)}


def test_what_is_inferred_from_the_answers_is_no_part_of_the_identity():
    asked = [Inference(seed=1), Inference(splits=10), Inference(attacks=("confidence",))]
    assert {experiment(inference=each).run_id for each in asked} == {experiment().run_id}


def test_the_attacks_settings_count_only_where_something_is_attacked():
    benign = [experiment(evaluation=Evaluation(epsilon=epsilon, views=("benign",))).run_id for epsilon in (0.1, 0.2)]
    assert benign[0] == benign[1]


def test_where_a_folder_lies_does_not_change_the_id():
    here = experiment(data=Data(name="folder:/a/faces", fingerprint="f"))
    there = experiment(data=Data(name="folder:/b/faces", fingerprint="f"))
    assert here.run_id == there.run_id
    assert here.data.label == "folder-faces"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epsilon": -0.1}, "epsilon: -0.1 is not allowed; allowed: 0 to 1"),
        ({"epsilon": 8}, "epsilon: 8.0 is not allowed"),
        ({"epsilon": float("nan")}, "epsilon: nan is not allowed"),
        ({"epsilon": "much"}, "epsilon: 'much' is not allowed; allowed: a number"),
        ({"capacity": 0}, "capacity: 0.0 is not allowed; allowed: above 0"),
        ({"capacity": True}, "capacity: True is not allowed; allowed: a number"),
        ({"seed": 1.5}, "seed: 1.5 is not allowed; allowed: a whole number"),
        ({"seed": -1}, "seed: -1 is not allowed"),
        ({"defense": "natural", "epsilon": 0.1}, "epsilon: 0.1 is not allowed; allowed: 0 for the natural"),
        ({"recipe": recipe_for("natural", "digits", "quick", {})}, "recipe: 'Recipe' is not allowed"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(change, said):
    with pytest.raises(SpecError, match=said.replace("(", r"\(")) as caught:
        experiment(**change)
    assert "\n" not in str(caught.value)


def test_unknown_defense_is_refused_with_the_nearest_name():
    with pytest.raises(SpecError, match="did you mean 'natural'"):
        Experiment.from_dict(experiment().to_dict() | {"defense": "natrual"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "mnist"}, "name: 'mnist' is not allowed; allowed: digits, yale"),
        ({"name": "yale", "size": "48"}, "size: '48' is not allowed; allowed: HEIGHTxWIDTH"),
        ({"name": "yale", "train_fraction": 0}, "train_fraction: 0.0 is not allowed"),
        ({"name": "yale", "test_fraction": 2}, "test_fraction: 2.0 is not allowed"),
    ],
)
def test_impossible_data_is_refused(settings, said):
    with pytest.raises(SpecError, match=said):
        Data(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attacks": ["confidence", "modelclass"]}, "attacks: 'modelclass' is not allowed.*did you mean 'model-class'"),
        ({"splits": 0}, "splits: 0 is not allowed; allowed: 1 or more"),
        ({"network_splits": -1}, "network_splits: -1 is not allowed; allowed: 1 or more"),
        ({"restarts": 0}, "restarts: 0 is not allowed; allowed: 1 or more"),
        ({"per_class": 0}, "per_class: 0 is not allowed; allowed: 1 or more"),
        ({"seed": -1}, "seed: -1 is not allowed; allowed: 0 or more"),
        ({"restarts": 1.5}, "restarts: 1.5 is not allowed; allowed: a whole number"),
    ],
)
def test_impossible_inference_is_refused_in_one_line(settings, said):
    with pytest.raises(SpecError, match=said) as caught:
        Inference(**settings)
    assert "\n" not in str(caught.value)


def test_every_attack_there_is_is_asked_for_where_none_is_named():
    assert experiment().inference.attacks == registry.attacks_on()


@pytest.mark.parametrize("classes", [2, 10, 38])
def test_the_targeted_view_costs_an_attack_for_each_wrong_class(classes):
    evaluation = Evaluation(epsilon=0.1, steps=7)
    cost = {view: evaluation.passes_per_image(view, classes) for view in ("benign", "adversarial", "targeted")}
    assert cost == {"benign": 1, "adversarial": 2 * 7 + 1, "targeted": (classes - 1) * (2 * 7 + 1)}


def test_unknown_keys_are_refused_by_their_full_name():
    content = experiment().to_dict()
    content["recipe"]["stepps"] = 5
    with pytest.raises(SpecError, match=r"recipe.stepps: 'stepps' is not allowed.*did you mean 'steps'"):
        Experiment.from_dict(content)


@pytest.mark.parametrize("scale", RECIPES)
@pytest.mark.parametrize("dataset", RECIPES["paper"])
@pytest.mark.parametrize("defense", registry.training_defenses())
def test_every_recipe_of_the_tables_is_valid(scale, dataset, defense):
    assert recipe_for(defense, dataset, scale, {}).steps > 0


def test_the_papers_yale_schedule():
    recipe = recipe_for("pgd", "yale", "paper", {})
    assert [recipe.learning_rate_at(step) for step in (0, 10000, 10001, 15000, 15001)] == pytest.approx(
        [1e-4, 1e-4, 5e-5, 5e-5, 1e-5]
    )
    assert recipe.epsilon_at(0, 0.0314) == 0
    assert recipe.epsilon_at(999, 0.0314) == 0.0314
    assert recipe.epsilon_at(20000, 0.0314) == 0.0314


@given(st.integers(1, 100_000))
def test_fewer_steps_keep_the_schedules_shape(steps):
    recipe = recipe_for("pgd", "cifar10", "paper", {"steps": steps})
    assert recipe.steps == steps
    assert len(recipe.milestones) == len(recipe.factors)
    assert all(milestone <= steps for milestone in recipe.milestones)
    assert recipe.learning_rate_at(0) == recipe.learning_rate


def test_natural_training_ignores_settings_of_the_attack():
    plain, attacked = (recipe_for("natural", "digits", "quick", extra) for extra in ({}, {"attack_steps": 3}))
    assert plain == attacked


# Countermeasures


def test_a_countermeasure_that_does_nothing_leaves_no_trace():
    assert "temperature" not in experiment().to_dict()["evaluation"]
    assert not {"label_smoothing", "dropout", "stop_after"} & experiment().to_dict()["recipe"].keys()


@pytest.mark.parametrize("views", [("benign",), ("benign", "adversarial")])
def test_a_temperature_makes_another_run_with_the_same_weights(views):
    plain, hot = (experiment(evaluation=Evaluation(epsilon=0.1, views=views, temperature=t)) for t in (1.0, 5.0))
    assert plain.run_id != hot.run_id
    assert plain.training_id == hot.training_id
    assert Experiment.from_dict(hot.to_dict()) == hot


@pytest.mark.parametrize("change", [{"label_smoothing": 0.1}, {"dropout": 0.5}, {"stop_after": 5}])
def test_what_changes_training_makes_other_weights(change):
    other = experiment(recipe=recipe_for("pgd", "digits", "quick", change))
    assert other.run_id != experiment().run_id
    assert other.training_id != experiment().training_id


def test_settings_that_nothing_asks_for_change_no_id():
    """Which parameters are decayed where none is, and by how much is padded where nothing is cropped."""
    plain = recipe_for("pgd", "digits", "quick", {})
    spoken = recipe_for("pgd", "digits", "quick", {"decays": "all", "padding": 4})
    assert experiment(recipe=spoken).run_id == experiment(recipe=plain).run_id
    assert not {"decays", "padding"} & experiment(recipe=plain).to_dict()["recipe"].keys()
    used = {"weight_decay": 1e-3, "augmentation": "crop-flip"}
    ids = {
        experiment(recipe=recipe_for("pgd", "digits", "quick", used | other)).run_id
        for other in ({}, {"decays": "all"}, {"padding": 4}, {"decays": "kernels", "padding": 2})
    }
    assert len(ids) == 3
