"""Equal images: members among the non-members, copies within a split, one image under two labels.

What counts is what the model sees: pixels after shrinking, of the images that are used. Images that are merely alike
(compressed anew, cut otherwise) are not found.
"""

import hashlib

import numpy as np
from torch import Tensor

from engine.data.splits import Split
from engine.run_warnings import RunWarning


def warnings(train: Split, test: Split, left_out: tuple[str, ...] = ()) -> tuple[RunWarning, ...]:
    """What equal images do to a run's numbers, after what is said of images that were left out."""
    copies = first_copies(train.images, test.images)

    def example(position: int) -> str:
        return f"{name(train, test, position)} equals {name(train, test, copies[position])}"

    told, words = [], left_out
    if len(members := len(train) + np.flatnonzero(copies[len(train) :] < len(train))):
        said = _of(len(members), len(test), "test images", "is also a training image", "are also training images")
        said += f" ({example(members[0])}): members counted as non-members hide leakage"
        told.append(RunWarning("membership", said))
    for kind, part in (("training images", copies[: len(train)]), ("test images", copies[len(train) :])):
        if repeated := len(part) - len(np.unique(part)):
            words += (_of(repeated, len(part), kind, "is a copy of another one", "are copies of others"),)
    labels = np.concatenate([train.labels, test.labels])
    if len(doubtful := np.flatnonzero(labels != labels[copies])):
        said = "has another label than an equal one", "have other labels than equal ones"
        words += (f"{_of(len(doubtful), len(labels), 'images', *said)} ({example(doubtful[0])})",)
    return (*told, RunWarning("data", "; ".join(words))) if words else tuple(told)


def first_copies(train: Tensor, test: Tensor) -> np.ndarray:
    """int64 (n,): for each image, those of training first, the first one that has its pixels: itself if it is new."""
    _, first, inverse = np.unique(
        np.concatenate([_hashes(train), _hashes(test)]), return_index=True, return_inverse=True
    )
    return first[inverse]


def name(train: Split, test: Split, position: int) -> str:
    """The file of an image, or its row in its split where it has none of its own; training images come first."""
    kind, split = ("training", train) if position < len(train) else ("test", test)
    place = position if split is train else position - len(train)
    return split.files[place] if split.files else f"{kind} image {split.index[place]}"


def _hashes(images: Tensor) -> np.ndarray:
    """uint64 (n,): blake2b of each image's pixels."""
    rows = np.ascontiguousarray(images.numpy()).reshape(len(images), -1)
    return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows), np.uint64)


def _of(count: int, total: int, kind: str, one: str, many: str) -> str:
    return f"{count} of {total} {kind} {one if count == 1 else many}"
