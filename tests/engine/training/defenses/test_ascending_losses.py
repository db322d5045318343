"""TRADES and distributional training against their formulas, written out in float64."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from engine.registry import DEFENSES
from engine.spec.experiment import Data, Evaluation, Experiment
from engine.spec.recipes import recipe_for
from engine.training.defenses import distributional, trades
from engine.validation import SpecError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 3)).train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 1, 4, 4, generator=generator), torch.arange(6) % 3


def softmax(z):
    e = torch.exp(z - z.max(dim=1, keepdim=True).values)
    return e / e.sum(dim=1, keepdim=True)


def gradient(objective, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(objective(x), x)[0]


def trades_by_the_book(model, x, y, beta, epsilon, step_size, steps, clean_gradient):
    """float64: CE(F(x), y) + beta / B * sum_i sum_c F(x)_c log(F(x)_c / F(x~)_c), and x~."""
    model, x = copy.deepcopy(model).double(), x.double()
    model.eval()
    p = softmax(model(x)).detach()
    start = x + 0.001 * torch.randn_like(x.float()).double()
    for _ in range(steps):
        g = gradient(lambda some: (p * (p.log() - softmax(model(some)).log())).sum(), start)
        start = torch.minimum(torch.maximum(start + step_size * g.sign(), x - epsilon), x + epsilon).clamp(0, 1)
    model.train()
    q = softmax(model(x))
    target = q if clean_gradient else q.detach()
    divergence = (target * (target.log() - softmax(model(start)).log())).sum()
    loss = -q.log()[torch.arange(len(y)), y].mean() + beta / len(x) * divergence
    loss.backward()
    return loss.item(), torch.cat([weight.grad.flatten() for weight in model.parameters()]), start


@pytest.mark.parametrize("clean_gradient", [True, False])
@pytest.mark.parametrize("beta", [0.0, 1.0, 6.0])
def test_trades_is_its_formula(model, batch, beta, clean_gradient):
    x, y = batch
    settings = {"attack_steps": 3, "epsilon_warmup": 0, "beta": beta, "clean_gradient": clean_gradient}
    recipe = recipe_for("trades", "digits", "quick", settings)
    torch.manual_seed(5)
    value, slopes, _ = trades_by_the_book(model, x, y, beta, 0.1, 0.1 * recipe.attack_step_size, 3, clean_gradient)
    torch.manual_seed(5)
    loss = DEFENSES["trades"].load()(model, x, y, recipe, 0.1, 1000)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-5)
    found = torch.cat([weight.grad.flatten() for weight in model.parameters()]).double()
    assert torch.allclose(found, slopes, rtol=1e-3, atol=1e-5)


def test_the_authors_variant_has_the_same_value_and_other_gradients(model, batch):
    x, y = batch
    values, slopes = [], []
    for clean_gradient in (True, False):
        network = copy.deepcopy(model)
        recipe = recipe_for("trades", "digits", "quick", {"beta": 6, "clean_gradient": clean_gradient})
        torch.manual_seed(5)
        loss = DEFENSES["trades"].load()(network, x, y, recipe, 0.3, 1000)
        loss.backward()
        values.append(loss.item())
        slopes.append(network[0].weight.grad)
    assert values[0] == values[1]
    assert not torch.allclose(*slopes)


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.4])
def test_examples_of_trades_stay_in_the_ball_and_among_pixels(model, batch, epsilon):
    x, _ = batch
    found = trades.farthest(model, x, recipe_for("trades", "digits", "quick", {}), epsilon)
    assert ((found - x).abs() <= epsilon + 1e-6).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert model.training


def test_the_divergence_is_not_negative_and_0_of_a_distribution_to_itself():
    torch.manual_seed(0)
    logits, others = torch.randn(2, 50, 4)
    target = torch.log_softmax(logits, dim=1)
    assert trades.divergence(target, logits).item() == pytest.approx(0, abs=1e-5)
    assert trades.divergence(target, others) > 0


@pytest.mark.parametrize("rule", ["fixed", "batch-mean"])
def test_distributional_is_its_formula(model, batch, rule):
    x, y = batch
    recipe = recipe_for("distributional", "digits", "quick", {"attack_steps": 4, "gamma_rule": rule, "gamma": 0.02})
    network, moved = copy.deepcopy(model).double().eval(), x.double()
    rows = torch.arange(len(y))
    for _ in range(4):
        g = recipe.ascent * gradient(lambda some: -softmax(network(some)).log()[rows, y].sum(), moved)
        gamma = g.abs().mean() if rule == "batch-mean" else 0.02
        moved = (moved + g - gamma * (moved + g - x.double()).sign()).clamp(0, 1)
    found = distributional.moved(model, x, y, recipe)
    assert torch.allclose(found.double(), moved, atol=1e-5)
    assert (found - x).abs().max() > 0.01
    network.train()
    expected = -softmax(network(moved)).log()[rows, y].mean()
    found = distributional.loss(model, x, y, recipe, 0.1, 0)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_price_above_every_gradient_leaves_images_within_that_price(model, batch):
    x, y = batch
    recipe = recipe_for("distributional", "digits", "quick", {"attack_steps": 1, "gamma": 0.0})
    free = distributional.moved(model, x, y, recipe) - x
    dear = float(free.abs().max()) * 1.01
    recipe = recipe_for("distributional", "digits", "quick", {"attack_steps": 1, "gamma": dear})
    assert ((distributional.moved(model, x, y, recipe) - x).abs() <= dear + 1e-6).all()


def distributional_experiment(epsilon):
    return Experiment(
        data=Data(name="digits"),
        network="small-cnn",
        capacity=1,
        defense="distributional",
        epsilon=epsilon,
        seed=0,
        recipe=recipe_for("distributional", "digits", "quick", {}),
        evaluation=Evaluation(epsilon=epsilon),
    )


def test_distributional_runs_that_differ_in_epsilon_share_weights():
    some, other = distributional_experiment(0.1), distributional_experiment(0.2)
    assert some.training_id == other.training_id
    assert some.slug == other.slug  # by which the weights are found
    assert some.run_id != other.run_id


@pytest.mark.parametrize(
    ("defense", "setting", "value"),
    [
        ("trades", "beta", -1),
        ("trades", "attack_steps", 0),
        ("distributional", "gamma", -0.1),
        ("distributional", "ascent", 0),
        ("distributional", "gamma_rule", "mean"),
    ],
)
def test_impossible_settings_are_refused(defense, setting, value):
    with pytest.raises(SpecError, match=setting):
        recipe_for(defense, "digits", "quick", {setting: value})


@pytest.mark.parametrize("dataset", ["digits", "yale", "fashion-mnist", "cifar10", "folder"])
@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_every_data_set_has_a_recipe_whose_schedule_is_its_own(dataset, scale):
    for defense in ("trades", "distributional"):
        recipe = recipe_for(defense, dataset, scale, {})
        assert all(milestone < recipe.steps for milestone in recipe.milestones)
        assert np.isfinite(recipe.passes_per_image)
