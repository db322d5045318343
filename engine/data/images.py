"""Images as tensors: bytes as they were stored, or float32 pixels in [0, 1]."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.data.sources import DatasetError

CHUNK = 512


def pixels(images: Tensor) -> Tensor:
    """The images as float32 in [0, 1]: bytes divided by 255, float32 unchanged."""
    return images if images.dtype == torch.float32 else images.to(torch.float32).div_(255)


def shrink(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Float32 pixels (n, channels, *size): each output pixel is the mean of the area it covers.

    Works through the images in chunks, so that only the result is held as floats.
    """
    if images.shape[-2:] == size:
        return pixels(images)
    if size[0] > images.shape[-2] or size[1] > images.shape[-1]:
        have, wanted = (f"{height}x{width}" for height, width in (tuple(images.shape[-2:]), size))
        raise DatasetError(f"data.size: {wanted} is larger than the images, which are {have}")
    return torch.cat([functional.interpolate(pixels(part), size, mode="area") for part in images.split(CHUNK)])
