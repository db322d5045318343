"""What leaves out parts of a network by lot acts where it learns, not where it is attacked."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.evaluation.pgd import frozen
from engine.registry import DEFENSES
from engine.spec.recipes import recipe_for
from engine.training.defenses import trades
from engine.training.loop import thinned

ATTACKING = ("pgd", "trades", "distributional")


class Own(nn.Module):
    """A network of one's own with dropout as a layer and as a function."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.dropout, self.last = nn.Dropout(0.5), nn.Linear(32, 3)
        self.active = []
        """Whether dropout acted, pass by pass."""

    def forward(self, x):
        x = self.dropout(F.relu(self.norm(self.convolution(x))).flatten(1))
        self.active.append((self.training, self.dropout.training, self.norm.training))
        return self.last(F.dropout(x, 0.5, self.training))


def network():
    torch.manual_seed(0)
    return Own().train()


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 1, 4, 4, generator=generator), torch.arange(6) % 3


def recipe_of(defense, mode):
    settings = {"attack_steps": 3, "attack_batchnorm": mode, "epsilon_warmup": 0, "random_start": False}
    return recipe_for(defense, "digits", "quick", settings)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("defense", ATTACKING)
def test_dropout_acts_in_the_passes_that_learn_and_in_no_other(defense, mode):
    model, (x, y) = network(), batch()
    DEFENSES[defense].load()(model, x, y, recipe_of(defense, mode), 0.1, 5)
    learning = 2 if defense == "trades" else 1
    attacked = [(False, False, mode == "train")] * (len(model.active) - learning)
    assert len(attacked) >= 3
    assert model.active == attacked + [(True, True, True)] * learning
    assert all(module.training for module in model.modules())


def made(defense, model, mode):
    """The examples that a defense trains on, which are what the network reads last."""
    read = []
    hook = model.register_forward_pre_hook(lambda _, given: read.append(given[0].detach().clone()))
    x, y = batch()
    DEFENSES[defense].load()(model, x, y, recipe_of(defense, mode), 0.3, 5)
    hook.remove()
    return read[-1]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("defense", ATTACKING)
def test_the_attack_on_a_network_with_dropout_is_no_matter_of_luck(defense, mode, monkeypatch):
    noise = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(trades, "drawn", lambda *_: noise)  # where it starts
    examples = []
    for seed in (3, 4):
        model = network()
        torch.manual_seed(seed)
        with thinned(model, 0.5):
            examples.append(made(defense, model, mode))
    assert torch.equal(*examples)


def test_batchnorm_that_a_network_holds_still_stays_so():
    model = network()
    model.norm.eval()
    with frozen(model, "train"):
        assert not model.norm.training
