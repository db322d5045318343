import pytest
import torch
from torch import nn

from engine.bounds import zonotope
from engine.bounds.box import BoundError, box

DUAL = ["linear", "forked", "small-cnn", "fashion-cnn", "yale-cnn"]


class Branches(nn.Module):
    """Two branches that both bend what they share, and meet again."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(torch.relu(self.left(x)) + torch.relu(self.right(x)) + x)


@pytest.mark.parametrize("name", DUAL)
def test_no_point_of_the_box_breaks_a_bound(case, margins_of):
    model, x, y = case
    low, high = box(x, 0.05)
    bound = zonotope.margins(model, low, high, y)
    with torch.no_grad():
        for _ in range(200):
            point = torch.where(torch.rand_like(x) < 0.5, low, high)
            assert (bound <= margins_of(model(point), y) + 1e-5).all()


def test_branches_that_meet_again_are_bounded(margins_of):
    torch.manual_seed(0)
    model = Branches()
    x, y = torch.rand(4, 1, 2, 4), torch.arange(4)
    low, high = box(x, 0.2)
    bound = zonotope.margins(model, low, high, y)
    with torch.no_grad():
        margins = torch.stack(
            [margins_of(model(low + (high - low) * torch.rand_like(x).round()), y) for _ in range(2000)]
        )
    assert (bound <= margins.min(dim=0).values + 1e-6).all()
    assert bound.mean() > margins.min(dim=0).values.mean() - 0.5


@pytest.mark.parametrize("name", DUAL)
def test_a_box_of_one_point_has_the_margins_of_that_point(case, margins_of):
    model, x, y = case
    with torch.no_grad():
        assert torch.allclose(zonotope.margins(model, x, x, y), margins_of(model(x), y), atol=1e-5)


def test_the_bound_is_that_of_the_convex_hull_written_out_by_hand():
    """One hidden neuron that may bend: x in [0.4, 0.6], z = 2x - 1 in [-0.2, 0.2], relu(z) <= (z + 0.2) / 2."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
    with torch.no_grad():
        model[1].weight.fill_(2), model[1].bias.fill_(-1)
        model[3].weight.copy_(torch.tensor([[-1.0], [1.0]])), model[3].bias.zero_()
    x = torch.full((1, 1, 1, 1), 0.5)
    bound = zonotope.margins(model, x - 0.1, x + 0.1, torch.tensor([0]))
    assert torch.allclose(bound, torch.tensor([[-2 * 0.2]]), atol=1e-6)


@pytest.mark.parametrize("name", ["wide-resnet"])
def test_standardised_images_are_refused_in_one_line(case):
    model, x, y = case
    with pytest.raises(BoundError, match=r"Standardise \(layer 0\) has no bound by dual$"):
        zonotope.margins(model, x, x, y)
