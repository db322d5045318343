"""Runs of verifiable defenses from their spec to their events."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from engine import bounds, events, registry
from engine.evaluation import soundness
from engine.experiment import RunContext, run
from engine.job_settings import RunOptions
from engine.models import networks
from engine.spec import sweeps

TINY = [
    "grid.capacity=0.5",
    "grid.epsilon=0.02",
    "recipe.steps=60",
    "recipe.projections=3",
    "data.test_fraction=0.2",
    "data.train_fraction=0.2",
    "evaluation.steps=3",
    "evaluation.certification=ibp",
    'inference.attacks=["confidence"]',
]
VERIFIABLE = tuple(name for name, row in registry.DEFENSES.items() if row.certification)


def plan(defense, *overrides):
    grid = {"grid": {"defense": [defense]}}
    return sweeps.plan({"name": "tiny", "dataset": "digits", **grid}, "quick", [*TINY, *overrides], ".").experiments[0]


def collect(experiment, folder):
    told = []
    run(experiment, RunContext(folder / experiment.run_id, RunOptions(data_root="."), torch.device("cpu")), told.append)
    return told


def of(told, kind):
    return [event for event in told if isinstance(event, kind)]


@pytest.mark.parametrize("defense", VERIFIABLE)
def test_a_verifiable_model_is_certified_and_attacked_through_its_bounds(defense, tmp_path):
    told = collect(plan(defense), tmp_path)
    assert told[-1].state == "done"
    found = {(event.view, event.split): event.accuracy for event in of(told, events.Accuracies)}
    for split in ("train", "test"):
        assert found["certified", split] <= found["adversarial", split] <= found["benign", split]
    assert found["benign", "train"] > 0.2
    benign, adversarial, certified = of(told, events.Scores)
    assert (certified.confidence <= adversarial.confidence * (1 + 1e-4) + 1e-7).all()
    assert (certified.margin <= benign.margin + 1e-3).all()
    rules = {event.threshold_rule for event in of(told, events.Leakage) if event.view == "certified"}
    assert {"oracle", "heldout"} <= rules


def test_another_method_is_another_run_with_the_same_weights(tmp_path):
    first = plan("ibp")
    collect(first, tmp_path)
    second = replace(first, evaluation=replace(first.evaluation, certification="crown-ibp"))
    told = collect(second, tmp_path)
    assert first.run_id != second.run_id
    assert f"the weights are those of {first.run_id}" in of(told, events.Notice)[0].message
    assert {event.step for event in of(told, events.History)} == set(range(1, 61))
    assert told[-1].state == "done"


def test_without_the_certified_view_its_method_changes_nothing():
    experiment = replace(plan("ibp"), evaluation=replace(plan("ibp").evaluation, views=("benign", "adversarial")))
    other = replace(experiment, evaluation=replace(experiment.evaluation, certification="crown"))
    assert other.run_id == experiment.run_id


def test_a_bound_that_an_attack_breaks_fails_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "margins", lambda model, low, high, y, method: torch.full((len(y), 9), 50.0))
    with pytest.raises(soundness.UnsoundError, match="unsound: the benign answer to train image"):
        collect(plan("ibp"), tmp_path)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("too much"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_a_tile_that_does_not_fit_is_halved(tmp_path, monkeypatch, error):
    whole = of(collect(plan("ibp"), tmp_path / "whole"), events.Scores)
    real, sizes = bounds.margins, []

    def tight(model, low, high, y, method):
        sizes.append(len(y))
        if len(y) > 20:
            raise error
        return real(model, low, high, y, method)

    monkeypatch.setattr(bounds, "margins", tight)
    parts = of(collect(plan("ibp"), tmp_path / "parts"), events.Scores)
    assert max(sizes) > 20
    assert abs(whole[-1].margin - parts[-1].margin).max() < 1e-4


def test_memory_that_holds_not_even_one_image_fails_the_run(tmp_path, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("too much")

    monkeypatch.setattr(bounds, "margins", never)
    with pytest.raises(torch.OutOfMemoryError):
        collect(plan("ibp"), tmp_path)


class Standardised(nn.Module):
    """A network as attack libraries ask for it."""

    def __init__(self, activation):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.3]).view(1, 1, 1, 1))
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), activation, nn.Dropout(0.1), nn.Linear(16, 10), nn.LogSoftmax(dim=1)
        )

    def forward(self, x):
        return self.net((x - self.mean) / 0.5)


@pytest.mark.parametrize("defense", VERIFIABLE)
def test_a_network_that_standardises_by_constants_is_trained_and_certified(defense, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "build", lambda *_, **__: Standardised(nn.ReLU()))
    told = collect(plan(defense, "evaluation.certification=crown-ibp"), tmp_path)
    assert told[-1].state == "done"
    benign, _, certified = of(told, events.Scores)
    assert (certified.margin <= benign.margin + 1e-4).all()
    assert (certified.margin > benign.margin - 1).all()


@pytest.mark.parametrize(
    ("defense", "layer", "told"),
    [
        ("ibp", nn.Softplus(), "Softplus (layer net.2) has no bound by any method"),
        ("dual", nn.GELU("tanh"), "GELU (layer net.2) has no bound by dual (use ibp)"),
        ("ibp", nn.GELU(), "GELU (layer net.2) has no bound by crown (use ibp, dual)"),
    ],
)
def test_a_network_without_a_bound_is_refused_before_it_is_trained(defense, layer, told, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "build", lambda *_, **__: Standardised(layer))
    with pytest.raises(bounds.BoundError) as caught:
        collect(plan(defense, "evaluation.certification=crown"), tmp_path)
    assert str(caught.value).startswith(f"network: {told}")
    assert not list(tmp_path.rglob("*.safetensors"))
