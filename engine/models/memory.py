"""How much memory a network's answers take, and whether an error says that there was not enough."""

import torch
from torch import Tensor, nn


def widest(model: nn.Module, image: Tensor) -> int:
    """Numbers in the largest layer's answer to one image (channels, height, width), or in the image if it is larger."""
    sizes = [image.numel()]

    def watch(_module: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel())

    leaves = [module for module in model.modules() if not list(module.children())]
    handles = [leaf.register_forward_hook(watch) for leaf in leaves]
    try:
        with torch.no_grad():
            model(torch.zeros_like(image, dtype=torch.float32)[None])
    finally:
        for handle in handles:
            handle.remove()
    return max(sizes)


def is_short(error: Exception) -> bool:
    """Whether a smaller tile may help: a GPU says so by type, a CPU in words."""
    words = ("allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(word in str(error) for word in words)
