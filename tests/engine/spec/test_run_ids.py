"""A run's name is its content's for good: what is pinned here changes only with what the runs themselves would find."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine import registry
from engine.data import sources
from engine.spec import sweeps
from engine.spec.experiment import Inference
from engine.spec.recipes import SCALES

PINNED = Path(__file__).with_name("run_ids.json")


@pytest.fixture
def first(monkeypatch):
    """A preset's first run at a scale, whatever the data's files hold."""
    monkeypatch.setattr(sources, "fingerprint", lambda data, root: "files")
    return lambda preset, scale, *overrides: sweeps.plan(preset, scale, overrides, Path()).experiments[0]


def test_the_first_run_of_every_preset_keeps_its_id(first):
    found = {
        name: {scale: first(preset, scale).run_id for scale in SCALES} for name, preset in sweeps.presets().items()
    }
    assert found == json.loads(PINNED.read_text())


def test_a_new_attack_and_other_settings_of_attacks_leave_the_id(first, monkeypatch):
    pinned = json.loads(PINNED.read_text())["demo"]["quick"]
    monkeypatch.setitem(
        registry.ATTACKS.rows, "toy", registry.AttackRow(name="toy", words="a toy", short="toy", score="toys:toy")
    )
    run = first(sweeps.presets()["demo"], "quick", "inference.splits=2", 'inference.attacks=["toy", "gap"]')
    assert run.inference == replace(run.inference, splits=2, attacks=("toy", "gap"))
    assert run.run_id == pinned
    assert replace(run, inference=Inference()).run_id == pinned
