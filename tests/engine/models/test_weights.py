from dataclasses import replace

import pytest
import torch
from torch import nn

from engine import events
from engine.models import weights
from engine.spec import sweeps
from engine.spec.experiment import Inference


@pytest.fixture
def experiment():
    return sweeps.plan({"name": "tiny", "dataset": "digits"}, "quick", ["grid.defense=natural"], ".").experiments[0]


@pytest.fixture
def trained(experiment, tmp_path):
    folder = tmp_path / experiment.run_id
    folder.mkdir()
    model = nn.Linear(2, 2)
    weights.save(folder, model, experiment)
    weights.add_history(folder, events.History(run_id=experiment.run_id, step=1, epoch=0, metrics={"loss": 1.0}))
    return model


def beside(tmp_path, experiment):
    folder = tmp_path / experiment.run_id
    folder.mkdir(exist_ok=True)
    return folder


def asked_otherwise(experiment):
    return replace(
        experiment,
        evaluation=replace(experiment.evaluation, views=("benign", "certified"), certification="crown"),
        inference=Inference(attacks=("confidence",)),
    )


def test_a_run_that_only_asks_otherwise_takes_the_weights_and_the_history(experiment, trained, tmp_path):
    other = asked_otherwise(experiment)
    folder = beside(tmp_path, other)
    assert other.run_id != experiment.run_id
    assert weights.take_over(folder, other) == experiment.run_id
    model = nn.Linear(2, 2)
    assert weights.load(folder, model)
    assert not model.training
    assert torch.equal(model.weight, trained.weight)
    assert [(point.run_id, point.step) for point in weights.history(folder)] == [(other.run_id, 1)]


@pytest.mark.usefixtures("trained")
def test_a_run_trained_otherwise_does_not(experiment, tmp_path):
    other = replace(experiment, recipe=replace(experiment.recipe, learning_rate=0.5))
    assert weights.take_over(beside(tmp_path, other), other) is None
    assert not weights.load(tmp_path / other.run_id, nn.Linear(2, 2))


@pytest.mark.usefixtures("trained")
def test_a_run_keeps_weights_of_its_own(experiment, tmp_path):
    assert weights.take_over(tmp_path / experiment.run_id, experiment) is None


@pytest.mark.usefixtures("trained")
def test_damaged_weights_are_not_taken(experiment, tmp_path):
    path = tmp_path / experiment.run_id / weights.FILE
    path.write_bytes(path.read_bytes()[:-3])
    other = asked_otherwise(experiment)
    assert weights.take_over(beside(tmp_path, other), other) is None


def test_the_training_id_is_that_of_everything_trained_with(experiment):
    assert asked_otherwise(experiment).training_id == experiment.training_id
    for changed in ({"seed": 1}, {"capacity": 3.0}, {"network": "yale-cnn"}):
        assert replace(experiment, **changed).training_id != experiment.training_id
