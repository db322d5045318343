"""A data set, a network, a defense, a view and an inference attack of another package: one file, one row each."""

import csv
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from waiting import patience

PAGE = Path(__file__).parents[1] / "engine" / "extending.md"
TOYS = Path(__file__).with_name("extension")
MIA = Path(sys.executable).with_name("mia-explore")
ENTRIES = {"datasets": "STRIPES", "networks": "ONE_LAYER", "defenses": "NOISE", "views": "BRIGHTER", "attacks": "TOP"}
SWEEP = """
name = "toys"
dataset = "stripes"
[grid]
defense = ["natural", "noise"]
[recipe]
steps = 30
spread = 0.5
[evaluation]
views = ["benign", "brighter"]
[inference]
attacks = ["confidence", "top-class"]
splits = 3
"""


def install(folder: Path, name: str, entries: dict[str, dict[str, str]]) -> None:
    """A distribution's record in a folder on the search path, as pip leaves it."""
    record = folder / f"{name}-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [
        f"[mia_explore.{group}]\n" + "".join(f"{entry} = {row}\n" for entry, row in rows.items())
        for group, rows in entries.items()
    ]
    (record / "entry_points.txt").write_text("\n".join(groups))


@pytest.fixture
def started(tmp_path):
    """A function that runs a command to its end where the toys are installed."""
    path = (tmp_path / "installed", TOYS, TOYS.parent, os.environ.get("PYTHONPATH", ""))
    homes = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("STATE", "CONFIG")}
    env = os.environ | homes | {"PYTHONPATH": os.pathsep.join(map(str, filter(None, path)))}

    def run(*command, check=True):
        asked = {"cwd": tmp_path, "env": env, "timeout": patience(60)}
        done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True, **asked)
        assert not check or done.returncode == 0, done.stderr
        return done

    yield run
    run(MIA, "engine", "stop", "--project", tmp_path / "project", check=False)


@pytest.fixture
def rows(started, tmp_path):
    """A function giving the rows of an exported table."""

    def exported(table):
        told = started(MIA, "export", table, "--csv", "-", "--project", tmp_path / "project").stdout
        return list(csv.DictReader(told.splitlines()))

    return exported


def test_a_toy_of_each_kind_goes_the_whole_way(started, rows, tmp_path):
    install(tmp_path / "installed", "toys", {group: {"toy": f"toys:{row}"} for group, row in ENTRIES.items()})
    (tmp_path / "toys.toml").write_text(SWEEP)
    told = started(MIA, "run", "toys.toml", "--project", "project", "--plain")
    assert "Traceback" not in told.stdout + told.stderr

    runs = {row["defense"]: row for row in rows("runs")}
    assert {row["state"] for row in runs.values()} == {"done"}
    assert {(row["dataset"], row["network"]) for row in runs.values()} == {("stripes", "one-layer")}
    assert all(row["brighter_test_accuracy"] and row["brighter_inference_accuracy"] for row in runs.values())
    leakage = rows("leakage")
    found = [row for row in leakage if (row["attack"], row["view"]) == ("top-class", "brighter")]
    assert {row["class_label"] for row in found} == {"", "0", "1", "2"}
    assert {row["threshold_rule"] for row in found if row["metric"] == "inference_accuracy"} == {"oracle", "heldout"}
    assert all(row["brighter_risk"] for row in rows("exposed"))

    assert "top-class" in started(MIA, "audit", "--help").stdout
    shown = started(MIA, "show", runs["noise"]["run_id"], "--project", "project").stdout
    assert "top-class" in shown
    assert "brighter" in shown
    assert started(sys.executable, TOYS / "in_the_app.py", tmp_path / "project").stdout == "False\n"


def test_the_example_of_the_page_works_as_it_stands(started, rows, tmp_path):
    python, project, sweep = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    entries = tomllib.loads(project)["project"]["entry-points"]
    install(tmp_path / "installed", "toys", {group.removeprefix("mia_explore."): one for group, one in entries.items()})
    (tmp_path / "installed" / "toys.py").write_text(python)
    (tmp_path / "mine.toml").write_text(sweep)
    started(MIA, "run", "mine.toml", "--project", "project", "--plain", "--set", "recipe.steps=20")
    assert {row["dataset"] for row in rows("runs")} == {"stripes"}
    assert {row["attack"] for row in rows("leakage")} == {"confidence", "top"}


def test_what_is_broken_is_a_line_that_names_its_package(started, tmp_path):
    install(tmp_path / "installed", "broken", {"attacks": {"gone": "no_such_module:ROW"}, "views": {"odd": "toys:TOP"}})
    done = started(MIA, "presets")
    assert "digits" in done.stdout
    lines = [line for line in done.stderr.splitlines() if "broken 1.0" in line]
    assert len(lines) == 2
    assert "Traceback" not in done.stderr
