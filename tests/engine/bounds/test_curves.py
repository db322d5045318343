import pytest
import torch

from engine.bounds import curves

CURVES = {
    **{f"leaky {slope}": curves.leaky(slope) for slope in (0.0, 0.1, 2.0, -0.3)},
    "sigmoid": curves.SIGMOID,
    "tanh": curves.TANH,
    "gelu": curves.GELU,
    "gelu by tanh": curves.GELU_BY_TANH,
}


@pytest.fixture
def intervals():
    """Low and high ends, narrow and wide, and points between."""
    torch.manual_seed(0)
    centre, radius = 8 * torch.rand(2000, dtype=torch.float64) - 4, 10 ** (4 * torch.rand(2000).double() - 3)
    low, high = centre - radius, centre + radius
    return low, high, low + (high - low) * torch.linspace(0, 1, 401, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("name", CURVES)
def test_no_point_leaves_its_interval(name, intervals):
    low, high, points = intervals
    least, most = CURVES[name].between(low, high)
    values = CURVES[name].layer(points)
    assert (values >= least - 1e-12).all()
    assert (values <= most + 1e-12).all()
    reached = values.max(dim=0).values - values.min(dim=0).values
    assert (reached >= 0.98 * (most - least) - 1e-9).all()


@pytest.mark.parametrize("name", [name for name in CURVES if CURVES[name].band])
def test_no_point_leaves_its_band(name, intervals):
    low, high, points = intervals
    slope, shift, half = CURVES[name].band(low, high)
    off = (CURVES[name].layer(points) - slope * points - shift).abs()
    assert (off <= half + 1e-12 * (1 + points.abs())).all()
