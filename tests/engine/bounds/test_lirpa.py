import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.bounds import lirpa
from engine.bounds.box import BoundError, box
from engine.evaluation.pgd import frozen, pgd
from engine.models import networks
from engine.validation import SpecError

BOUNDED = ["linear", "forked", "small-cnn", "yale-cnn", "fashion-cnn"]


def strange():
    """Dilation, groups, different strides, no biases, dropout, a mean over pixels, and kernels with channels last."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.Conv2d(4, 8, (3, 2), stride=(2, 3), padding=(1, 0), groups=2, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 6, bias=False),
        nn.ReLU(),
        nn.Linear(6, 5, bias=False),
    )
    return model.eval().to(memory_format=torch.channels_last)


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.rand(6, 1, 8, 8), torch.arange(6) % 5


def check_sound(model, x, y, epsilon, margins_of, methods=lirpa.METHODS):
    """No corner, inner point or attacked image of a box has a margin below any method's bound."""
    low, high = box(x, epsilon)
    bounds = torch.stack([lirpa.margins(model, low, high, y, method) for method in methods])
    assert bounds.isfinite().all()
    points = [x]
    for _ in range(20):
        share = torch.rand(20, *x.shape)
        points += [low + (high - low) * share.flatten(0, 1).view_as(share), torch.where(share < 0.5, low, high)]
    with frozen(model):
        for wrong in range(5):
            target = torch.full_like(y, wrong)
            points.append(pgd(model, x, target, epsilon=epsilon, step_size=epsilon / 4, steps=10, targeted=True))
        for some in points:
            margins = margins_of(model(some.reshape(-1, *x.shape[1:])), y.repeat(some.numel() // x.numel()))
            margins = margins.reshape(-1, len(y), 4)
            assert (margins >= bounds[:, None] - 1e-5 * (1 + bounds.abs()[:, None])).all()


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("epsilon", [pytest.param(0.01, marks=pytest.mark.slow), 0.1])
def test_no_point_of_the_box_breaks_a_bound(case, epsilon, margins_of):
    check_sound(*case, epsilon, margins_of)


def test_unusual_layers_are_bounded_soundly(images, margins_of):
    check_sound(strange(), *images, 0.1, margins_of)


@pytest.mark.parametrize("size", [(21, 24), (11, 9)])
def test_strides_over_odd_sizes_are_bounded_soundly(size, margins_of):
    torch.manual_seed(0)
    model = networks.build("yale-cnn", in_channels=1, image_size=size, num_classes=5, capacity=1).eval()
    check_sound(model, torch.rand(2, 1, *size), torch.tensor([0, 3]), 0.05, margins_of, ("crown-ibp", "crown"))


def reference(layers, low, high, rows, parallel):
    """CROWN of one image in float64, by the book; inner bounds are intervals where those say what a ReLU does."""
    layers, low, high, rows = layers.double(), low.double(), high.double(), rows.double()
    answers, inside = [low], {}
    for layer in layers:
        answers.append(layer(answers[-1]))

    def through_relu(lower, upper, start, end):
        bends = (start < 0) & (end > 0)
        hull = torch.where(bends, end / (end - start), (end > 0).double())
        height = torch.where(bends, -hull * start, 0.0)
        other = torch.where(bends, hull if parallel else (hull > 0.5).double(), hull)
        shifts = (lower.clamp(max=0) * height).flatten(1).sum(1), (upper.clamp(min=0) * height).flatten(1).sum(1)
        lower = lower.clamp(min=0) * other + lower.clamp(max=0) * hull
        return lower, upper.clamp(min=0) * hull + upper.clamp(max=0) * other, shifts

    def through_affine(lower, upper, layer, shape):
        zero = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        answer = layer(zero)
        shifts = [(one * answer[0].detach()).flatten(1).sum(1) for one in (lower, upper)]
        lower, upper = (
            torch.autograd.grad(answer, zero, one[:, None], is_grads_batched=True, retain_graph=True)[0][:, 0]
            for one in (lower, upper)
        )
        return lower, upper, shifts

    def backwards(rows, depth):
        lower, upper, below, above = rows, rows, 0.0, 0.0
        for index in reversed(range(depth)):
            if isinstance(layers[index], nn.ReLU):
                lower, upper, shifts = through_relu(lower, upper, *inside[index])
            else:
                lower, upper, shifts = through_affine(lower, upper, layers[index], answers[index].shape)
            below, above = below + shifts[0], above + shifts[1]
        below = below + (lower.clamp(min=0) * low + lower.clamp(max=0) * high).flatten(1).sum(1)
        return below, above + (upper.clamp(min=0) * high + upper.clamp(max=0) * low).flatten(1).sum(1)

    for index, layer in enumerate(layers):
        if isinstance(layer, nn.ReLU):
            shape = answers[index].shape[1:]
            identity = torch.eye(shape.numel(), dtype=torch.float64).reshape(-1, *shape)
            found = [bound.reshape(shape) for bound in backwards(identity, index)]
            last = max(inside, default=-1)
            plain = interval(layers[last + 1 : index], *inside.get(last, (low[0], high[0])), relu=bool(inside))
            settled = (plain[0] >= 0) | (plain[1] <= 0)
            settled &= settled.double().mean() >= 0.1  # below that auto_LiRPA bounds all neurons alike
            inside[index] = [torch.where(settled, *ends) for ends in zip(plain, found, strict=True)]
    return backwards(rows, len(layers))[0]


def interval(layers, start, end, relu):
    """Bounds of what affine layers make of numbers between two, or of their ReLU."""
    if relu:
        start, end = start.clamp(min=0), end.clamp(min=0)
    for layer in layers:
        centre, radius = (start + end)[None] / 2, (end - start)[None] / 2
        if not isinstance(layer, nn.Flatten):
            absolute = copy.deepcopy(layer)
            absolute.weight.data.abs_()
            radius = absolute(radius) - absolute(torch.zeros_like(radius))
            start, end = (layer(centre) - radius)[0].detach(), (layer(centre) + radius)[0].detach()
        else:
            start, end = start.flatten(), end.flatten()
    return start, end


@pytest.mark.parametrize("name", ["small-cnn", "yale-cnn", "fashion-cnn"])
@pytest.mark.parametrize("method", ["dual", "crown"])
def test_bounds_are_those_of_the_book(case, method):
    model, x, y = case
    for layer in model:
        if getattr(layer, "bias", None) is not None:
            nn.init.normal_(layer.bias, std=0.1)
    low, high = box(x[:1], 0.05)
    identity = torch.eye(5)
    rows = identity[0] - identity[1:]
    found = lirpa.margins(model, low, high, y[:1], method)[0]
    expected = reference(copy.deepcopy(model), low, high, rows, method == "dual")
    assert torch.allclose(found.double(), expected, atol=1e-5)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_box_of_one_point_has_the_margins_of_that_point(case, margins_of):
    model, x, y = case
    with torch.no_grad():
        exact = margins_of(model(x), y)
    for method in lirpa.METHODS:
        assert torch.allclose(lirpa.margins(model, x, x, y, method), exact, atol=1e-5)


@pytest.mark.parametrize("name", ["linear"])
def test_a_linear_network_is_bounded_exactly(case, margins_of):
    model, x, y = case
    low, high = box(x, 0.05)
    weight = model[1].weight.detach()
    for method in lirpa.METHODS:
        bound = lirpa.margins(model, low, high, y, method)
        for index, label in enumerate(y.tolist()):
            wrong = [other for other in range(5) if other != label]
            for place, other in enumerate(wrong):
                row = (weight[label] - weight[other]).reshape(1, 8, 8)
                worst = torch.where(row > 0, low[index], high[index])[None]
                assert torch.allclose(bound[index, place], margins_of(model(worst), y[index : index + 1])[0, place])


@pytest.mark.parametrize("name", ["forked", "small-cnn", "yale-cnn", "fashion-cnn"])
def test_fitting_the_lines_never_loosens_and_mostly_tightens(case):
    model, x, y = case
    crown, fitted = (lirpa.margins(model, *box(x, 0.1), y, method) for method in ("crown", "alpha-crown"))
    assert (fitted >= crown).all()
    assert (fitted > crown).float().mean() > 0.5


def test_an_inactive_layer_leaves_nothing_to_fit(images):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5)).eval()
    nn.init.constant_(model[0].bias, -100)
    x, y = images
    assert torch.equal(
        *(lirpa.margins(model, *box(x, 0.1), y, method).round(decimals=5) for method in ("crown", "alpha-crown"))
    )


