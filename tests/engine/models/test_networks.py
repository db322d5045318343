import math
import sys

import numpy as np
import pytest
import torch
from torch import nn

from engine.bounds import walk
from engine.bounds.interval import Interval
from engine.models import probability_outputs
from engine.models.networks import Residual, Standardise, build
from engine.registry import NETWORKS
from engine.validation import SpecError

DIGITS = {"in_channels": 1, "image_size": (8, 8), "num_classes": 10}
YALE = {"in_channels": 1, "image_size": (192, 168), "num_classes": 38}
FASHION = {"in_channels": 1, "image_size": (28, 28), "num_classes": 10}
CIFAR = {"in_channels": 3, "image_size": (32, 32), "num_classes": 10}
CNN = ("small-cnn", "yale-cnn", "fashion-cnn")


def parameters(name: str, shape: dict, capacity: float) -> int:
    with torch.device("meta"):
        model = build(name, **shape, capacity=capacity)
    return sum(parameter.numel() for parameter in model.parameters())


def sample(shape: dict, count: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, shape["in_channels"], *shape["image_size"], generator=generator)


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        (
            "yale-cnn",
            YALE,
            {1: 220220, 2: 434888, 4: 871082, 6: 1316420, 8: 1770902, 10: 2234528, 12: 2707298, 16: 3680270},
        ),
        ("fashion-cnn", FASHION, {16: 12102306}),
        ("wide-resnet", CIFAR, {1: 464154, 2: 1844826, 4: 7357146, 6: 16537434, 8: 29385690, 10: 45901914}),
    ],
)
def test_the_papers_networks_have_the_papers_number_of_parameters(name, shape, counts):
    assert {capacity: parameters(name, shape, float(capacity)) for capacity in counts} == counts


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (13, 28), (1, 1)])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("capacity", [0.01, 0.3, 1.0])
def test_every_family_gives_logits_and_a_finite_gradient_at_any_size(name, size, capacity):
    torch.manual_seed(0)
    shape = {"in_channels": 2, "image_size": size, "num_classes": 3}
    model = build(name, **shape, capacity=capacity)
    assert model.training
    x = sample(shape).requires_grad_()
    logits = model.eval()(x)
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert x.grad.isfinite().all()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_builds_the_same_network(name):
    def built(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([value.flatten() for value in build(name, **DIGITS, capacity=1.0).state_dict().values()])

    assert torch.equal(built(3), built(3))
    assert not torch.equal(built(3), built(4))


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_drawn_as_the_protocol_says(name):
    torch.manual_seed(0)
    for module in build(name, **CIFAR, capacity=4.0).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight = module.weight.detach()
            slack = 5 / math.sqrt(weight.numel())
            assert module.bias is None or not module.bias.any()
        if isinstance(module, nn.Conv2d):
            spread = math.sqrt(2 / (9 * module.out_channels))
            assert abs(weight.std() / spread - 1) < slack
            assert abs(weight.mean() / spread) < slack
        if isinstance(module, nn.Linear):
            bound = math.sqrt(3 / module.in_features)
            assert weight.abs().max() <= bound
            assert abs(weight.std() * math.sqrt(3) / bound - 1) < slack
            assert module.bias is not None


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("initialisation", ["orthogonal", "ibp"])
def test_another_initialisation_is_for_every_kernel_and_leaves_biases_zero(name, initialisation):
    torch.manual_seed(0)
    for module in build(name, **CIFAR, capacity=1.0, initialisation=initialisation).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            rows = module.weight.detach().flatten(1)
            assert module.bias is None or not module.bias.any()
            if initialisation == "ibp":
                spread = math.sqrt(2 * math.pi) / rows.shape[1]
                assert abs(rows.std() / spread - 1) < 5 / math.sqrt(rows.numel())
                assert abs(rows.mean() / spread) < 5 / math.sqrt(rows.numel())
            else:
                shorter = rows if rows.shape[0] <= rows.shape[1] else rows.T
                torch.testing.assert_close(shorter @ shorter.T, torch.eye(len(shorter)), atol=1e-5, rtol=0)


@torch.no_grad()
def widenings(initialisation: str) -> list[float]:
    """How many times as wide as the box of pixels the intervals behind each layer with weights are."""
    torch.manual_seed(0)
    x = sample(FASHION, 4)
    model = build("fashion-cnn", **FASHION, capacity=1.0, initialisation=initialisation)
    parts = [part for part, layer in enumerate(model) if isinstance(layer, nn.Conv2d | nn.Linear)]
    box = Interval.between(x - 0.1, x + 0.1)
    return [float(walk.logits(model[: part + 1], box).radius.mean() / 0.1) for part in parts]


def test_intervals_stay_about_as_wide_through_layers_of_the_initialisation_for_them():
    assert all(1 < width < 3 for width in widenings("ibp"))
    assert widenings("orthogonal")[-1] > 1e3


@pytest.mark.parametrize("name", CNN)
def test_convolutional_families_are_plain_chains_that_bounds_can_walk(name):
    model = build(name, **DIGITS, capacity=1.0)
    assert type(model) is nn.Sequential
    assert {type(layer) for layer in model} == {nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear}
    assert isinstance(model[-1], nn.Linear)
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            assert layer.padding == (1, 1)
            assert layer.bias is not None


def test_yale_cnn_shrinks_the_maps_as_in_the_paper():
    with torch.device("meta"):
        model = build("yale-cnn", **YALE, capacity=8.0)
    assert [(layer.out_channels, layer.stride[0]) for layer in model if isinstance(layer, nn.Conv2d)] == [
        (8, 1), (8, 2), (16, 1), (16, 2), (32, 1), (32, 2), (64, 1), (64, 2),
    ]  # fmt: skip
    assert [layer.in_features for layer in model if isinstance(layer, nn.Linear)] == [8448, 200]


def test_images_are_standardised_as_tensorflow_does():
    images = sample(CIFAR, 4).double()
    images[1] = 0.5 + 1e-7 * images[1]  # flatter than the floor
    images[2] = 0.25
    bytes_scale = images.numpy() * 255
    expected = [(image - image.mean()) / max(image.std(), 1 / math.sqrt(3072)) for image in bytes_scale]
    np.testing.assert_allclose(Standardise(3072)(images).numpy(), np.stack(expected), rtol=1e-6, atol=1e-9)


def test_an_image_of_one_colour_has_a_finite_gradient():
    x = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    (Standardise(3072)(x) * sample(CIFAR, 1)).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("size", [(8, 8), (7, 4), (5, 5)])
@pytest.mark.parametrize(("before", "width", "stride"), [(4, 4, 1), (4, 9, 2), (3, 8, 1), (6, 6, 2)])
@pytest.mark.parametrize("shared", [True, False])
def test_a_residual_unit_adds_its_pooled_and_padded_shortcut(size, before, width, stride, shared):
    torch.manual_seed(0)
    unit = Residual(before, width, stride, size, shared=shared).eval()
    nn.init.zeros_(unit.branch[-1].weight)
    x = torch.randn(2, before, *size)
    # Behind fresh statistics normalisation divides by sqrt(1 + 0.001) only.
    base = (torch.nn.functional.leaky_relu(x / math.sqrt(1.001), 0.1) if shared else x).numpy()
    height, columns = (math.ceil(side / stride) for side in size)
    expected = np.zeros((2, width, height, columns), np.float32)
    for row in range(height):
        for column in range(columns):
            window = base[:, :, row * stride : (row + 1) * stride, column * stride : (column + 1) * stride]
            first = (width - before) // 2
            expected[:, first : first + before, row, column] = window.mean((2, 3))
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-5)


