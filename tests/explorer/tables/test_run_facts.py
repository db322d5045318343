import pytest

from engine import sweeps
from explorer.tables import run_facts


def experiment(**overrides):
    table = {"name": "one", "dataset": "digits", "grid": {"defense": ["pgd"], "epsilon": ["8/255"]}, **overrides}
    merged, data = sweeps.settle(table, "quick")
    return next(sweeps.expand(merged, data, "quick")).to_dict()


def run(run_id, defense="pgd", **fields):
    given = {"run_id": run_id, "name": run_id, "dataset": "digits", "network": "small-cnn", "capacity": 2.0}
    more = {"train_fraction": 1.0, "seed": 0, "evaluation_epsilon": 0.1, "state": "done", "submission": 1}
    return given | more | {"defense": defense} | fields


def test_every_setting_of_the_recipe_is_shown():
    spec = experiment()
    shown = run_facts.settings(spec)
    assert {key.replace("_", " ") for key in spec["recipe"]} <= shown["recipe"].keys()
    assert list(shown) == ["data", "network", "recipe", "evaluation", "inference"]


def test_natural_training_shows_no_epsilon():
    shown = run_facts.settings(experiment(grid={"defense": ["natural"]}))
    assert "epsilon" not in shown["recipe"]
    assert shown["evaluation"]["epsilon"] == "0.1"


def test_weights_that_come_trained_show_no_settings_of_a_training(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    recipe = {"weights": str(tmp_path / "model.pt")}
    shown = run_facts.settings(experiment(grid={"defense": ["pretrained"]}, recipe=recipe))["recipe"]
    assert list(shown) == ["defense", "seed", "weights", "fingerprint"]


@pytest.mark.parametrize(
    ("epsilon", "words"), [(8 / 255, "8/255"), (0.1, "0.1"), (0.0, "0"), (1.0, "1"), (0.2, "0.2"), (0.0314, "0.0314")]
)
def test_a_budget_reads_as_it_was_written(epsilon, words):
    assert run_facts.budget(epsilon) == words


@pytest.mark.parametrize(("defense", "method"), [("pgd", None), ("ibp", "ibp"), ("dual", "dual")])
def test_a_certification_is_shown_where_there_is_a_certified_view(defense, method):
    shown = run_facts.settings(experiment(grid={"defense": [defense]}))
    assert shown["evaluation"].get("certification") == method


def test_accuracies_begin_with_the_training_split_of_the_benign_view():
    rows = [
        {"view": view, "split": split, "accuracy": 0.5, "n": 10}
        for view in ("adversarial", "benign", "certified")
        for split in ("test", "train")
    ]
    found = run_facts.accuracies(rows)
    assert list(found) == ["benign", "adversarial", "certified"]
    assert list(found["benign"]) == ["train", "test"]


def test_the_twin_has_the_seed_if_there_is_one():
    robust = run("r", seed=1)
    twins = [run("n0", "natural", seed=0, submission=9), run("n1", "natural", seed=1)]
    assert run_facts.natural_twin(robust, [robust, *twins])["run_id"] == "n1"
    assert run_facts.natural_twin(robust, twins[:1])["run_id"] == "n0"


def test_among_twins_the_one_under_the_same_attack_wins():
    twins = [run("a", "natural", evaluation_epsilon=0.2, submission=5), run("b", "natural")]
    assert run_facts.natural_twin(run("r"), twins)["run_id"] == "b"


@pytest.mark.parametrize("other", [{"capacity": 4.0}, {"dataset": "yale"}, {"network": "x"}, {"train_fraction": 0.5}])
def test_a_natural_run_of_something_else_is_no_twin(other):
    assert run_facts.natural_twin(run("r"), [run("n", "natural", **other)]) is None


def test_a_natural_run_has_no_twin():
    assert run_facts.natural_twin(run("n", "natural"), [run("m", "natural")]) is None


def test_names_are_shortened_only_where_they_stay_apart():
    runs = [run("digits-pgd-c1-s0-aa", name="digits-pgd-c1-s0"), run("digits-pgd-c1-s0-bb", name="digits-pgd-c1-s0")]
    assert run_facts.short_names(runs) == ["pgd-c1-s0-aa", "pgd-c1-s0-bb"]
    assert run_facts.short_names([runs[0], run("x", name="digits-pgd-c2-s0")]) == ["pgd-c1-s0", "pgd-c2-s0"]
    assert run_facts.short_names(runs[:1]) == ["digits-pgd-c1-s0"]
