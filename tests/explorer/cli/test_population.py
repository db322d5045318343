"""A population from the command line: attacks that wait for all of its runs, and again for those that join."""

import csv
import re

import pytest
from command_line import call

SWEEP = """
dataset = "digits"
[data]
split = "random"
train_fraction = 0.3
test_fraction = 0.1
[grid]
defense = "natural"
capacity = 1
seed = [0, 1, 2, 3]
[recipe]
steps = 20
[evaluation]
steps = 2
[inference]
attacks = ["gap", "lira", "rmia"]
"""


@pytest.fixture
def leakage(tmp_path):
    """Runs the sweep with settings; gives the rows of the exported leakage."""
    (tmp_path / "population.toml").write_text(SWEEP)

    def run(*settings):
        call(tmp_path, "run", "population.toml", "--plain", *(f"--set={one}" for one in settings))
        return list(csv.DictReader(call(tmp_path, "export", "leakage", "--csv", "-").stdout.splitlines()))

    yield run
    call(tmp_path, "engine", "stop", check=0)


def references(rows):
    return {row["run_id"]: float(row["value"]) for row in rows if row["metric"] == "references_in"}


@pytest.mark.slow
def test_every_run_is_attacked_with_the_others_and_again_when_more_join_and_files_say_the_same(leakage, tmp_path):
    first = leakage()
    assert {row["attack"] for row in first} == {"gap", "lira", "rmia"}
    assert {row["threshold_rule"] for row in first if row["attack"] == "lira"} == {"oracle", "references", "none"}
    assert set(references(first).values()) == {1.0}
    (log,) = tmp_path.rglob("engine.log")
    # Starts are more where a stack is too large for this machine, and gives runs back.
    ends = re.findall(r"engine: (.*) ended: done", log.read_text())
    assert len(ends) == len(set(ends)) == 8, "answers and facts of each run, once"
    more = leakage("seed=[0,1,2,3,4,5]")
    assert len(references(more)) == 6
    assert set(references(more).values()) == {2.0}
    seed = next(iter(sorted(references(more))))
    call(tmp_path, "answers", seed, "shadows")
    assert len(list((tmp_path / "shadows").glob("*.npz"))) == 6
    command = ("audit", f"shadows/{seed}.npz", "--references", "shadows", "--attack", "lira", "--csv", "-")
    audited = list(csv.DictReader(call(tmp_path, *command).stdout.splitlines()))
    wanted = [row for row in more if (row["run_id"], row["attack"]) == (seed, "lira")]
    numbers = ("view", "threshold_rule", "metric", "value", "ci_low", "ci_high", "leaks")
    assert sorted([row[key] for key in numbers] for row in audited) == sorted(
        [row[key] for key in numbers] for row in wanted
    )
    risks = list(csv.DictReader(call(tmp_path, "export", "image_risks", "--csv", "-").stdout.splitlines()))
    assert {row["n_models"] for row in risks} <= set("123456")
    by_class = list(csv.DictReader(call(tmp_path, "export", "class_risks", "--csv", "-").stdout.splitlines()))
    assert {row["n_models"] for row in by_class} == {"6"}
    assert {row["class_label"] for row in by_class} == {"", *"0123456789"}
    assert "among 6 models" in call(tmp_path, "scores", seed).stdout
    assert [row for row in more if row["attack"] == "gap" and row["run_id"] in references(first)] == [
        row for row in first if row["attack"] == "gap"
    ]


@pytest.mark.slow
def test_a_run_with_the_papers_split_is_a_target_of_the_population_of_its_recipe_and_share(leakage):
    whole = ("data.train_fraction=1.0", "data.test_fraction=1.0", "data.member_share=0.334")
    drawn = leakage(*whole, "seed=[0,1,2,3,4]")
    both = leakage(*whole[:2], "data.split=paper", "seed=7")
    (target,) = references(both).keys() - references(drawn).keys()
    own = {row["attack"] for row in both if row["run_id"] == target}
    assert own == {"gap", "lira", "rmia"}
    assert references(both)[target] > 1
    assert {key: value for key, value in references(both).items() if key != target} == references(drawn)
    (sizes,) = {
        (row["n_member"], row["n_nonmember"]) for row in both if (row["run_id"], row["attack"]) == (target, "lira")
    }
    assert sizes == ("600", "1197")


def test_an_attack_that_needs_fair_coins_is_one_line_elsewhere(tmp_path):
    (tmp_path / "alone.toml").write_text(SWEEP.replace('"lira", "rmia"', '"one-run"'))
    said = call(tmp_path, "run", "alone.toml", check=2).stderr
    assert said == (
        "error: attacks: 'one-run' is not allowed; allowed: on runs that draw each member by a fair coin: "
        "data.split = 'bernoulli', member_share = 0.5\n"
    )