@pytest.mark.parametrize("name", ["small-cnn", "forked"])
@pytest.mark.parametrize("method", ["dual", "alpha-crown"])
def test_bounding_few_neurons_at_once_changes_nothing_and_prints_nothing(case, method, monkeypatch, capfd):
    model, x, y = case
    whole = lirpa.margins(model, *box(x, 0.1), y, method)
    monkeypatch.setattr(lirpa, "CACHE", 0)
    assert torch.allclose(lirpa.margins(model, *box(x, 0.1), y, method), whole, atol=1e-5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["yale-cnn"])
def test_one_verifier_bounds_tiles_of_any_size_alike(case):
    model, x, y = case
    low, high = box(x, 0.05)
    verifier = lirpa.Verifier(model, x[0], "crown-ibp")
    tiles = [verifier(low[some], high[some], y[some]) for some in (slice(0, 1), slice(1, 4), slice(4, 6))]
    assert torch.allclose(torch.cat(tiles), verifier(low, high, y), atol=1e-6)


@pytest.mark.parametrize("name", ["forked"])
@pytest.mark.parametrize("method", lirpa.METHODS)
def test_the_model_and_torchs_draws_are_left_as_they_were(case, method):
    model, x, y = case
    model.head.weight.requires_grad_(False)
    before, state = copy.deepcopy(model), torch.get_rng_state()
    bounds = lirpa.margins(model, *box(x, 0.1), y, method)
    assert bounds.dtype == torch.float32
    assert bounds.shape == (6, 4)
    assert not bounds.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training or module._forward_hooks for module in model.modules())
    for (name, now), then in zip(model.state_dict(keep_vars=True).items(), before.state_dict().values(), strict=True):
        assert torch.equal(now, then)
        assert now.grad is None
        assert now.requires_grad == (name in dict(model.named_parameters()) and name != "head.weight")
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))


