"""auto_LiRPA, ready to use: release 0.3, the newest in package registries, adjusted to current torch and numpy.

A release that is not 0.3, and whatever is there, is left as it is. Nothing is imported before the first use.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import logging
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.bounds.box import BoundError
from engine.spec import requirements

ADJUSTED = "0.3"
"""The release that the adjustments are made for."""
OPSET = 12
"""Version of ONNX operators that release 0.3 reads: axes are attributes in it, inputs in later ones."""

DEPTH = 10_000
"""Calls within calls that it is allowed: it goes from a network's end to its beginning by recursion."""


@functools.cache
def auto_lirpa() -> types.ModuleType:
    """The package, imported on the first call, which takes a second; `BoundError` where it is not installed."""
    if words := requirements.missing():
        raise BoundError(f"certification {words}; {requirements.REMEDY}")
    with quiet():
        if importlib.metadata.version("auto-LiRPA") != ADJUSTED:
            return importlib.import_module("auto_LiRPA")
        with _importable():
            package = importlib.import_module("auto_LiRPA")
    _silence()
    _adjust_module(package.bound_general)
    _adjust_operators(package.operators)
    return package


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let auto_LiRPA warn and log nothing, and change no setting of the process for good: import and use it in here.

    When imported, it adds a warnings filter, gives the root logger a handler that prints, sets TorchScript's flags, and
    lets Python recurse until the process dies.
    """
    recursion = sys.getrecursionlimit()
    sys.setrecursionlimit(max(recursion, DEPTH))
    root = logging.getLogger()
    handlers, disabled = root.handlers[:], root.manager.disable
    executor, mode = torch._C._jit_set_profiling_executor(False), torch._C._jit_set_profiling_mode(False)
    logging.disable(logging.CRITICAL)
    try:
        # Recorded, not ignored: auto_LiRPA puts a filter of its own in front of ours.
        with warnings.catch_warnings(record=True):
            yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        torch._C._jit_set_profiling_executor(executor)
        torch._C._jit_set_profiling_mode(mode)
        sys.setrecursionlimit(recursion)


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """What release 0.3 looks for when it is imported, for as long as that takes."""
    import appdirs
    import torch.onnx.symbolic_helper as helper

    with contextlib.ExitStack() as stack:
        # A module that numpy 2 has no more; the name taken from it is never used.
        if importlib.util.find_spec("numpy.lib.arraysetops") is None:
            stub = types.ModuleType("numpy.lib.arraysetops")
            stub.isin = None
            sys.modules[stub.__name__] = stub
            stack.callback(sys.modules.pop, stub.__name__)
        # A function that torch has no more; parse_graph keeps the one it finds.
        if not hasattr(helper, "_set_opset_version"):
            stack.enter_context(_replaced(helper, "_set_opset_version", _set_opset))
        # It would make a folder of its own in the user's home and never use it.
        stack.enter_context(_replaced(appdirs, "user_data_dir", lambda *_: "."))
        yield


def _set_opset(version: int) -> None:
    _exporter().export_onnx_opset_version = version


def _exporter() -> Any:
    """State of torch's TorchScript exporter."""
    from torch.onnx._internal.torchscript_exporter._globals import GLOBALS

    return GLOBALS


