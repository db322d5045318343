import pytest

from engine.job_settings import RunOptions
from engine.validation import SpecError


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3", "mps"])
def test_devices_that_can_exist(device):
    assert RunOptions(data_root="d", device=device).device == device


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_devices_that_cannot(device):
    with pytest.raises(SpecError, match="device"):
        RunOptions(data_root="d", device=device)
