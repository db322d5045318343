"""Extended Yale B, cropped: 2414 faces of 38 people under different lights, in the paper's split (protocol D).

Either the `CroppedYale` tree of PGM files or the authors' `YALEBXF.mat`. Within a person the tree is in the order of
file names. That the authors' file has the same order is likely, not proven: joined by row, the published predictions
follow the lights of the files better in this order than in any other tried, also for people with missing images.
"""

import re
from pathlib import Path

import numpy as np
import torch

from engine.datafiles import DatasetError, yale_people, yale_source
from engine.datasets.pool import Pool, reader
from engine.spec import Data

HEIGHT, WIDTH = 192, 168
TRAIN_PER_PERSON = 50
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PGM_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")


def yale(_data: Data, root: Path) -> Pool:
    """All faces as bytes; people are labelled 0..37 in ascending order (there is no yaleB14)."""
    source = yale_source(root)
    faces, labels, names = _from_mat(source) if source.is_file() else _from_tree(source)
    for name, total in zip(names, np.bincount(labels), strict=True):
        if total <= TRAIN_PER_PERSON:
            raise DatasetError(
                f"yale: {name} has {total} usable images in {source}; the paper's split trains on {TRAIN_PER_PERSON} "
                "of each person and needs more"
            )
    train, test = paper_split(labels)
    return Pool(labels, train, test, names, reader(torch.from_numpy(faces).unsqueeze(1)))


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
    """A binary (P5) PGM file of 8 bits as uint8 (height, width); comments may stand in its header."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"yale: cannot read {path}: {error.strerror}") from None
    header = _PGM_HEADER.match(content)
    if header is None:
        raise DatasetError(f"yale: {path} is not a binary PGM (P5) file")
    width, height, white = (int(number) for number in header.groups())
    if white != 255:
        raise DatasetError(f"yale: {path} has the white level {white}; only 255 is read")
    if len(content) < header.end() + width * height:
        raise DatasetError(f"yale: {path} is damaged: it ends before its {width}x{height} pixels do")
    return np.frombuffer(content, np.uint8, width * height, header.end()).reshape(height, width)


def _from_tree(folder: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    faces, owners = [], []
    for person, paths in yale_people(folder).items():
        images = [face for face in map(read_pgm, paths) if face.shape == (HEIGHT, WIDTH)]
        faces += images
        owners += [person] * len(images)
    if not faces:
        raise DatasetError(f"yale: no image of {WIDTH}x{HEIGHT} pixels in {folder}")
    names, labels = np.unique(owners, return_inverse=True)
    return np.stack(faces), labels.astype(np.int64), tuple(names.tolist())


def _from_mat(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
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
    names, labels = np.unique(owners, return_inverse=True)
    return np.ascontiguousarray(faces), labels.astype(np.int64), tuple(str(name) for name in names.tolist())