def test_the_residual_network_is_laid_out_as_in_the_protocol():
    with torch.device("meta"):
        model = build("wide-resnet", **CIFAR, capacity=10.0)
    units = [layer for layer in model if isinstance(layer, Residual)]
    assert [unit.branch[0].out_channels for unit in units] == [160] * 5 + [320] * 5 + [640] * 5
    assert [unit.branch[0].stride[0] for unit in units] == [1] * 5 + [2, 1, 1, 1, 1] * 2
    assert [unit.shared for unit in units] == [True] + [False] * 14
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 31
    assert convolutions[0].out_channels == 16
    assert all(layer.bias is None for layer in convolutions)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {(layer.eps, layer.momentum) for layer in norms} == {(0.001, 0.1)}
    assert len(norms) == 31


def test_brightness_and_contrast_do_not_change_the_residual_networks_answer():
    model = build("wide-resnet", **CIFAR, capacity=0.5).eval()
    x = sample(CIFAR)
    torch.testing.assert_close(model(x * 0.5 + 0.2), model(x), rtol=1e-3, atol=1e-4)


# --- networks of one's own

OWN = """
import torch
from torch import nn

def by_name(*, num_classes, capacity, in_channels, image_size):
    height, width = image_size
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * height * width, num_classes))

def by_place(channels, size, classes, scale):
    return by_name(num_classes=classes, capacity=scale, in_channels=channels, image_size=size)

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes, capacity):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.head = by_place(in_channels, image_size, num_classes, capacity)

    def forward(self, x):
        return self.head(self.norm(x))

class Shelf:
    build = staticmethod(by_place)

number = 5

def no_module(in_channels, image_size, num_classes, capacity):
    return "network"

def other_arguments(in_channels):
    return nn.Flatten()

def wrong_shape(in_channels, image_size, num_classes, capacity):
    return nn.Flatten()

def whole_numbers(in_channels, image_size, num_classes, capacity):
    class Whole(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), num_classes, dtype=torch.int64)
    return Whole()

def no_tensor(in_channels, image_size, num_classes, capacity):
    class Pair(nn.Module):
        def forward(self, x):
            return x, x
    return Pair()

def wrong_input(in_channels, image_size, num_classes, capacity):
    return nn.Linear(3, num_classes)

def by_softmax(in_channels, image_size, num_classes, capacity):
    return nn.Sequential(by_place(in_channels, image_size, num_classes, capacity), nn.Softmax(dim=1))

def broken(in_channels, image_size, num_classes, capacity):
    raise KeyError("two\\nlines")
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    """A module with networks of one's own, on the search path."""
    (tmp_path / "own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)
    yield "own_networks"
    sys.modules.pop("own_networks", None)


@pytest.mark.parametrize("name", ["by_name", "by_place", "Net", "Shelf.build"])
def test_a_network_of_ones_own_is_called_by_name_or_by_place(own, name):
    model = build(f"{own}:{name}", **DIGITS, capacity=1.5)
    assert model.training
    assert model(sample(DIGITS)).shape == (2, 10)


def test_a_network_that_ends_in_a_softmax_gives_its_logits(own):
    model = build(f"{own}:by_softmax", **DIGITS, capacity=1.0)
    assert (model(sample(DIGITS)) < 0).any()
    assert "softmax" in probability_outputs.treatment(model)


def test_trying_a_network_leaves_its_statistics_alone(own):
    model = build(f"{own}:Net", **DIGITS, capacity=1.0)
    assert model.norm.num_batches_tracked == 0


@pytest.mark.parametrize(
    ("name", "needle"),
    [
        ("number", "no callable number"),
        ("absent", "no callable absent"),
        ("no_module", "gives a str, not a torch.nn.Module"),
        ("other_arguments", "takes (in_channels); it has to take (in_channels, image_size, num_classes, capacity)"),
        ("wrong_shape", "answers (1, 1, 8, 8) with torch.float32 of shape (1, 64); expected logits of shape (1, 10)"),
        ("whole_numbers", "with torch.int64"),
        ("no_tensor", "with tuple"),
        ("wrong_input", "RuntimeError"),
        ("broken", "KeyError"),
    ],
)
def test_a_network_that_does_not_work_is_refused_in_one_line(own, name, needle):
    with pytest.raises(SpecError) as caught:
        build(f"{own}:{name}", **DIGITS, capacity=1.0)
    assert str(caught.value).startswith(f"network {own}:{name}: ")
    assert needle in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["import no_such_package", "def (", "raise SystemExit(3)", "1 / 0"])
def test_a_module_that_cannot_be_imported_is_refused_in_one_line(own, tmp_path, source):
    (tmp_path / "own_networks.py").write_text(source)
    with pytest.raises(SpecError) as caught:
        build(f"{own}:build", **DIGITS, capacity=1.0)
    assert "\n" not in str(caught.value)


def test_unknown_families_are_refused_with_the_known_ones():
    with pytest.raises(SpecError, match=r"small-cnn, yale-cnn, .*did you mean 'wide-resnet'"):
        build("wide_resnet", **DIGITS, capacity=1.0)


def test_the_small_network_fits_the_digits_on_a_cpu():
    from pathlib import Path

    from engine.data import datasets
    from engine.spec.experiment import Data

    data = datasets.load(Data(name="digits"), Path())
    torch.manual_seed(0)
    model = build("small-cnn", **DIGITS, capacity=1.0)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.train.images), data.train.labels).backward()
        optimizer.step()
    with torch.no_grad():
        correct = model(data.test.images).argmax(1) == data.test.labels
    assert correct.float().mean() > 0.85
