import pytest
from rows import typed

from engine.spec import sweeps
from explorer.results import run_words


def experiment(**overrides):
    table = {"name": "one", "dataset": "digits", "grid": {"defense": ["pgd"], "epsilon": ["8/255"]}, **overrides}
    merged, data = sweeps.settle(table, "quick")
    return next(sweeps.expand(merged, data, "quick")).to_dict()


def run(run_id, defense="pgd", **fields):
    given = {"run_id": run_id, "name": run_id, "dataset": "digits", "network": "small-cnn", "capacity": 2.0}
    more = {"train_fraction": 1.0, "seed": 0, "evaluation_epsilon": 0.1, "state": "done", "submission": 1}
    return typed("runs", given | more | {"defense": defense} | fields)


def test_every_setting_of_the_recipe_is_shown():
    spec = experiment()
    shown = run_words.settings(spec)
    assert {key.replace("_", " ") for key in spec["recipe"]} <= shown["recipe"].keys()
    assert list(shown) == ["data", "network", "recipe", "evaluation", "inference"]


def test_natural_training_shows_no_epsilon():
    shown = run_words.settings(experiment(grid={"defense": ["natural"]}))
    assert "epsilon" not in shown["recipe"]
    assert shown["evaluation"]["epsilon"] == "0.1"


def test_weights_that_come_trained_show_no_settings_of_a_training(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"weights")
    recipe = {"weights": str(tmp_path / "model.pt")}
    shown = run_words.settings(experiment(grid={"defense": ["pretrained"]}, recipe=recipe))["recipe"]
    assert list(shown) == ["defense", "seed", "weights", "fingerprint"]


def test_budgets_read_as_everywhere_else():
    shown = run_words.settings(experiment(grid={"defense": ["pgd"], "epsilon": ["20/255"]}))
    assert (shown["recipe"]["epsilon"], shown["evaluation"]["epsilon"]) == ("20/255", "20/255")


@pytest.mark.parametrize(("defense", "method"), [("pgd", None), ("ibp", "ibp"), ("dual", "dual")])
def test_a_certification_is_shown_where_there_is_a_certified_view(defense, method):
    shown = run_words.settings(experiment(grid={"defense": [defense]}))
    assert shown["evaluation"].get("certification") == method


def test_names_are_shortened_only_where_they_stay_apart():
    runs = [run("digits-pgd-c1-s0-aa", name="digits-pgd-c1-s0"), run("digits-pgd-c1-s0-bb", name="digits-pgd-c1-s0")]
    assert run_words.short_names(runs) == ["pgd-c1-s0-aa", "pgd-c1-s0-bb"]
    assert run_words.short_names([runs[0], run("x", name="digits-pgd-c2-s0")]) == ["pgd-c1-s0", "pgd-c2-s0"]
    assert run_words.short_names(runs[:1]) == ["digits-pgd-c1-s0"]