class Padded(nn.Module):
    def forward(self, x):
        return F.pad(x, (0, 0, 0, 0, 1, 1))


OVERLAP = "windows that overlap or reach beyond the image"


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"), "Conv2d (layer 1) by any: padding_mode 'reflect'"),
        (Padded(), "pad (layer 1, Padded) by any"),
        (nn.Softplus(), "Softplus (layer 1) by any"),
        (nn.GELU(), "GELU (layer 1) by crown"),
        (nn.LeakyReLU(2.0), "LeakyReLU (layer 1) by crown"),
        (nn.AdaptiveAvgPool2d(2), "adaptive_avg_pool2d (layer layers.1, AdaptiveAvgPool2d) by crown"),
        (nn.AvgPool2d(2, stride=1), f"AvgPool2d (layer 1) by crown: {OVERLAP}"),
        (nn.AvgPool2d(3, stride=2), f"AvgPool2d (layer 1) by crown: {OVERLAP}"),
        (nn.AvgPool2d(2, padding=1), f"AvgPool2d (layer 1) by crown: {OVERLAP}"),
        (nn.MaxPool2d(3, stride=2), f"MaxPool2d (layer 1) by crown: {OVERLAP}"),
        (nn.AvgPool2d(2, divisor_override=3), "AvgPool2d (layer 1) by crown: windows with gaps or a divisor"),
        (nn.MaxPool2d((2, 3)), "MaxPool2d (layer 1) by crown: windows that leave over pixels in one direction only"),
    ],
)
def test_a_layer_that_cannot_be_bounded_is_named_in_one_line(images, layer, told):
    x, y = images
    body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), layer, nn.ReLU(), nn.Flatten())
    model = nn.Sequential(*body, nn.Linear(body(x).shape[1], 5)).eval()
    with pytest.raises(SpecError) as caught:
        lirpa.margins(model, *box(x, 0.1), y, "crown")
    assert isinstance(caught.value, BoundError)
    told = told.replace(" by any", " has no bound by any method").replace(" by crown", " has no bound by crown")
    assert str(caught.value).startswith(f"network: {told}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["wide-resnet"])
@pytest.mark.parametrize("method", lirpa.METHODS)
def test_standardised_images_are_refused(case, method):
    model, x, y = case
    with pytest.raises(BoundError, match=rf"Standardise \(layer 0\) has no bound by {method}$"):
        lirpa.margins(model, *box(x, 0.01), y, method)


@pytest.mark.parametrize("name", ["linear"])
def test_an_unknown_method_is_refused(case):
    model, x, y = case
    with pytest.raises(SpecError, match=r"certification: 'crwn' .*did you mean 'crown'"):
        lirpa.margins(model, x, x, y, "crwn")


@pytest.mark.parametrize("name", ["linear"])
@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_want_of_memory_is_not_the_networks_fault(case, error, monkeypatch):
    model, x, y = case
    verifier = lirpa.Verifier(model, x[0], "crown")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(type(verifier._bounded), "compute_bounds", fail)
    with pytest.raises(type(error), match="memory"):
        verifier(x, x, y)


@pytest.mark.parametrize("name", ["small-cnn"])
@pytest.mark.parametrize("method", lirpa.METHODS)
def test_a_network_that_has_diverged_is_certified_of_nothing(case, method):
    model, x, y = case
    nn.init.constant_(model[0].weight, float("nan"))
    assert (lirpa.margins(model, *box(x, 0.1), y, method) == -float("inf")).all()


def test_large_images_are_bounded_one_by_one_small_ones_together():
    with torch.device("meta"):
        large = networks.build("yale-cnn", in_channels=1, image_size=(192, 168), num_classes=38, capacity=8)
    small = networks.build("small-cnn", in_channels=1, image_size=(8, 8), num_classes=10, capacity=2).eval()
    large = large.to_empty(device="cpu").eval()
    for method in lirpa.METHODS:
        assert lirpa.tile_size(large, torch.zeros(1, 192, 168), 38, method) == 1
        assert lirpa.tile_size(small, torch.zeros(1, 8, 8), 10, method) > 1
