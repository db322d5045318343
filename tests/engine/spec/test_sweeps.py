import contextlib
import json
import random
import re
from dataclasses import replace

import pytest

from engine.spec import sweeps
from engine.spec.experiment import Experiment
from engine.validation import SpecError

DIGITS = {"name": "mine", "dataset": "digits"}


def plan(table, *overrides, scale="quick", root="."):
    return sweeps.plan(table, scale, overrides, root)


def test_lists_of_the_grid_multiply_and_natural_counts_once_for_all_epsilons():
    grid = {"defense": ["natural", "pgd"], "capacity": [1, 2], "epsilon": [0.05, 0.1, "1/5"], "seed": [0, 1]}
    sweep = plan(DIGITS | {"grid": grid})
    runs = sweep.experiments
    assert len(runs) == 2 * 2 * (1 + 3)
    assert len({run.run_id for run in runs}) == len(runs)
    assert {run.epsilon for run in runs if run.defense == "pgd"} == {0.05, 0.1, 0.2}
    assert {run.evaluation.epsilon for run in runs if run.defense == "natural"} == {0.2}
    assert all(run.evaluation.epsilon == run.epsilon for run in runs if run.defense == "pgd")


def test_evaluation_epsilon_may_differ_from_training_epsilon():
    sweep = plan(DIGITS | {"grid": {"epsilon": [0.05]}, "evaluation": {"epsilon": "8/255"}})
    assert {run.evaluation.epsilon for run in sweep.experiments} == {8 / 255}


def test_a_scale_lays_its_sections_over_the_common_ones():
    table = DIGITS | {"grid": {"capacity": [4], "seed": [0, 1]}, "quick": {"grid": {"capacity": [1]}}}
    assert {run.capacity for run in plan(table).experiments} == {1}
    assert {run.capacity for run in plan(table, scale="paper").experiments} == {4}
    assert {run.seed for run in plan(table).experiments} == {0, 1}


def test_overrides_reach_every_section():
    sweep = plan(
        DIGITS,
        "capacity=[1,3]",
        "grid.seed=7",
        "recipe.steps=12",
        "data.train_fraction=0.5",
        "defense=pgd",
        "name=other",
    )
    assert sweep.name == "other"
    assert [run.capacity for run in sweep.experiments] == [1, 3]
    assert all(run.seed == 7 and run.recipe.steps == 12 and run.defense == "pgd" for run in sweep.experiments)
    assert all(run.data.train_fraction == 0.5 for run in sweep.experiments)


@pytest.mark.parametrize(
    ("changes", "overrides", "said"),
    [
        ({"paper": {"grid": {"width": [1]}}}, (), "paper.grid.width: 'width' is not allowed"),
        ({"data": 3}, (), "data: 3 is not allowed; allowed: a table"),
        ({"data": {"fingerprint": "x"}}, (), "data.fingerprint: 'fingerprint' is not allowed"),
        ({"dataset": "digitz"}, (), "data.name: 'digitz' is not allowed.*did you mean 'digits'"),
        ({"grids": {}}, (), "grids: 'grids' is not allowed.*did you mean 'grid'"),
        ({"grid": {"width": [1]}}, (), "grid.width: 'width' is not allowed"),
        ({"grid": {"data.size": [[9, 8]]}}, (), r"grid.data.size: data has one .*; write `size` in \[data\]"),
        ({"grid": {"capacity": [-1]}}, (), "capacity: -1.0 is not allowed; allowed: above 0"),
        ({"grid": {"capacity": []}}, (), "grid.capacity"),
        ({"grid": {"epsilon": [8]}}, (), "grid.epsilon: 8 is not allowed; allowed: 0 to 1"),
        ({"grid": {"defense": ["pdg"]}}, (), "grid.defense: 'pdg' is not allowed.*did you mean 'pgd'"),
        ({"recipe": {"steps": "many"}}, (), "recipe.steps: 'many' is not allowed; allowed: a whole number"),
        ({"recipe": {"stps": 1}}, (), "recipe.stps.*did you mean 'steps'"),
        ({"evaluation": {"views": ["benign", "seen"]}}, (), "evaluation.views: 'seen' is not allowed"),
        ({"inference": {"attacks": ["gapp"]}}, (), "inference.attacks: 'gapp' is not allowed.*did you mean 'gap'"),
        ({"inference": {"restart": 1}}, (), "inference.restart: 'restart' is not allowed.*did you mean 'restarts'"),
        ({"network": "big"}, (), "network"),
        ({"name": "a/b"}, (), "name: 'a/b' is not allowed"),
        ({}, ("steps",), "write it as key=value"),
        ({}, ("recip.steps=1",), "--set: 'recip' is not allowed.*did you mean 'recipe'"),
    ],
)
def test_mistakes_are_refused_in_one_line(changes, overrides, said):
    with pytest.raises(SpecError, match=said) as caught:
        plan(DIGITS | changes, *overrides)
    assert "\n" not in str(caught.value)


