"""Where a network's activations lie in memory: channels last where its convolutions are faster so.

The arithmetic is the same, but other kernels may round the last bits of a sum otherwise.
"""

import torch
from torch import Tensor, nn

from engine import registry


def lay_out(model: nn.Module, network: str, asked: bool) -> nn.Module:
    """The model, its kernels channels last where that is asked for, and on a CPU for the families that are faster so.

    Its weights keep that place when others are loaded into them.
    """
    on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    faster = network in registry.NETWORKS and registry.NETWORKS[network].channels_last
    return model.to(memory_format=torch.channels_last) if asked or (on_cpu and faster) else model


def as_kernels(model: nn.Module, x: Tensor) -> Tensor:
    """Images (batch, channels, height, width) laid out as the model's kernels are."""
    kernels = (each for each in model.parameters() if each.ndim == x.ndim == 4)
    last = any(not each.is_contiguous() and each.is_contiguous(memory_format=torch.channels_last) for each in kernels)
    return x.contiguous(memory_format=torch.channels_last) if last else x
