"""Images and labels of every data set, as tensors: `load` is the only way in.

A data set is one function from `Data` and the data root to a `Pool`, and one row of `engine.registry`.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine import registry
from engine.data import repeated_images
from engine.data.images import pixels, shrink
from engine.data.pool import TEST, TRAIN, Pool, members, read_images, require_sound, select
from engine.data.sources import DatasetError, fingerprint
from engine.data.splits import Dataset, Split
from engine.spec.experiment import Data


def download(data: Data, root: Path) -> None:
    """Fetch the data set into `root` unless it is there; one that cannot be fetched is left alone. `DatasetError`."""
    row = registry.DATASETS[data.family]
    if row.download:
        row.load("download")(data, root)


def load(data: Data, root: Path, seed: int = 0) -> Dataset:
    """The data set on the CPU, members as its training images; only the images that are used are decoded.

    `root` is the folder of data sets; `seed`, the run's, draws the members where `data.split` says so. Raises
    `DatasetError` where files are missing or damaged, or differ from `data.fingerprint` if that is set, and where its
    code gives what no run could use (`engine.data.pool`).
    """
    pool = _pool(data, root)
    rows, index, n_train = _drawn(pool, data, seed)
    images, notes = read_images(pool, rows, data.name)
    notes = (*notes, *_unlike_row(pool, tuple(images.shape[2:]), data.family))
    if data.image_size:
        images = shrink(images, data.image_size)
    labels = torch.from_numpy(pool.labels[rows].astype(np.int64))
    files = tuple(pool.files[row] for row in rows) if pool.files else ()
    first, second = (
        Split(images[part], labels[part], torch.from_numpy(index[part].astype(np.int32)), files[part])
        for part in (slice(n_train), slice(n_train, None))
    )
    warnings = repeated_images.warnings(first, second, pool.left_out)
    return Dataset(first, second, len(pool.class_names), pool.class_names, warnings, notes)


def some(data: Data, root: Path, examples: Collection[int]) -> tuple[Tensor, np.ndarray]:
    """Of images with these numbers, those that there are, as pixels, and their numbers; members must be drawn.

    Where they are, every run calls an image by the same number. `DatasetError` as for `load`.
    """
    pool = _pool(data, root)
    rows, index, _ = _drawn(pool, data, seed=0)
    wanted = np.isin(index, list(examples))
    images, _ = read_images(pool, rows[wanted], data.name)
    return shrink(images, data.image_size or tuple(images.shape[-2:])), index[wanted]


def _pool(data: Data, root: Path) -> Pool:
    """The data set; `DatasetError` where it is no longer the one that the experiment was named by, or unsound."""
    if data.fingerprint and fingerprint(data, root) != data.fingerprint:
        raise DatasetError(f"{data.name}: the files in {root} have changed since this experiment was named by them")
    pool = registry.DATASETS[data.family].load()(data, root)
    require_sound(pool, data.name)
    return pool


def _drawn(pool: Pool, data: Data, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The pool's rows that are used, members first; what they are called; and how many are members.

    Images are called by their place in their own split; where members are drawn, by that in training and test
    together, which is the same in every run.
    """
    train = select(pool.labels[pool.train], data.train_fraction, data.split_seed, TRAIN)
    test = select(pool.labels[pool.test], data.test_fraction, data.split_seed, TEST)
    rows = np.concatenate([pool.train[train], pool.test[test]])
    if data.split == "paper":
        return rows, np.concatenate([train, test]), len(train)
    member = members(pool.labels[rows], data.split, data.member_share, seed)
    order = np.concatenate([np.flatnonzero(member), np.flatnonzero(~member)])
    return rows[order], np.concatenate([train, len(pool.train) + test])[order], int(member.sum())


def _unlike_row(pool: Pool, size: tuple[int, ...], family: str) -> tuple[str, ...]:
    """Where another package's row tells other numbers than its code gives."""
    row = registry.DATASETS[family]
    if registry.DATASETS.is_own(family) or row.at_path:
        return ()
    found = {
        "examples": (len(pool.train), len(pool.test)),
        "classes": len(pool.class_names),
        "image_size": size,
    }
    return tuple(
        f"its row says {field} = {getattr(row, field)}, its code gives {value}; disk is estimated by the row"
        for field, value in found.items()
        if getattr(row, field) != value
    )


__all__ = ["Dataset", "DatasetError", "Split", "download", "load", "pixels"]
