"""The tutorial's files are tried as a reader would: written down, run, and their sweeps planned."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.evaluation import prediction_files
from engine.spec import sweeps

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "explorer" / "tutorial.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with every file of the tutorial, the scripts run in its order."""
    folder = tmp_path_factory.mktemp("tutorial")
    for block in re.findall(r"```(?:python|toml)\n(.*?)```", TEXT, re.S):
        name = re.match(r"# (\S+)\n", block)[1]
        (folder / name).write_text(block, encoding="utf-8")
    scripts = re.findall(r"^    python (\S+)$", TEXT, re.M)
    each = "import runpy, sys; [runpy.run_path(name, run_name='__main__') for name in sys.argv[1:]]"
    env, command = os.environ | {"PYTHONPATH": str(ROOT)}, [sys.executable, "-c", each, *scripts]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_sweeps_can_be_planned(inside):
    assert len(sweeps.plan(sweeps.read("faces.toml"), "quick", [], inside).experiments) == 6
    own_network = ["network=mynetwork:tiny", "name=tiny"]
    assert len(sweeps.plan(sweeps.read("faces.toml"), "quick", own_network, inside).experiments) == 6
    (own,) = sweeps.plan(sweeps.read("own.toml"), "quick", [], inside).experiments
    assert own.recipe.weights == str((inside / "model.pt").resolve())


def test_the_answers_can_be_audited(inside):
    found = prediction_files.load(inside / "answers.npz")
    assert found.views.keys() == {"benign"}
    assert np.bincount(found.labels["train"]).tolist() == [60, 60, 60]
