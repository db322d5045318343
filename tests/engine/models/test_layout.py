import copy

import numpy as np
import pytest
import torch
from torch import nn

from engine.data.datasets import Split
from engine.evaluation import views
from engine.evaluation.pgd import frozen
from engine.models import networks
from engine.models.layout import as_kernels, lay_out
from engine.spec.experiment import Evaluation


def network(family, channels=3):
    torch.manual_seed(0)
    return networks.build(family, in_channels=channels, image_size=(8, 8), num_classes=4, capacity=1).eval()


def is_channels_last(x):
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


@pytest.mark.parametrize(("family", "laid"), [("small-cnn", False), ("yale-cnn", True), ("wide-resnet", True)])
def test_families_that_are_faster_so_lie_channels_last_on_a_cpu(family, laid):
    model = lay_out(network(family), family, asked=False)
    assert any(is_channels_last(each) for each in model.parameters()) == laid
    assert is_channels_last(as_kernels(model, torch.rand(2, 3, 8, 8))) == laid


@pytest.mark.parametrize("asked", [False, True])
def test_a_network_of_ones_own_stays_as_it_is_unless_asked(asked):
    model = lay_out(nn.Sequential(nn.Conv2d(3, 4, 3)), "mine:network", asked)
    assert is_channels_last(model[0].weight) == asked


def test_weights_loaded_later_lie_there_too():
    model = lay_out(network("yale-cnn"), "yale-cnn", asked=False)
    model.load_state_dict(network("yale-cnn").state_dict())
    assert is_channels_last(model[0].weight)


@pytest.mark.parametrize(
    ("family", "certification"),
    [("yale-cnn", "dual"), ("fashion-cnn", "dual"), ("fashion-cnn", "ibp"), ("wide-resnet", "ibp")],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_answers_are_the_same_wherever_activations_lie(family, channels, certification):
    evaluation = Evaluation(epsilon=0.01, steps=2, views=("benign", "certified"), certification=certification)
    model = network(family, channels)
    laid = lay_out(copy.deepcopy(model), family, asked=False)
    split = Split(torch.rand(5, channels, 8, 8), torch.arange(5) % 4, torch.arange(5, dtype=torch.int32))
    for view in evaluation.views:
        with frozen(model), frozen(laid):
            one, other = (views.ask(each, split, view, evaluation, 4).logits for each in (model, laid))
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
