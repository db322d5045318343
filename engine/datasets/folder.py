"""An image folder of one's own: one sub-folder for each class, as torchvision's ImageFolder reads it."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.datafiles import DatasetError, folder_path, folder_splits
from engine.datasets.images import shrink
from engine.datasets.pool import HELD_OUT, Pool, select
from engine.spec import Data

DEEP_MODES = ("I", "F")
"""Pillow's modes of more than 8 bits a channel begin so; it would clip them to 8."""


def folder(data: Data, _root: Path) -> Pool:
    """The folder's own `train` and `test` (or `val`), or a random `test_share` of every class held out as test.

    Images are decoded only when their rows are read: RGB, or one channel if all that are read together are grey.
    """
    splits = folder_splits(data)
    names = tuple(splits[0])
    files = [path for split in splits for name in names for path in split[name]]
    labels = np.concatenate([np.full(len(split[name]), label) for split in splits for label, name in enumerate(names)])
    rows = np.arange(len(files))
    if len(splits) == 2:
        count = sum(map(len, splits[0].values()))
        train, test = rows[:count], rows[count:]
    else:
        test = _held_out(data, labels, names)
        train = np.setdiff1d(rows, test)
    inside = [path.relative_to(folder_path(data)).as_posix() for path in files]
    return Pool(labels, train, test, names, partial(_decode, data, files), inside)


def _held_out(data: Data, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    test = select(labels, data.test_share, data.split_seed, HELD_OUT)
    left = np.bincount(labels, minlength=len(names)) - np.bincount(labels[test], minlength=len(names))
    if not left.all():
        raise DatasetError(f"{data.name}: holding out {data.test_share:g} leaves no image of {names[left.argmin()]!r}")
    return test


def _decode(data: Data, files: list[Path], rows: np.ndarray) -> tuple[Tensor, tuple[str, ...]]:
    """The images of some rows, shrunk to `data.size` if given; all of one size otherwise, or `DatasetError`."""
    images: list[Tensor] = []
    for path in (files[row] for row in rows):
        image = _open(data.name, path)
        if data.image_size:
            image = shrink(image.unsqueeze(0), data.image_size)[0]
        elif images and image.shape[1:] != images[0].shape[1:]:
            (height, width), (rows_of_first, columns_of_first) = image.shape[1:], images[0].shape[1:]
            raise DatasetError(
                f"{data.name}: {path} is {height}x{width} (height x width), {files[rows[0]]} is "
                f"{rows_of_first}x{columns_of_first}; give a size such as {rows_of_first}x{columns_of_first}"
            )
        images.append(image)
    channels = max(image.shape[0] for image in images)
    return torch.stack([image.expand(channels, -1, -1) for image in images]), ()


def _open(name: str, path: Path) -> Tensor:
    """One image file as uint8 (1 or 3, height, width)."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(DEEP_MODES):
                raise DatasetError(f"{name}: {path} has more than 8 bits a pixel (mode {image.mode}); convert it first")
            array = np.array(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{name}: cannot read {path}: {' '.join(str(error).split())}") from None
    return torch.from_numpy(array.reshape(*array.shape[:2], -1)).permute(2, 0, 1)
