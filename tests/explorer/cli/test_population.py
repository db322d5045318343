"""A population from the command line: attacks that wait for all of its runs, and again for those that join."""

import csv

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
    assert [row for row in more if row["attack"] == "gap" and row["run_id"] in references(first)] == [
        row for row in first if row["attack"] == "gap"
    ]


def test_an_attack_with_references_on_the_papers_split_is_one_line(tmp_path):
    (tmp_path / "alone.toml").write_text(SWEEP.replace('split = "random"\n', ""))
    said = call(tmp_path, "run", "alone.toml", check=2).stderr
    assert said == (
        "error: attacks: 'lira' is not allowed; allowed: on runs that draw their members: "
        "data.split = 'random' or 'bernoulli'\n"
    )
