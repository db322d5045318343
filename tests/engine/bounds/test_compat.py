import importlib.metadata
import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from engine.bounds import compat

RELEASE = importlib.metadata.version("auto-LiRPA")

FIRST_USE = """
import logging, os, sys, warnings
import numpy, torch, appdirs, torch.onnx.symbolic_helper as helper
from engine import bounds
from engine.bounds import compat, lirpa
from engine.models import networks

assert "auto_LiRPA" not in sys.modules
exporter = compat._exporter()

def settings():
    jit = torch._C._jit_set_profiling_executor(True), torch._C._jit_set_profiling_mode(True)
    torch._C._jit_set_profiling_executor(jit[0]), torch._C._jit_set_profiling_mode(jit[1])
    log = logging.getLogger()
    return [
        jit, list(warnings.filters), list(log.handlers), log.level, log.manager.disable, dict(vars(exporter)),
        hasattr(helper, "_set_opset_version"), hasattr(torch._C.Node, "__getitem__"), appdirs.user_data_dir,
        "numpy.lib.arraysetops" in sys.modules, torch.jit._trace._trace_module_map, torch.is_grad_enabled(),
        torch.backends.cudnn.conv.fp32_precision, sys.getrecursionlimit(),
    ]

before = settings()
model = networks.build("small-cnn", in_channels=1, image_size=(5, 4), num_classes=3, capacity=1).eval()
x = torch.rand(2, 1, 5, 4)
lirpa.CACHE = 0
for method in lirpa.METHODS:
    lirpa.margins(model, *bounds.box(x, 0.2), torch.tensor([0, 1]), method)
assert settings() == before, (settings(), before)
try:
    lirpa.margins(torch.nn.Sequential(torch.nn.GELU(), torch.nn.Flatten()), x, x, torch.tensor([0, 1]), "crown")
except bounds.BoundError:
    assert settings() == before
else:
    raise AssertionError
assert "auto_LiRPA" in sys.modules
assert not os.listdir(), os.listdir()
assert not os.path.exists(os.environ["HOME"])
"""

NEWER = """
import importlib.metadata, sys
importlib.metadata.version = lambda _: "0.4"
import torch, torch.onnx.symbolic_helper as helper
from engine.bounds import compat

package = compat.auto_lirpa()
assert package.found == [False, False, False], package.found
assert package.bound_general.parse_module() == package.operators() == "its own"
assert package.bound_general.__dict__.keys() == package.names
"""

FAKE = """
import sys, types, torch, torch.onnx.symbolic_helper as helper
bound_general = types.SimpleNamespace(parse_module=lambda: "its own", BoundedModule=None)
operators = bound_general.parse_module
names = set(vars(bound_general))
found = [
    hasattr(helper, "_set_opset_version"), hasattr(torch._C.Node, "__getitem__"), "numpy.lib.arraysetops" in sys.modules
]
"""


def run(code, folder, *paths):
    place = os.pathsep.join(map(str, [*paths, compat.__file__.rsplit(os.sep, 3)[0]]))
    told = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": place, "HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_the_first_use_says_nothing_and_leaves_no_setting_nor_file_behind(tmp_path):
    run(FIRST_USE, tmp_path)


def test_a_newer_release_is_used_as_it_is(tmp_path):
    (tmp_path / "auto_LiRPA").mkdir()
    (tmp_path / "auto_LiRPA" / "__init__.py").write_text(FAKE)
    run(NEWER, tmp_path, tmp_path)


@pytest.mark.skipif(RELEASE != compat.ADJUSTED, reason="a newer auto_LiRPA is installed")
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_faster_transposed_convolution_is_torchs(stride, padding, dilation, groups):
    x, weight, bias = torch.rand(2, 4, 6, 5), torch.rand(4, 3, 3, 2), torch.rand(3 * groups)
    how = {"stride": [stride] * 2, "padding": [padding] * 2, "dilation": [dilation] * 2, "groups": groups}
    how["output_padding"] = (stride - 1, 0)
    package = compat.auto_lirpa()
    found = package.operators.convolution.F.conv_transpose2d(x, weight, bias, **how)
    assert torch.allclose(found, F.conv_transpose2d(x, weight, bias, **how), atol=1e-5)
    assert package.operators.convolution.F.relu is F.relu
