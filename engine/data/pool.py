"""A data set before any image is read: labels, which rows train and which test, and how to read rows.

`require_sound` and `read_images` refuse what a stranger's code gives and no run could use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from engine.data.sources import DatasetError

HELD_OUT, TRAIN, TEST, MEMBERS = range(4)
"""What a random draw is for; draws for different purposes are independent."""


Reader = Callable[[np.ndarray], tuple[Tensor, tuple[str, ...]]]
"""From rows to their images, uint8 or float32 in [0, 1], (len(rows), channels, height, width), and to notes for people:
what was done to them that makes no number doubtful."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Every image of a data set and the data set's own division into train and test."""

    labels: np.ndarray
    """Whole numbers (n,): class of each row, its place in `class_names`."""
    train: np.ndarray
    """Rows of the training split, in its order."""
    test: np.ndarray
    """Rows of the test split, in its order."""
    class_names: tuple[str, ...]
    read: Reader
    files: Sequence[str] = ()
    """Name of each row's file in the data set's folder; empty where images have none of their own."""
    left_out: tuple[str, ...] = ()
    """What a reader of numbers must know: images that were passed over."""


def select(labels: np.ndarray, share: float, seed: int, purpose: int) -> np.ndarray:
    """Positions of a random share of every class, in ascending order; at least one of each class.

    With the same seed a smaller share is part of a larger one. The legacy generator is used because numpy has frozen
    its stream: the same seed draws the same images with every release.
    """
    generator = _frozen_stream(seed, purpose)
    chosen = []
    for label in np.unique(labels):
        order = generator.permutation(np.flatnonzero(labels == label))
        chosen.append(order[: max(1, round(share * len(order)))])
    return np.sort(np.concatenate(chosen))


def members(labels: np.ndarray, split: str, share: float, seed: int) -> np.ndarray:
    """Whether each of the images is a member: bool (n,).

    split: `random`, a share of every class; of one half, an odd seed takes what the even one before it has left, so
    that each image is a member of just one of the two. `bernoulli`: each image with the chance `share`.
    """
    if split == "bernoulli":
        return _frozen_stream(seed, MEMBERS).random_sample(len(labels)) < share
    halves = share == 0.5
    chosen = np.zeros(len(labels), bool)
    chosen[select(labels, share, seed // 2 if halves else seed, MEMBERS)] = True
    return ~chosen if halves and seed % 2 else chosen


def _frozen_stream(seed: int, purpose: int) -> np.random.RandomState:
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence((seed, purpose))))


def reader(images: Tensor) -> Reader:
    """The `read` of a pool whose images are all in memory."""
    return lambda rows: (images[torch.from_numpy(rows)], ())


def require_sound(pool: Any, name: str) -> None:
    """`DatasetError` naming the field unless the data set `name` has classes for labels and images in both splits."""
    if not isinstance(pool, Pool):
        _refuse(name, "code", f"gave a {type(pool).__name__}", "an engine.data.pool.Pool")
    for field in ("labels", "train", "test"):
        values = getattr(pool, field)
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "iu" or values.ndim != 1:
            _refuse(name, field, _kind(values), "a numpy array (n,) of whole numbers")
        if not len(values):
            _refuse(name, field, "none", "at least one")
    limits = {"labels": (len(pool.class_names), "classes"), "train": (len(pool.labels), "labels")}
    limits["test"] = limits["train"]
    for field, (count, kind) in limits.items():
        low, high = getattr(pool, field).min(), getattr(pool, field).max()
        if low < 0 or high >= count:
            _refuse(name, field, f"from {low} to {high}", f"0 to {count - 1}, for there are {count} {kind}")


def read_images(pool: Pool, rows: np.ndarray, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """Some rows as `pool.read` gives them; `DatasetError` unless all are there, uint8 or float32 in [0, 1]."""
    found = pool.read(rows)
    if not isinstance(found, tuple) or len(found) != 2:
        _refuse(name, "read", f"gave {_kind(found)}", "images and a tuple of notes")
    pixels, notes = found
    if not isinstance(pixels, Tensor):
        _refuse(name, "images", _kind(pixels), "a torch tensor")
    if pixels.ndim != 4 or len(pixels) != len(rows) or 0 in pixels.shape:
        _refuse(name, "images", _kind(pixels), f"({len(rows)}, channels, height, width)")
    if pixels.dtype not in (torch.uint8, torch.float32):
        _refuse(name, "images", _kind(pixels), "uint8, or float32 in [0, 1]")
    if pixels.dtype == torch.float32:
        low, high = (end.item() for end in pixels.aminmax())
        if np.isnan(low):
            _refuse(name, "images", "NaN among the pixels", "0 to 1")
        if low < 0 or high > 1:
            remedy = "; divide by 255" if low >= 0 and high <= 255 else ""
            _refuse(name, "images", f"pixels from {low:g} to {high:g}", f"0 to 1{remedy}")
    return pixels, notes


def _kind(value: Any) -> str:
    """What a value is, for an error."""
    if not isinstance(value, (np.ndarray, Tensor)):
        return f"a {type(value).__name__}"
    kind = "a tensor" if isinstance(value, Tensor) else "an ndarray"
    return f"{kind} of {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _refuse(name: str, field: str, found: str, allowed: str) -> NoReturn:
    raise DatasetError(f"{name}: {field}: {found}; allowed: {allowed}")
