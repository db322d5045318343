import copy

import numpy as np
import pytest
import torch

from engine.data import datasets
from engine.evaluation import views
from engine.experiment import RunContext, run
from engine.job_settings import RunOptions
from engine.models import networks, tensorfile
from engine.spec import sweeps
from engine.spec.experiment import Data, Evaluation

VIEWS = ("benign", "adversarial", "targeted")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(scope="module")
def data():
    return datasets.load(Data(name="digits", test_fraction=0.3), ".")


def network(name):
    torch.manual_seed(0)
    return networks.build(name, in_channels=1, image_size=(8, 8), num_classes=10, capacity=1).eval()


@pytest.mark.parametrize("name", ["small-cnn", "wide-resnet"])
def test_cpu_and_gpu_agree_on_a_fixed_model(data, name):
    model = network(name)
    evaluation = Evaluation(epsilon=0.1, views=VIEWS)
    here = views.predict(model, data, evaluation)
    there = views.predict(copy.deepcopy(model).cuda(), data.to("cuda"), evaluation)
    for split in ("train", "test"):
        benign = [answers.views["benign"][split].logits for answers in (here, there)]
        assert np.abs(benign[0] - benign[1]).max() < 1e-4
        for view in VIEWS:
            right = [answers.views[view][split].correct(answers.labels[split]).mean() for answers in (here, there)]
            assert abs(right[0] - right[1]) < 0.01


def test_float32_training_is_the_same_on_both(tmp_path):
    table = {"name": "cuda", "dataset": "digits", "grid": {"defense": ["natural"], "capacity": [1]}}
    table |= {"evaluation": {"views": list(VIEWS)}, "inference": {"attacks": ["gap"]}}
    (experiment,) = sweeps.plan(table, "quick", ["recipe.steps=5"], ".").experiments
    weights = []
    for device in ("cpu", "cuda"):
        run(experiment, RunContext(tmp_path / device, RunOptions(data_root="."), torch.device(device)), lambda _: None)
        weights.append(tensorfile.read(tmp_path / device / "model.safetensors")[0])
        assert len(list((tmp_path / device / "exposed").glob("*.pgm"))) == 24
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-5) for name in weights[0])


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
@pytest.mark.parametrize("network", ["small-cnn", "wide-resnet"])
def test_every_precision_learns(tmp_path, precision, network):
    table = {"name": "cuda", "dataset": "digits", "network": network, "recipe": {"precision": precision, "steps": 150}}
    table["recipe"]["channels_last"] = True
    table |= {"grid": {"defense": ["pgd"], "capacity": [1]}, "inference": {"attacks": ["gap"]}}
    (experiment,) = sweeps.plan(table, "quick", [], ".").experiments
    told = []
    run(experiment, RunContext(tmp_path, RunOptions(data_root="."), torch.device("cuda")), told.append)
    assert told[-1].state == "done", told[-1].error
    accuracy = next(event.accuracy for event in told if event.kind == "accuracies" and event.view == "benign")
    assert accuracy > 0.6
