"""An installation without auto-LiRPA, as pip makes it: what needs it is refused in one line, all else works."""

import dataclasses
import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from engine import __main__ as node
from engine import bounds
from engine.bounds import BoundError, compat
from engine.models import networks
from engine.registry import ATTACKS, CERTIFICATIONS
from engine.spec import requirements
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.validation import SpecError

ROOT = Path(__file__).resolve().parents[3]


def test_pip_is_not_asked_for_it_while_uv_installs_it_by_itself():
    """Nothing that pip resolves may name it: no dependency and no extra, for its pins exclude every torch of ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "lirpa" not in str(project["project"]).lower()
    groups = project["dependency-groups"]
    assert {"include-group": "certify"} in groups["dev"]
    assert groups["certify"] == ["auto-LiRPA>=0.3"]
    assert requirements.REMEDY in (ROOT / "README.md").read_text()


@pytest.fixture
def without(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *at: None if name == "auto_LiRPA" else found(name, *at)
    )
    compat.auto_lirpa.cache_clear()
    yield
    compat.auto_lirpa.cache_clear()


def asked(method, views=("benign", "certified")):
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1,
        defense="ibp",
        epsilon=0.1,
        seed=0,
        recipe=recipe_for("ibp", "digits", "quick", {}),
        evaluation=Evaluation(epsilon=0.1, views=views, certification=method),
    )


def test_with_it_everything_may_be_asked_for():
    assert requirements.missing() == ""
    for method in CERTIFICATIONS:
        requirements.require_installed([asked(method)])


@pytest.mark.parametrize("method", CERTIFICATIONS)
def test_without_it_only_its_methods_are_refused_with_the_remedy(method, without):
    requirements.require_installed([asked(method, views=("benign",))])
    if method in ("ibp", "dual"):
        requirements.require_installed([asked(method)])
        return
    with pytest.raises(SpecError, match=f"{method} needs auto-LiRPA, which is not installed") as caught:
        requirements.require_installed([asked(method)])
    assert requirements.REMEDY in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", CERTIFICATIONS)
def test_a_bound_that_needs_it_fails_in_one_line(method, without):
    torch.manual_seed(0)
    model = networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=3, capacity=0.5).eval()
    low, high, y = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.1), torch.tensor([0])
    if method in ("ibp", "dual"):
        assert bounds.margins(model, low, high, y, method).shape == (1, 2)
        return
    with pytest.raises(BoundError, match="needs auto-LiRPA, which is not installed"):
        bounds.margins(model, low, high, y, method)


def test_the_bare_node_refuses_before_it_computes(tmp_path, monkeypatch, capsys, without):
    asked = [
        "demo",
        "--events",
        "out.jsonl",
        "--set",
        "evaluation.certification=crown",
        "--set",
        'grid.defense=["ibp"]',
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["engine", *asked])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    code, complaint = node.main(), capsys.readouterr().err
    assert (code, len(complaint.splitlines())) == (2, 1), complaint
    assert "crown needs auto-LiRPA" in complaint
    assert not (tmp_path / "out.jsonl").exists()


def test_what_a_row_needs_is_looked_for_before_its_run_is_taken(monkeypatch):
    needy = dataclasses.replace(ATTACKS["gap"], needs=("json", "no_such_module"))
    monkeypatch.setitem(ATTACKS.rows, "gap", needy)
    with pytest.raises(SpecError, match=r"^gap: needs no_such_module, which cannot be imported here$"):
        requirements.require_installed([asked("ibp")])
