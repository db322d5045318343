from itertools import pairwise

import pytest
import torch
from torch import nn

from engine.bounds import interval
from engine.bounds.box import BoundError, box
from engine.evaluation.pgd import pgd


@pytest.mark.parametrize("epsilon", [0.003, 0.05])
def test_no_point_of_the_box_breaks_a_bound(case, epsilon, margins_of):
    model, x, y = case
    low, high = box(x, epsilon)
    with torch.no_grad():
        bound = interval.margins(model, low, high, y)
        loose = interval.loose_margins(model, low, high, y)
        slack = 1e-5 * (1 + bound.abs())
        assert (loose <= bound + slack).all()
        share = torch.rand(100, *x.shape)
        points = torch.cat([x[None], torch.where(share < 0.5, low, high), low + (high - low) * share])
        margins = margins_of(model(points.flatten(0, 1)), y.repeat(len(points))).view(len(points), *bound.shape)
        assert (bound <= margins + slack).all()
    for wrong in range(5):
        attacked = pgd(
            model, x, torch.full_like(y, wrong), epsilon=epsilon, step_size=epsilon / 4, steps=10, targeted=True
        )
        assert (bound <= margins_of(model(attacked), y) + slack).all()


def test_a_box_of_one_point_has_the_margins_of_that_point(case, margins_of):
    model, x, y = case
    with torch.no_grad():
        assert torch.allclose(interval.margins(model, x, x, y), margins_of(model(x), y), atol=1e-4)


def test_a_linear_network_is_bounded_exactly(margins_of):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    x, y = torch.rand(2, 1, 4, 4), torch.tensor([0, 2])
    rows = model[1].weight[y][:, None] - torch.stack([model[1].weight[[1, 2]], model[1].weight[[0, 1]]])
    exact = margins_of(model(x), y) - 0.01 * rows.abs().sum(dim=2)
    assert torch.allclose(interval.margins(model, x - 0.01, x + 0.01, y), exact, atol=1e-6)


def test_a_wider_box_has_no_higher_bounds(case):
    model, x, y = case
    with torch.no_grad():
        bounds = [interval.margins(model, *box(x, epsilon), y) for epsilon in (0, 0.001, 0.01)]
    for tight, wide in pairwise(bounds):
        assert (wide <= tight + 1e-5 * (1 + tight.abs())).all()


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(8, 3)).double()
    x, y = torch.rand(2, 1, 4, 4).double(), torch.tensor([1, 2])
    low, high = box(x, 0.02)

    def bound(weight):
        replaced = nn.Conv2d(1, 2, 3).double()
        replaced.bias = model[0].bias
        del replaced.weight
        replaced.weight = weight
        return interval.margins(nn.Sequential(replaced, *model[1:]), low, high, y)

    assert torch.autograd.gradcheck(bound, model[0].weight.detach().clone().requires_grad_())


@pytest.mark.parametrize(
    ("layer", "name"), [(nn.Softplus(), "Softplus"), (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), "reflect")]
)
def test_a_layer_without_a_rule_is_named(layer, name):
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(BoundError, match=name):
        interval.margins(model, torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4), torch.tensor([0]))
