"""A data set before any image is read: labels, which rows train and which test, and how to read rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

HELD_OUT, TRAIN, TEST, MEMBERS = range(4)
"""What a random draw is for; draws for different purposes are independent."""


Reader = Callable[[np.ndarray], tuple[Tensor, tuple[str, ...]]]
"""From rows to their images, uint8 or float32 in [0, 1], (len(rows), channels, height, width), and to notes for people:
what was done to them that makes no number doubtful."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Every image of a data set and the data set's own division into train and test."""

    labels: np.ndarray
    """int64 (n,): class of each row."""
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
