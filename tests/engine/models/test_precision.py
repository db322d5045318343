import pytest
import torch

from engine.models import networks, precision
from engine.validation import SpecError

CPU = torch.device("cpu")


@pytest.fixture
def capabilities(monkeypatch):
    """Lets the CPU have what is added."""
    found = {}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    precision.cpu_multiplies_bfloat16.cache_clear()
    yield found
    precision.cpu_multiplies_bfloat16.cache_clear()


@pytest.mark.parametrize("feature", ["amx_bf16", "avx512_bf16"])
def test_a_cpu_that_multiplies_bfloat16_casts_the_forward_pass(capabilities, feature):
    capabilities[feature] = True
    layer = torch.nn.Linear(3, 2)
    with precision.autocast("bfloat16", CPU):
        assert layer(torch.rand(1, 3)).dtype == torch.bfloat16
    assert layer(torch.rand(1, 3)).dtype == torch.float32


@pytest.mark.parametrize(
    "features", [{}, {"avx512_f": True, "amx_bf16": False}, {"architecture": "arm64", "bf16": True}]
)
def test_another_cpu_computes_in_float32(capabilities, features):
    capabilities |= features
    assert precision.used("bfloat16", CPU) == "float32"
    with precision.autocast("bfloat16", CPU):
        assert torch.nn.Linear(3, 2)(torch.rand(1, 3)).dtype == torch.float32


def test_a_torch_that_cannot_tell_computes_in_float32(capabilities, monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert precision.used("bfloat16", CPU) == "float32"


@pytest.mark.parametrize(
    ("device", "tf32", "bfloat16"),
    [("cuda", "tf32", "bfloat16"), ("mps", "float32", "float32"), ("cpu", "float32", "bfloat16")],
)
def test_each_device_has_its_precisions(capabilities, device, tf32, bfloat16):
    capabilities["amx_bf16"] = True
    found = [precision.used(asked, torch.device(device)) for asked in ("float32", "tf32", "bfloat16")]
    assert found == ["float32", tf32, bfloat16]


def test_a_convolution_on_images_narrower_than_its_stride_is_refused_in_bfloat16(capabilities):
    capabilities["amx_bf16"] = True
    model = networks.build("yale-cnn", in_channels=1, image_size=(8, 8), num_classes=10, capacity=1)
    precision.require_sound("float32", model, torch.zeros(1, 8, 8))
    with pytest.raises(
        SpecError, match=r"recipe.precision: 'bfloat16' is not allowed; .* stride 2 on images 1 pixel wide"
    ):
        precision.require_sound("bfloat16", model, torch.zeros(1, 8, 8))
    wider = networks.build("yale-cnn", in_channels=1, image_size=(9, 9), num_classes=10, capacity=1)
    precision.require_sound("bfloat16", wider, torch.zeros(1, 9, 9))
    assert all(module.training for module in wider.modules())
