"""An image folder of one's own: one sub-folder for each class, as torchvision's ImageFolder reads it."""

import contextlib
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.data.images import shrink
from engine.data.pool import HELD_OUT, Pool, select
from engine.data.sources import DatasetError, UnreadableError, folder_path, folder_splits, read_each
from engine.spec.experiment import Data
from engine.text import printable

if TYPE_CHECKING:
    from PIL import Image

DEEP_MODES = ("I", "F")
"""Pillow's modes of more than 8 bits a channel begin so; it would clip them to 8."""
ORIENTATION = 0x0112
"""EXIF's tag."""
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""From EXIF's orientation to the `PIL.Image.Transpose` that undoes it."""
UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, EOFError)
"""What Pillow raises for damaged files."""


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
    paths = [files[row] for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about tags that it passes over
        found = read_each(data.name, paths, partial(_open, size=data.image_size))
    sizes = [f"{height}x{width}" for _, height, width in (image.shape for image, _ in found)]
    if odd := next((at for at, size in enumerate(sizes) if size != sizes[0]), 0):
        raise DatasetError(
            f"{data.name}: {printable(str(paths[odd]))} is {sizes[odd]} (height x width), "
            f"{printable(str(paths[0]))} is {sizes[0]}; give a size such as {sizes[0]}"
        )
    turned = sum(by_exif for _, by_exif in found)
    notes = (f"turned as their EXIF orientation says: {turned} of {len(found)} images",) if turned else ()
    channels = max(image.shape[0] for image, _ in found)
    return torch.stack([image.expand(channels, -1, -1) for image, _ in found]), notes


def _open(path: Path, size: tuple[int, int] | None) -> tuple[Tensor, bool]:
    """One image file, upright: uint8 (1 or 3, height, width), or floats of that size; whether EXIF had it turned."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(DEEP_MODES):
                raise UnreadableError(path, f"more than 8 bits a pixel, mode {image.mode}; convert it first")
            upright, turned = _upright(image)
            array = np.array(upright.convert("L" if image.mode in ("1", "L") else "RGB"))
    except UnreadableError:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableError(path, "not an image") from None
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise UnreadableError(path, error) from None
    tensor = torch.from_numpy(array.reshape(*array.shape[:2], -1)).permute(2, 0, 1)
    return shrink(tensor.unsqueeze(0), size)[0] if size else tensor, turned


def _upright(image: "Image.Image") -> tuple["Image.Image", bool]:
    """The image as a viewer shows it, and whether that took a turn; Pillow turns TIFF files by itself as it loads."""
    turned = image.format == "TIFF" and _orientation(image) in TURNS
    image.load()
    turn = TURNS.get(_orientation(image))
    return (image, turned) if turn is None else (image.transpose(turn), True)


def _orientation(image: "Image.Image") -> Any:
    """EXIF's number for how the camera was held; 1, upright, where there is none that can be read."""
    with contextlib.suppress(*UNREADABLE):
        return image.getexif().get(ORIENTATION, 1)
    return 1
