"""Our own bounds against auto_LiRPA's of the same kind."""

import pytest
import torch

from engine.bounds import compat, interval, zonotope
from engine.bounds.box import box, difference_rows

OPTIONS = {"conv_mode": "matrix", "relu": "same-slope", "sparse_intermediate_bounds": False}
BOUNDED = ["linear", "small-cnn", "yale-cnn", "fashion-cnn"]


def theirs(model, x, y, epsilon, method):
    """Margins (n, classes - 1) with their graph; the model's weights are shared."""
    with compat.quiet():
        package = compat.auto_lirpa()
        bounded = package.BoundedModule(model, torch.zeros_like(x[:1]), bound_opts=OPTIONS)
        bounded.train()
        low, high = box(x, epsilon)
        asked = package.BoundedTensor(x, package.PerturbationLpNorm(norm=float("inf"), x_L=low, x_U=high))
        return bounded.compute_bounds(x=(asked,), C=difference_rows(5, y), method=method, bound_upper=False)[0]


def gradients(model, margins):
    """Of the worst-case cross-entropy, to every weight."""
    model.zero_grad()
    torch.logsumexp(torch.nn.functional.pad(-margins, (1, 0)), dim=1).mean().backward()
    return torch.cat([weight.grad.flatten() for weight in model.parameters()])


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
@pytest.mark.parametrize("name", BOUNDED)
def test_interval_propagation_has_the_values_and_gradients_of_auto_lirpas(case, epsilon):
    model, x, y = case
    reference = theirs(model, x, y, epsilon, "IBP")
    expected = gradients(model, reference)
    ours = interval.margins(model, *box(x, epsilon), y)
    assert (ours - reference).abs().max() <= 1e-5 * reference.abs().max()
    assert (gradients(model, ours) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
@pytest.mark.parametrize("name", BOUNDED)
def test_the_dual_bound_is_same_slope_crown(case, epsilon):
    model, x, y = case
    ours = zonotope.margins(model, *box(x, epsilon), y)
    with torch.no_grad():
        reference = theirs(model, x, y, epsilon, "CROWN")
    assert (ours - reference).abs().max() <= 1e-5 * (1 + reference.abs().max())
