"""Arithmetic of a network's passes: what a recipe's `precision` means on CUDA. Elsewhere everything is float32.

`float32`: IEEE single precision, also where the hardware would round to TF32 by default. `tf32`: inputs of products
rounded to 10 bits of mantissa. `bfloat16`: autocast of the forward pass, with what stays in float32 as for `tf32`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


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
    """The context of a forward pass; it casts for `bfloat16` on CUDA only."""
    if precision == "bfloat16" and device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()