def test_a_sweep_without_data_is_refused():
    with pytest.raises(SpecError, match="dataset"):
        plan({"name": "empty"})


def test_files_and_presets_are_read_and_neither_is_said(tmp_path):
    (tmp_path / "mine.toml").write_text('dataset = "digits"\n')
    assert sweeps.read(str(tmp_path / "mine.toml")) == {"name": "mine", "dataset": "digits"}
    assert sweeps.read("demo")["dataset"] == "digits"
    (tmp_path / "bad.toml").write_text("dataset = ")
    with pytest.raises(SpecError, match="not a TOML file"):
        sweeps.read(str(tmp_path / "bad.toml"))
    with pytest.raises(SpecError, match="No such file"):
        sweeps.read(str(tmp_path / "absent.toml"))
    with pytest.raises(SpecError, match="did you mean 'demo'"):
        sweeps.read("dmo")


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", ["table7", "table7-yale"])
def test_the_presets_of_table_7_ask_for_all_five_strategies(name, scale, monkeypatch):
    """Thresholds on benign and adversarial answers, networks on benign, adversarial and targeted ones."""
    monkeypatch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
    sweep = plan(sweeps.presets()[name], scale=scale)
    assert {run.defense for run in sweep.experiments} == {"natural", "pgd"}
    for run in sweep.experiments:
        assert run.evaluation.views == ("benign", "adversarial", "targeted")
        assert {"confidence-class", "model-class"} <= set(run.inference.attacks)


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", [name for name in sweeps.presets() if name.startswith("population")])
def test_populations_have_natural_models_attacked_alike_and_enough_seeds_for_references(name, scale, monkeypatch):
    monkeypatch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
    runs = plan(sweeps.presets()[name], scale=scale).experiments
    assert all({"margin", "lira", "rmia", "lira-joint"} <= set(run.inference.attacks) for run in runs)
    assert len({(run.data, run.evaluation.epsilon) for run in runs}) == 1
    seeds = {}
    for run in runs:
        seeds.setdefault((run.population_id, run.defense), []).append(run.seed)
    assert "natural" in {defense for _, defense in seeds}
    for found in seeds.values():
        assert found == list(range(len(found)))
        assert len(found) in (8, 16, 64)


def test_attacks_and_views_are_lists_in_a_sweep_file():
    table = {"inference": {"attacks": ["gap"], "restarts": 1}, "evaluation": {"views": ["benign", "targeted"]}}
    (run,) = plan(DIGITS | table, "grid.defense=pgd", "inference.splits=3").experiments
    assert (run.inference.attacks, run.inference.restarts, run.inference.splits) == (("gap",), 1, 3)
    assert run.evaluation.views == ("benign", "targeted")


@pytest.mark.parametrize("scale", ["quick", "paper"])
@pytest.mark.parametrize("name", sweeps.presets())
def test_every_preset_makes_valid_experiments(name, scale, monkeypatch):
    monkeypatch.setattr("engine.data.sources.fingerprint", lambda data, root: "f")
    sweep = plan(sweeps.presets()[name], scale=scale)
    assert sweep.name == name
    assert sweep.description
    assert all(Experiment.from_dict(run.to_dict()) == run for run in sweep.experiments)


# Settings in the grid


def test_any_setting_may_stand_in_the_grid():
    grid = {
        "defense": "pgd",
        "recipe.weight_decay": [0, 1e-3],
        "evaluation.epsilon": ["2/255", "8/255"],
        "seed": [0, 1],
    }
    runs = plan(DIGITS | {"grid": grid, "recipe": {"weight_decay": 0.5, "steps": 12}}).experiments
    found = {(run.recipe.weight_decay, run.evaluation.epsilon, run.seed) for run in runs}
    assert found == {(decay, epsilon, seed) for decay in (0, 1e-3) for epsilon in (2 / 255, 8 / 255) for seed in (0, 1)}
    assert len(runs) == 8
    assert {run.recipe.steps for run in runs} == {12}


@pytest.mark.parametrize(
    ("rule", "steps", "kept"),
    [
        ("100*capacity", [50, 100, 400], "100 * capacity"),
        ("100 * capacity ^ 0.5", [71, 100, 200], "100 * capacity^0.5"),
        ("40 * capacity^2.0", [10, 40, 640], "40 * capacity^2"),
        (" 1 * capacity^0 ", [1, 1, 1], "1 * capacity^0"),
    ],
)
def test_steps_may_follow_a_rule_of_the_capacity(rule, steps, kept):
    table = DIGITS | {"grid": {"capacity": [0.5, 1, 4], "defense": "pgd"}, "recipe": {"steps": rule}}
    recipes = [run.recipe for run in plan(table).experiments]
    assert [recipe.steps for recipe in recipes] == steps
    assert {recipe.steps_rule for recipe in recipes} == {kept}
    fixed = [plan(table, f"recipe.steps={count}").experiments[at].recipe for at, count in enumerate(steps)]
    assert [replace(recipe, steps_rule="") for recipe in recipes] == fixed


