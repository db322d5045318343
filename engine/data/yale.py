"""Extended Yale B, cropped: 2414 faces of 38 people under different lights, in the paper's split (protocol D).

Either the `CroppedYale` tree of PGM files or the authors' `YALEBXF.mat`. Within a person the tree is in the order of
file names. That the authors' file has the same order is likely, not proven: joined by row, the published predictions
follow the lights of the files better in this order than in any other tried, also for people with missing images.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from engine.data.pool import Pool, reader
from engine.data.sources import DatasetError, UnreadableError, read_each, yale_people, yale_source
from engine.spec.experiment import Data

HEIGHT, WIDTH = 192, 168
TRAIN_PER_PERSON = 50
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PGM_HEADER = re.compile(rb"P5" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})\s")


class Faces(NamedTuple):
    """Every face of one source, in its order."""

    images: np.ndarray
    """(n, 192, 168)."""
    people: Sequence
    """Whose each is."""
    files: Sequence[str] = ()
    left_out: tuple[str, ...] = ()


def yale(_data: Data, root: Path) -> Pool:
    """All faces as bytes; people are labelled 0..37 in ascending order (there is no yaleB14)."""
    source = yale_source(root)
    faces = _from_mat(source) if source.is_file() else _from_tree(source)
    people, labels = np.unique(faces.people, return_inverse=True)
    labels, names = labels.astype(np.int64), tuple(map(str, people.tolist()))
    for name, total in zip(names, np.bincount(labels), strict=True):
        if total <= TRAIN_PER_PERSON:
            raise DatasetError(
                f"yale: {name} has {total} usable images in {source}; the paper's split trains on {TRAIN_PER_PERSON} "
                "of each person and needs more"
            )
    train, test = paper_split(labels)
    read = reader(torch.from_numpy(faces.images).unsqueeze(1))
    return Pool(labels, train, test, names, read, faces.files, faces.left_out)


def paper_split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the paper's training and test split, in its order.

    Legacy numpy stream of seed 0: for each label permute its rows, the first 50 train; then one permutation of all
    training rows and one of all test rows (protocol D).
    """
    generator = np.random.RandomState(0)
    orders = [generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    train = np.concatenate([order[:TRAIN_PER_PERSON] for order in orders])
    test = np.concatenate([order[TRAIN_PER_PERSON:] for order in orders])
    return train[generator.permutation(len(train))], test[generator.permutation(len(test))]


def read_pgm(path: Path) -> np.ndarray:
    """A binary (P5) PGM file of 8 bits as uint8 (height, width); comments may stand in its header.

    Raises `UnreadableError` for any other.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, error.strerror) from None
    header = _PGM_HEADER.match(content)
    if header is None:
        raise UnreadableError(path, "not a binary PGM (P5) file")
    width, height, white = (int(number) for number in header.groups())
    if white != 255:
        raise UnreadableError(path, f"its white level is {white}, only 255 is read")
    if len(content) < header.end() + width * height:
        raise UnreadableError(path, f"damaged: it ends before its {width}x{height} pixels do")
    return np.frombuffer(content, np.uint8, width * height, header.end()).reshape(height, width)


def _from_tree(folder: Path) -> Faces:
    paths = [path for images in yale_people(folder).values() for path in images]
    found = list(zip(paths, read_each("yale", paths, read_pgm), strict=True))
    usable = [(path, face) for path, face in found if face.shape == (HEIGHT, WIDTH)]
    if not usable:
        raise DatasetError(f"yale: no image of {WIDTH}x{HEIGHT} pixels in {folder}")
    odd = len(found) - len(usable)
    left_out = (f"{odd} of {len(found)} files left out: not {WIDTH}x{HEIGHT} pixels",) if odd else ()
    people, files = zip(*((path.parent.name, f"{path.parent.name}/{path.name}") for path, _ in usable), strict=True)
    return Faces(np.stack([face for _, face in usable]), people, files, left_out)


def _from_mat(path: Path) -> Faces:
    """Faces are the columns of X, each stored column by column; Y names the person."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=("X", "Y"))
        columns, owners = content["X"], content["Y"].ravel()
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MatReadError) as error:
        raise DatasetError(f"yale: cannot read X and Y of {path}: {' '.join(str(error).split())}") from None
    if columns.shape != (HEIGHT * WIDTH, len(owners)):
        raise DatasetError(f"yale: {path} has X of shape {columns.shape}; expected ({HEIGHT * WIDTH}, {len(owners)})")
    whole = columns.astype(np.uint8)
    columns = whole if np.array_equal(whole, columns) else (columns / 255).astype(np.float32)
    faces = columns.T.reshape(-1, WIDTH, HEIGHT).swapaxes(1, 2)
    return Faces(np.ascontiguousarray(faces), owners)
