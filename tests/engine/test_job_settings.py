import pytest

from engine.job_settings import Place
from engine.validation import SpecError


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3", "mps"])
def test_devices_that_can_exist(device):
    assert Place(data_root="d", device=device).device == device


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_devices_that_cannot(device):
    with pytest.raises(SpecError, match="device"):
        Place(data_root="d", device=device)