@pytest.mark.parametrize(
    "rule", ["100 * width", "capacity * 100", "-1 * capacity", "100 * capacity^-1", "1.5 * capacity"]
)
def test_what_is_no_rule_of_the_capacity_is_refused_in_one_line(rule):
    with pytest.raises(SpecError, match=r"recipe.steps: .* is not allowed; allowed: .*1000 . capacity"):
        plan(DIGITS | {"recipe": {"steps": rule}})


@pytest.mark.parametrize(("capacity", "said"), [("abc", "capacity"), (-2, "capacity"), (10, "stays finite")])
def test_a_rule_with_an_impossible_capacity_or_no_end_is_one_line(capacity, said):
    with pytest.raises(SpecError, match=said) as caught:
        plan(DIGITS | {"grid": {"capacity": capacity}, "recipe": {"steps": "9 * capacity^999"}})
    assert "\n" not in str(caught.value)


def test_the_rule_is_not_written_beside_the_steps():
    with pytest.raises(SpecError, match=r"recipe\.steps_rule"):
        plan(DIGITS | {"recipe": {"steps": 10, "steps_rule": "10 * capacity"}})


def test_a_setting_that_a_defense_has_no_use_for_makes_no_second_run_of_it():
    runs = plan(DIGITS | {"grid": {"recipe.attack_steps": [3, 4, 5]}}).experiments
    assert [run.defense for run in runs].count("natural") == 1
    assert [run.recipe.attack_steps for run in runs if run.defense == "pgd"] == [3, 4, 5]


def test_an_override_sweeps_a_setting_or_takes_the_place_of_what_is_swept():
    runs = plan(DIGITS, "grid.evaluation.temperature=[1, 2, 5]", "defense=pgd").experiments
    assert [run.evaluation.temperature for run in runs] == [1, 2, 5]
    (run,) = plan(DIGITS | {"grid": {"defense": "pgd", "recipe.steps": [20, 40]}}, "recipe.steps=30").experiments
    assert run.recipe.steps == 30


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"recipe.stps": [1]}, "grid.recipe.stps: 'stps' is not allowed.*did you mean 'steps'"),
        ({"evaluation.temp": [1]}, "grid.evaluation.temp: 'temp' is not allowed.*temperature"),
        ({"data.size": ["4x4"]}, "grid.data.size: data has one value for all runs; write .size. in .data."),
        ({"recipe": {"steps": [1]}}, "grid.recipe: 'recipe' is not allowed.*recipe.SETTING"),
        ({"recipe.weight_decay": [0, -1]}, "recipe.weight_decay: -1.0 is not allowed; allowed: 0 or more"),
        ({"evaluation.temperature": [0]}, "evaluation.temperature: 0.0 is not allowed; allowed: above 0"),
        ({"recipe.label_smoothing": [1]}, "recipe.label_smoothing: 1.0 is not allowed; allowed: 0 to below 1"),
        ({"recipe.stop_after": [9999]}, "recipe.stop_after: 9999 is not allowed; allowed: .* below steps"),
        ({"recipe.label_smoothing": [0.1], "defense": "ibp"}, "label_smoothing: 0.1 .*verifiable defenses"),
        ({"recipe.steps": []}, "grid.recipe.steps"),
    ],
)
def test_mistakes_in_swept_settings_are_refused_in_one_line(grid, said):
    with pytest.raises(SpecError, match=said) as caught:
        plan(DIGITS | {"grid": grid})
    assert "\n" not in str(caught.value)


# Strange sweep files

EVERYTHING = {
    "name": "all",
    "description": "every section\nof a sweep",
    "dataset": "digits",
    "network": "small-cnn",
    "data": {"size": "6x6", "test_fraction": 0.5, "split_seed": 1},
    "grid": {
        "defense": ["natural", "ibp"],
        "capacity": [1, "1/2"],
        "epsilon": [0.1],
        "seed": [0],
        "recipe.weight_decay": [1e-3],
        "evaluation.views": [["benign"], ["benign", "adversarial"]],
    },
    "recipe": {"steps": "10 * capacity^0.5", "batch_size": 10, "weights": "model.pt"},
    "evaluation": {"steps": 2, "temperature": 2.0},
    "inference": {"attacks": ["gap", "confidence"], "splits": 2},
    "quick": {"grid": {"train_fraction": [0.5]}},
}


