"""Images and labels of every data set, as tensors: `load` is the only way in.

A data set is one function from `Data` and the data root to a `Pool`, and one row of `engine.registry`.
"""

from pathlib import Path

import numpy as np
import torch

from engine import registry
from engine.data import repeated_images
from engine.data.images import pixels, shrink
from engine.data.pool import TEST, TRAIN, select
from engine.data.sources import DatasetError, fingerprint
from engine.data.splits import Dataset, Split
from engine.spec.experiment import Data


def download(data: Data, root: Path) -> None:
    """Fetch the data set into `root` unless it is there; one that cannot be fetched is left alone. `DatasetError`."""
    row = registry.DATASETS[data.family]
    if row.download:
        row.load("download")(data, root)


def load(data: Data, root: Path) -> Dataset:
    """The data set on the CPU; only the images that are used are decoded.

    `root` is the folder of data sets. Raises `DatasetError` where files are missing or damaged, or differ from
    `data.fingerprint` if that is set.
    """
    if data.fingerprint and fingerprint(data, root) != data.fingerprint:
        raise DatasetError(f"{data.name}: the files in {root} have changed since this experiment was named by them")
    pool = registry.DATASETS[data.family].load()(data, root)
    train = select(pool.labels[pool.train], data.train_fraction, data.split_seed, TRAIN)
    test = select(pool.labels[pool.test], data.test_fraction, data.split_seed, TEST)
    rows = np.concatenate([pool.train[train], pool.test[test]])
    images, notes = pool.read(rows)
    if data.image_size:
        images = shrink(images, data.image_size)
    labels = torch.from_numpy(pool.labels[rows])
    files = tuple(pool.files[row] for row in rows) if pool.files else ()
    splits = (slice(len(train)), slice(len(train), None))
    first, second = (
        Split(images[part], labels[part], torch.from_numpy(index.astype(np.int32)), files[part])
        for part, index in zip(splits, (train, test), strict=True)
    )
    warnings = repeated_images.warnings(first, second, pool.left_out)
    return Dataset(first, second, len(pool.class_names), pool.class_names, warnings, notes)


__all__ = ["Dataset", "DatasetError", "Split", "download", "load", "pixels"]