def _silence() -> None:
    """Progress is told by print and by bars, which no option switches off."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "auto_LiRPA":
            module.print = lambda *_, **__: None
            if hasattr(module, "tqdm"):
                module.tqdm = functools.partial(module.tqdm, disable=True)


def _adjust_module(bound_general: types.ModuleType) -> None:
    """How a network is read in, and the names of its parameters are told."""
    bound_general.parse_module = _as_expected(bound_general.parse_module)
    members = bound_general.BoundedModule._named_members

    def named_members(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("remove_duplicate", None)  # torch passes it since 2.0
        return members(self, *args, **kwargs)

    if "remove_duplicate" not in inspect.signature(members).parameters:
        bound_general.BoundedModule._named_members = named_members


def _as_expected(parse_module: Callable) -> Callable:
    """The function, with torch's exporter and graphs the way release 0.3 knows them while it runs."""

    @functools.wraps(parse_module)
    def parse(*args: Any, **kwargs: Any) -> Any:
        # The exporter no longer registers these versions by itself.
        importlib.import_module("torch.onnx.symbolic_opset11")
        importlib.import_module("torch.onnx.symbolic_opset12")
        with contextlib.ExitStack() as stack:
            stack.enter_context(_replaced(_exporter(), "export_onnx_opset_version", OPSET))
            # Else the number of images in the example becomes part of what `view` is told.
            stack.enter_context(_replaced(_exporter(), "onnx_shape_inference", False))
            # Attributes of a graph's node had been read by subscript until torch 1.13.
            if not hasattr(torch._C.Node, "__getitem__"):
                stack.enter_context(_replaced(torch._C.Node, "__getitem__", _attribute))
            return parse_module(*args, **kwargs)

    return parse


def _attribute(node: Any, name: str) -> Any:
    """An attribute of a graph's node, by the method for its kind."""
    return getattr(node, node.kindOf(name))(name)


def _adjust_operators(operators: types.ModuleType) -> None:
    """A convolution slow backwards, a pooling that fails, a ReLU with unfitted slopes, S-shapes slow to make."""
    operators.convolution.F = _Functional()
    pool, relu = operators.pooling.BoundAveragePool, operators.activation.BoundRelu
    backward, masked = pool.bound_backward, relu._relu_mask_alpha

    def bound_backward(self: Any, *coefficients: Any) -> Any:
        # Its `view` fails on coefficients that come out of a matrix product.
        return backward(self, *(one.contiguous() if isinstance(one, Tensor) else one for one in coefficients))

    def inside(lower: Tensor, upper: Tensor, *slopes: Tensor | None) -> Any:
        # It clamps slopes to [0, 1], and they start at 0 or 1, where torch's clamp now has no gradient.
        return masked(lower, upper, *(None if slope is None else 1e-6 + (1 - 2e-6) * slope for slope in slopes))

    pool.bound_backward, relu._relu_mask_alpha = bound_backward, staticmethod(inside)
    curve = operators.activation.BoundTanh
    curve.precompute_relaxation = _once(curve.precompute_relaxation)


def _once(precompute: Callable) -> Callable:
    """A method that tabulates tangents of an S-shape, which takes 0.3 s, done once for all layers of a kind."""
    tables: dict[tuple[str, str], dict[str, Any]] = {}

    @functools.wraps(precompute)
    def looked_up(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        key = name, str(self.device)
        if key not in tables:
            before = set(vars(self))
            precompute(self, name, *args, **kwargs)
            tables[key] = {each: value for each, value in vars(self).items() if each not in before}
        vars(self).update(tables[key])

    return looked_up


class _Functional:
    """torch.nn.functional, but a transposed convolution of stride 1 is done as the plain convolution that it is.

    On a CPU that is 10 to 20 times as fast; most of CROWN's time would go there.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(functional, name)

    def conv_transpose2d(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, **how: Any) -> Tensor:
        """As torch's; auto_LiRPA gives all that follows the bias by name."""
        plain = how.get("groups") == 1 and list(how["stride"]) == [1, 1] and not any(how["output_padding"])
        if plain:
            sides = zip(how["dilation"], weight.shape[2:], how["padding"], strict=True)
            around = [dilation * (kernel - 1) - padding for dilation, kernel, padding in sides]
            if min(around) >= 0:
                flipped = weight.flip(2, 3).transpose(0, 1)
                return functional.conv2d(x, flipped, bias, padding=around, dilation=how["dilation"])
        return functional.conv_transpose2d(x, weight, bias, **how)


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute that is another, or is there at all, only for a while."""
    there = hasattr(owner, name)
    before = getattr(owner, name, None)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if there:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
