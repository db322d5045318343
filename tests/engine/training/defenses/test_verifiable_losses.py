"""The losses of the verifiable defenses against their formulas, written out with the parts tested elsewhere."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.bounds import dual, interval
from engine.bounds.box import box
from engine.registry import DEFENSES
from engine.spec.recipes import recipe_for
from engine.spec.recipes.settings import AbstractRecipe, IBPRecipe


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 1, 4, 4, generator=generator), torch.arange(6) % 3


def plain(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def worst_case(margins):
    return torch.log1p(torch.exp(-margins).sum(dim=1)).mean()


@pytest.mark.parametrize(("step", "share"), [(0, 0), (10, 0), (20, 0.25), (50, 1), (90, 1)])
def test_ibp_moves_from_the_plain_to_the_certified_loss(model, batch, step, share):
    recipe = recipe_for("ibp", "digits", "quick", {"ramp_start": 10, "ramp_end": 50, "kappa": 0.5})
    x, y = batch
    certified = worst_case(interval.margins(model, *box(x, share * 0.1), y))
    expected = (1 - share / 2) * plain(model, batch) + share / 2 * certified
    assert torch.allclose(DEFENSES["ibp"].load()(model, x, y, recipe, 0.1, step), expected, atol=1e-6)


@pytest.mark.parametrize(("step", "share"), [(9, None), (10, 1 / 30), (25, 0.5), (60, 1)])
def test_abstract_adds_a_saturating_term(model, batch, step, share):
    settings = {"robust_start": 10, "ramp_start": 10, "ramp_end": 40, "robust_weight": 0.2}
    recipe = recipe_for("abstract", "digits", "quick", settings)
    x, y = batch
    expected = plain(model, batch)
    if share is not None:
        margins = interval.loose_margins(model, *box(x, share * 0.1, clip=False), y)
        violation = torch.cat([-margins, torch.full((6, 1), -1.0)], dim=1).max(dim=1).values
        expected = (0.2 * F.softplus(violation).mean() + expected) / 1.2
    assert torch.allclose(DEFENSES["abstract"].load()(model, x, y, recipe, 0.1, step), expected, atol=1e-6)


def test_dual_is_the_certified_loss_at_an_epsilon_that_grows(model, batch):
    settings = {"ramp_start": 0, "ramp_end": 10, "epsilon_first": 0.02, "projections": 4}
    recipe = recipe_for("dual", "digits", "quick", settings)
    x, y = batch
    assert recipe.kappa == 0
    for step, epsilon in ((0, 0.02), (5, 0.06), (30, 0.1)):
        torch.manual_seed(2)
        found = DEFENSES["dual"].load()(model, x, y, recipe, 0.1, step)
        torch.manual_seed(2)
        assert torch.allclose(found, worst_case(dual.margins(model, *box(x, epsilon), y, 4)), atol=1e-6)


@pytest.mark.parametrize(("step", "epsilon", "kappa"), [(0, 0, 1), (5, 0.05, 0.75), (10, 0.1, 0.5)])
def test_dual_may_keep_a_share_of_the_plain_loss_and_count_the_nearest_rivals_only(model, batch, step, epsilon, kappa):
    recipe = recipe_for("dual", "digits", "quick", {"ramp_end": 10, "projections": 4, "kappa": 0.5, "rivals": 1})
    x, y = batch
    torch.manual_seed(2)
    found = DEFENSES["dual"].load()(model, x, y, recipe, 0.1, step)
    torch.manual_seed(2)
    margins = dual.margins(model, *box(x, epsilon), y, 4, rivals=1) if epsilon else torch.zeros(6, 1)
    assert margins.shape == (6, 1)
    assert torch.allclose(found, kappa * plain(model, batch) + (1 - kappa) * worst_case(margins), atol=1e-6)


def test_the_ramp_of_the_published_abstract_models_ran_ahead():
    """Protocol B5: on Yale it left its floor in epoch 14, stood at 0.32 in epoch 20 and ended in epoch 33."""
    intended = recipe_for("abstract", "yale", "paper", {})
    actual = recipe_for("abstract", "yale", "paper", {"evaluation_boxes": 50})
    assert isinstance(actual, AbstractRecipe)
    epochs = {
        name: [recipe.share(95 * epoch) for epoch in range(60)]
        for name, recipe in (("intended", intended), ("actual", actual))
    }
    assert [next(n for n, share in enumerate(epochs[name]) if share > 1 / 30) for name in epochs] == [22, 14]
    assert [next(n for n, share in enumerate(epochs[name]) if share == 1) for name in epochs] == [50, 33]
    assert epochs["actual"][19] == pytest.approx(0.30, abs=0.02)


def test_schedules_shrink_with_the_steps():
    recipe = recipe_for("ibp", "yale", "paper", {"steps": 2000})
    assert isinstance(recipe, IBPRecipe)
    assert (recipe.ramp_start, recipe.ramp_end, recipe.milestones) == (50, 700, (1000, 1500))


def test_a_ramp_may_begin_slowly():
    recipe = recipe_for("ibp", "digits", "quick", {"ramp_start": 10, "ramp_end": 50, "ramp_power": 2})
    assert [recipe.epsilon_at(step, 1.0) for step in (0, 10, 20, 30, 50, 60)] == [0, 0, 1 / 16, 1 / 4, 1, 1]
    assert recipe.share(30) == 1 / 2