def test_a_strange_table_is_a_plan_or_one_line(mutated):
    chance = random.Random(3)
    said = [planned_or_refused(lambda: mutated(EVERYTHING, chance)) for _ in range(500)]
    assert all(map(str.isprintable, said))
    assert 20 < said.count("planned") < 400


def planned_or_refused(make_table):
    """`planned`, or the refusal; every other error is the test's."""
    try:
        return "planned" if plan(make_table()).experiments else "nothing"
    except SpecError as error:
        return str(error)


def toml_of(table):
    """The table as a sweep file has it."""
    labels = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    sections = ["\n".join([f"[{key}]", *_pairs(value)]) for key, value in table.items() if isinstance(value, dict)]
    return "\n".join([*labels, *sections])


def _pairs(section):
    return [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in section.items() if not isinstance(value, dict)]


def test_a_damaged_file_is_a_plan_or_one_line(tmp_path):
    chance, whole, said = random.Random(5), toml_of(EVERYTHING), []
    path = tmp_path / "s.toml"
    for _ in range(300):
        begin = chance.randrange(len(whole))
        put = chance.choice(["", "\x1b[2J", "[" * 3000, "9" * 400, "0x" + "f" * 9000, "a." * 900, "-", "[", '"', "\0"])
        path.write_text(whole[:begin] + put + whole[begin + chance.randrange(4) :])
        said.append(planned_or_refused(lambda: sweeps.read(str(path))))
    assert all(map(str.isprintable, said))
    assert 10 < said.count("planned") < 250


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": {"batch_size": 10**400}}, "batch_size: 1000.*… is not allowed"),
        ({"recipe": {"steps": 16**5000}}, "recipe.steps: a number too long to show is not allowed"),
        ({"recipe": {"learning_rate": 10**400}}, "learning_rate: .* is not allowed; allowed: a finite number"),
        ({"recipe": {"steps": f"{'9' * 5000} * capacity"}}, "recipe.steps: .* is not allowed"),
        ({"grid": {"epsilon": [True]}}, "^grid.epsilon: True is not allowed"),
        ({"grid": {"capacity": "1e999999999/3"}}, "capacity: '1e999999999/3' is not allowed; allowed: a number"),
        (
            {"grid": {"capacity": 1e300}},
            r"capacity: 1e\+300 is not allowed; allowed: up to 1863, where small-cnn",
        ),
        (
            {"network": "yale-cnn", "data": {"size": "99x99"}, "grid": {"capacity": 1900}},
            "1900.0 .* yale-cnn",
        ),
        (
            {"grid": {"seed": list(range(5001))}},
            "grid.seed: 10002 runs are too many .* up to 5000",
        ),
        ({"grid": {f"recipe.{key}": [1] * 999 for key in ("momentum", "steps", "dropout")}}, "runs are too many"),
        ({"grid": {"seed": [[[[[[0]]]]]]}}, "nested too deep; allowed: up to 6 levels"),
        ({"grid": {"defense": "pretrained"}, "recipe": {"weights": "/dev/zero"}}, "/dev/zero is no file"),
        ({"grid": {"defense": "pretrained"}, "recipe": {"weights": "~nobody-here/w"}}, "a path that leads somewhere"),
        ({"dataset": "folder:~nobody-here/x"}, "dataset: '~nobody-here/x' is not allowed"),
        ({"dataset": "folder:/a\x1b]0;pwned\x07"}, r"data.name: 'folder:/a\\x1b\]0;pwned\\x07' is not allowed"),
        ({"grid": {"\x1b[2J": 1}}, r"grid.�\[2J: '\\x1b\[2J' is not allowed"),
        ({"name": "\x1b]0;pwned\x07"}, "name: "),
    ],
)
def test_what_no_machine_can_do_is_refused_while_it_is_planned(changes, said):
    with pytest.raises(SpecError, match=said) as caught:
        plan(DIGITS | changes)
    assert str(caught.value).isprintable()


def test_a_description_is_one_printable_line():
    assert plan(DIGITS | {"description": "two\nlines\x1b]0;pwned\x07"}).description == "two lines�]0;pwned�"


def test_as_many_runs_as_one_message_holds_are_planned_and_repeats_of_natural_training_are_not_counted():
    epsilons = [0.5 / count for count in range(1, sweeps.RUNS_LIMIT)]
    with contextlib.suppress(StopIteration):
        next(sweeps.expand(*sweeps.settle(DIGITS | {"grid": {"epsilon": epsilons}}, "quick"), scale="quick"))
    with pytest.raises(SpecError, match=re.escape("grid.epsilon: 5001 runs")):
        plan(DIGITS | {"grid": {"epsilon": [*epsilons, 0.6]}})
