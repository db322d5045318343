"""Images and labels of every data set, as tensors: `load` is the only way in.

A data set is one function from `Data` and the data root to a `Pool`, and one line in `POOLS`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.datafiles import DatasetError, fingerprint
from engine.datasets import standard
from engine.datasets.folder import folder
from engine.datasets.images import pixels, shrink
from engine.datasets.pool import TEST, TRAIN, Pool, select
from engine.datasets.standard import download
from engine.datasets.yale import yale
from engine.spec import Data

POOLS: dict[str, Callable[[Data, Path], Pool]] = {
    "digits": standard.digits,
    "yale": yale,
    "fashion-mnist": standard.fashion_mnist,
    "cifar10": standard.cifar10,
    "folder": folder,
}


@dataclass(frozen=True, eq=False)
class Split:
    """The training or the test images that are used."""

    images: Tensor
    """(n, channels, height, width): uint8, or float32 in [0, 1]; `pixels` makes float32 of both."""
    labels: Tensor
    """int64 (n,)."""
    index: Tensor
    """int32 (n,): row of each image in the whole split."""

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on another device."""
        return Split(self.images.to(device), self.labels.to(device), self.index.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """The images an experiment trains on and those it does not."""

    train: Split
    test: Split
    num_classes: int
    class_names: tuple[str, ...]

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


def load(data: Data, root: Path, download: bool = False) -> Dataset:
    """The data set on the CPU; only the images that are used are decoded.

    `root` is the folder of data sets; `download` fetches what torchvision can fetch. Raises `DatasetError` where files
    are missing or damaged, or differ from `data.fingerprint` if that is set.
    """
    if download:
        standard.download(data, root)
    if data.fingerprint and fingerprint(data, root) != data.fingerprint:
        raise DatasetError(f"{data.name}: the files in {root} have changed since this experiment was named by them")
    pool = POOLS[data.family](data, root)
    train = select(pool.labels[pool.train], data.train_fraction, data.split_seed, TRAIN)
    test = select(pool.labels[pool.test], data.test_fraction, data.split_seed, TEST)
    rows = np.concatenate([pool.train[train], pool.test[test]])
    images = pool.read(rows)
    if data.image_size:
        images = shrink(images, data.image_size)
    labels = torch.from_numpy(pool.labels[rows])
    splits = (slice(len(train)), slice(len(train), None))
    first, second = (
        Split(images[part], labels[part], torch.from_numpy(index.astype(np.int32)))
        for part, index in zip(splits, (train, test), strict=True)
    )
    return Dataset(first, second, len(pool.class_names), pool.class_names)


__all__ = ["POOLS", "Dataset", "DatasetError", "Split", "download", "load", "pixels"]
