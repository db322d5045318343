import pytest
import torch

from engine.bounds import dual, zonotope
from engine.bounds.box import BoundError, box

DUAL = ["linear", "forked", "small-cnn", "fashion-cnn"]


@pytest.mark.parametrize("name", DUAL)
def test_the_estimate_is_as_near_to_the_exact_bound_as_theory_says(case):
    model, x, y = case
    low, high = box(x, 0.05)
    with torch.no_grad():
        bound = zonotope.margins(model, low, high, y)
        spread = dual.margins(model, x, x, y, 1) - bound
        for projections in (200, 5000):
            found = dual.margins(model, low, high, y, projections)
            relative = ((found - bound) / spread).abs()
            # The median of k Cauchy draws has a relative error of (pi / 2) / sqrt(k); layers add theirs.
            assert relative.mean() < 2 * (torch.pi / 2) / projections**0.5


@pytest.mark.parametrize("name", ["forked", "yale-cnn", "small-cnn"])
def test_gradients_are_finite_and_reach_every_weight(case):
    model, x, y = case
    for low, high in (box(x, 0.1), (x, x), box(torch.zeros_like(x), 0.1)):
        model.zero_grad()
        dual.margins(model, low, high, y, 5).sum().backward()
        gradients = [weight.grad for weight in model.parameters()]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("name", ["forked"])
def test_a_box_of_one_point_has_the_margins_of_that_point(case, margins_of):
    model, x, y = case
    with torch.no_grad():
        assert torch.allclose(dual.margins(model, x, x, y, 3), margins_of(model(x), y), atol=1e-5)


@pytest.mark.parametrize("name", ["small-cnn"])
def test_draws_are_torchs_own(case):
    model, x, y = case
    found = [(torch.manual_seed(3), dual.margins(model, *box(x, 0.1), y, 4))[1] for _ in range(2)]
    assert torch.equal(*found)


@pytest.mark.parametrize("name", ["wide-resnet"])
def test_standardised_images_are_refused_in_one_line(case):
    model, x, y = case
    with pytest.raises(BoundError, match=r"Standardise \(layer 0\) has no bound by dual$"):
        dual.margins(model, x, x, y, 3)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 40])
def test_the_median_of_draws_has_the_value_and_gradient_of_torchs(count):
    torch.manual_seed(0)
    draws = torch.randn(3, count, 4, 5, requires_grad=True)
    expected = draws.abs().median(dim=1).values
    for found in (torch.vmap(dual.median_size)(draws), torch.stack([dual.median_size(each) for each in draws])):
        assert torch.equal(found, expected)
        assert torch.equal(*(torch.autograd.grad((x**2).sum(), draws, retain_graph=True)[0] for x in (found, expected)))
