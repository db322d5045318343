"""What `load` gives: the images and labels that an experiment trains on, and those it does not."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.run_warnings import RunWarning


@dataclass(frozen=True, eq=False)
class Split:
    """The training or the test images that are used."""

    images: Tensor
    """(n, channels, height, width): uint8, or float32 in [0, 1]; `pixels` makes float32 of both."""
    labels: Tensor
    """int64 (n,)."""
    index: Tensor
    """int32 (n,): row of each image in the whole split."""
    files: tuple[str, ...] = ()
    """Name of each image's file in the data set's folder; empty where images have none of their own."""

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on another device."""
        moved = {field: getattr(self, field).to(device) for field in ("images", "labels", "index")}
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True, eq=False)
class Dataset:
    """The images an experiment trains on and those it does not."""

    train: Split
    test: Split
    num_classes: int
    class_names: tuple[str, ...]
    warnings: tuple[RunWarning, ...] = ()
    """What to know before believing a number made with these images."""
    notes: tuple[str, ...] = ()
    """What was done to the images that makes no number doubtful."""

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set on another device."""
        return dataclasses.replace(self, train=self.train.to(device), test=self.test.to(device))

    @property
    def in_channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.train.images.shape[1]

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return tuple(self.train.images.shape[2:])
