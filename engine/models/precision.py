"""Arithmetic of a network's passes: what a recipe's `precision` means on a device, and where it is float32 instead.

`float32`: IEEE single precision, also where the hardware would round to TF32 by default. `tf32`, on CUDA: inputs of
products rounded to 10 bits of mantissa. `bfloat16`, on CUDA and on CPUs that multiply it: autocast of the forward pass,
on CUDA with what stays in float32 as for `tf32`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch
from torch import Tensor, nn

from engine.run_warnings import RunWarning
from engine.validation import refuse


@cache
def cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has AMX or AVX512-BF16; others would emulate bfloat16, many times slower than float32."""
    has = getattr(torch.cpu, "get_capabilities", dict)()  # which old releases of torch cannot tell
    return torch.backends.mkldnn.is_available() and any(has.get(name) for name in ("amx_bf16", "avx512_bf16"))


def used(precision: str, device: torch.device) -> str:
    """The precision that a device computes in where one is asked for: it or, where the device lacks it, `float32`."""
    if device.type == "cuda" or (device.type == "cpu" and precision == "bfloat16" and cpu_multiplies_bfloat16()):
        return precision
    return "float32"


def warnings(precision: str, device: torch.device) -> tuple[RunWarning, ...]:
    """What to know of a run whose training asks for a precision that the device lacks."""
    if used(precision, device) == precision:
        return ()
    return (RunWarning("precision", f"this {device.type} has no {precision} arithmetic: trained in float32"),)


def require_sound(precision: str, model: nn.Module, image: Tensor) -> None:
    """Before training: `SpecError` for a network that the device gets wrong in this precision.

    image: one (channels, height, width). On a CPU in bfloat16 oneDNN leaves parts of a kernel's gradient unset where
    what is convolved is narrower than the stride.
    """
    if image.device.type == "cpu" and used(precision, image.device) == "bfloat16":
        _refuse_narrow(model, image, precision)


def _refuse_narrow(model: nn.Module, image: Tensor, precision: str) -> None:
    """`SpecError` where a convolution's stride is larger than its images are wide."""

    def check(layer: nn.Conv2d, given: tuple[Tensor]) -> None:
        width, stride = given[0].shape[-1], layer.stride[-1]
        if width < stride:
            reason = f"float32: a convolution of this network has stride {stride} on images {width} pixel wide"
            refuse("recipe.precision", precision, reason)

    hooks = [each.register_forward_pre_hook(check) for each in model.modules() if isinstance(each, nn.Conv2d)]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(image[None])
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()


@contextmanager
def arithmetic(precision: str, device: torch.device) -> Iterator[None]:
    """Convolutions and matrix products, forward and backward, in the given precision."""
    if device.type != "cuda":
        yield
        return
    backends = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee" if precision == "float32" else "tf32"
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.fp32_precision = value


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The context of a forward pass; it casts for `bfloat16` where the device has it."""
    if used(precision, device) == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
