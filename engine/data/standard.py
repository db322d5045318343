"""The data sets that come with a library: digits (scikit-learn), Fashion-MNIST and CIFAR-10 (torchvision)."""

import pickle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data import sources
from engine.data.folder import folder
from engine.data.pool import Pool, reader
from engine.data.sources import DatasetError
from engine.spec.experiment import Data

DIGITS_PER_CLASS = 60
"""Training digits of each class: few, so that overfitting and with it leakage shows within seconds."""
LOADERS = {"fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10"}
"""Their names in torchvision."""
UNREADABLE = (OSError, RuntimeError, ValueError, AssertionError, EOFError, pickle.UnpicklingError)
"""What torchvision raises for missing and damaged files and for failed downloads."""


def digits(_data: Data, _root: Path) -> Pool:
    """scikit-learn's 1797 digits of 8x8 pixels with values 0..16, divided by 16.

    Train: 60 digits of each class drawn by the legacy numpy stream of seed 0, class by class; test: the 1197 others.
    Both keep the order of the file.
    """
    table = np.loadtxt(sources.digits_file(), delimiter=",")
    images = torch.from_numpy(table[:, :64].astype(np.float32) / 16).view(-1, 1, 8, 8)
    labels = table[:, 64].astype(np.int64)
    generator = np.random.RandomState(0)
    orders = [generator.permutation(np.flatnonzero(labels == label)) for label in range(10)]
    train = np.sort(np.concatenate([order[:DIGITS_PER_CLASS] for order in orders]))
    test = np.setdiff1d(np.arange(len(labels)), train)
    names = tuple(str(label) for label in range(10))
    return Pool(labels, train, test, names, reader(images))


def fashion_mnist(data: Data, root: Path) -> Pool:
    """Fashion-MNIST: 60,000 and 10,000 grey images of 28x28 pixels."""
    sources.files(data, root)
    parts = _both_splits(data, root)
    return _pool([part.data.unsqueeze(1) for part in parts], [part.targets for part in parts], parts[0].classes)


def cifar10(data: Data, root: Path) -> Pool:
    """CIFAR-10: 50,000 and 10,000 colour images of 32x32 pixels, from the original files or a copy image by image."""
    if copy := sources.cifar_copy(data, root):
        return folder(copy, root)
    sources.files(data, root)
    parts = _both_splits(data, root)
    images = [torch.from_numpy(part.data).permute(0, 3, 1, 2).contiguous() for part in parts]
    return _pool(images, [part.targets for part in parts], parts[0].classes)


def download(data: Data, root: Path) -> None:
    """Fetch what torchvision can fetch into `root` unless it is there; `DatasetError` where that fails."""
    loader = _loader(data)
    try:
        loader(root, download=True)
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{data.name}: the download into {root} failed: {reason}") from None


def _pool(images: list[Tensor], labels: list, class_names: list[str]) -> Pool:
    pooled = torch.cat(images)
    rows = np.arange(len(pooled))
    count = len(images[0])
    targets = np.concatenate([np.asarray(part, np.int64) for part in labels])
    return Pool(targets, rows[:count], rows[count:], tuple(class_names), reader(pooled))


def _both_splits(data: Data, root: Path) -> list:
    loader = _loader(data)
    try:
        parts = [loader(root, train=train) for train in (True, False)]
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{data.name}: cannot read the files in {root}: {reason}") from None
    for part in parts:
        if len(part.data) != len(part.targets):
            raise DatasetError(f"{data.name}: {len(part.data)} images but {len(part.targets)} labels in {root}")
    return parts


def _loader(data: Data) -> type:
    """Torchvision's class; a torchvision built for another torch fails to import with RuntimeError."""
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"torchvision cannot be imported: {reason}; install it together with torch") from None
    return getattr(datasets, LOADERS[data.family])
