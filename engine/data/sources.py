"""Where a data set's files lie and one hash of what they hold.

Only the standard library: the terminal app and the engine service name an experiment by its content without torch.
"""

import hashlib
import importlib.util
import itertools
import math
import os
import stat
import struct
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from engine import registry
from engine.models.fingerprints import source_of
from engine.spec.experiment import Data
from engine.text import printable
from engine.validation import SpecError

T = TypeVar("T")
ELSEWHERE = "or point --data-root (MIA_DATA) at the folder that has it"
FASHION_FOLDER = Path("FashionMNIST", "raw")
FASHION_FILES = tuple(f"{split}-{kind}-ubyte" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
CIFAR_FOLDER = Path("cifar-10-batches-py")
CIFAR_FILES = ("batches.meta", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR_PER_CLASS = (5000, 1000)
"""Images of a class in train and in test."""
YALE_MAT = "YALEBXF.mat"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""The files of an image folder that are images: those of torchvision's ImageFolder."""
NO_DATA = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found")
"""Folders of archivers, file servers and file systems, which may hold thumbnails and copies under the images' names."""
NAMED_UNREADABLE = 5
"""Files that cannot be read are named up to here; all are counted."""
SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation"}


class DatasetError(SpecError):
    """A data set that is missing, damaged or changed; the message is one line saying what to do."""


class UnreadableError(DatasetError):
    """One file that cannot be read, and why."""

    def __init__(self, path: Path, reason: object):
        self.said = f"{printable(str(path))} ({printable(' '.join(str(reason).split()))})"
        super().__init__(f"cannot read {self.said}")


def read_each(name: str, paths: Sequence[Path], read: Callable[[Path], T]) -> list[T]:
    """What `read` makes of each file; those it refuses, by `OSError` or `UnreadableError`, are named in one line."""
    found, refused = [], []
    for path in paths:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableError(path, "not a file")  # a pipe would never end
            found.append(read(path))
        except UnreadableError as error:
            refused.append(error.said)
        except OSError as error:
            refused.append(UnreadableError(path, error.strerror).said)
    if refused:
        more = f" and {len(refused) - NAMED_UNREADABLE} more" if len(refused) > NAMED_UNREADABLE else ""
        raise DatasetError(
            f"{name}: cannot read {len(refused)} of {len(paths)} files: "
            f"{', '.join(refused[:NAMED_UNREADABLE])}{more}; repair or remove them"
        )
    return found


def fingerprint(data: Data, root: Path) -> str:
    """Hash (blake2b, hex) of the names and contents of the data set's files, wherever they lie.

    A name counts the same however a file system composes its accents.
    Raises `DatasetError` where files are missing or visibly damaged.
    """
    named = sorted((composed(name), path) for name, path in files(data, root).items())
    digest = hashlib.blake2b(digest_size=16)
    contents = read_each(
        data.name, [path for _, path in named], lambda path: hashlib.blake2b(path.read_bytes()).digest()
    )
    for (name, _), content in zip(named, contents, strict=True):
        digest.update(os.fsencode(name) + b"\0" + content)
    return digest.hexdigest()


def files(data: Data, root: Path) -> dict[str, Path]:
    """The files that make up the data set: name relative to its folder -> path. `DatasetError` if any is missing.

    A data set that its code makes up has no other file than that code.
    """
    row = registry.DATASETS[data.family]
    if row.files:
        return row.load("files")(data, root)
    module = row.code.partition(":")[0]
    return {module: source_of(module)}


def digits_files(_data: Data, _root: Path) -> dict[str, Path]:
    """The table inside scikit-learn."""
    return {"digits.csv.gz": digits_file()}


def yale_files(_data: Data, root: Path) -> dict[str, Path]:
    """Every image of the tree, or the one file."""
    source = yale_source(root)
    if source.is_file():
        return {source.name: source}
    return {f"{person}/{path.name}": path for person, images in yale_people(source).items() for path in images}


def fashion_files(_data: Data, root: Path) -> dict[str, Path]:
    """The four files of the original, whole by their headers."""
    found = _all_of("fashion-mnist", root / FASHION_FOLDER, FASHION_FILES)
    for path in found.values():
        _check_idx(path)
    return found


def cifar_files(data: Data, root: Path) -> dict[str, Path]:
    """The original files, or those of a copy image by image."""
    copy = cifar_copy(data, root)
    return folder_files(copy, root) if copy else _all_of("cifar10", root / CIFAR_FOLDER, CIFAR_FILES)


def folder_files(data: Data, _root: Path) -> dict[str, Path]:
    """Every image of the folder."""
    top, splits = folder_path(data), folder_splits(data)
    return {path.relative_to(top).as_posix(): path for split in splits for group in split.values() for path in group}


def digits_file() -> Path:
    """The table of 1797 digits inside scikit-learn, found without importing it."""
    package = importlib.util.find_spec("sklearn")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz" if package and package.origin else None
    if path is None or not path.is_file():
        raise DatasetError("digits: its file digits.csv.gz is part of scikit-learn, which is not installed here")
    return path


def yale_source(root: Path) -> Path:
    """The `CroppedYale` folder (root/CroppedYale, root/yale/CroppedYale, root), else the `YALEBXF.mat` file."""
    for folder in (root / "CroppedYale", root / "yale" / "CroppedYale", root):
        if yale_people(folder):
            return folder
    for path in (root / YALE_MAT, root / "yale" / YALE_MAT):
        if path.is_file():
            return path
    raise DatasetError(
        f"yale: neither CroppedYale/yaleB01/*.pgm (and so on) nor {YALE_MAT} in {root}; unpack CroppedYale there, "
        + ELSEWHERE
    )


def yale_people(folder: Path) -> dict[str, list[Path]]:
    """Each person's images in the order of file names, people in ascending order; without ambient and `.bad` files."""
    people = {
        person.name: sorted(path for path in person.glob("*.pgm") if "Ambient" not in path.name and not hidden(path))
        for person in sorted(folder.glob("yaleB*"))
    }
    return {name: images for name, images in people.items() if images}


def cifar_copy(data: Data, root: Path) -> Data | None:
    """CIFAR-10 saved image by image, `root/cifar10/{train,test}/CLASS/*`, as the folder that it is.

    None without one, or where the original files are: they go first. `DatasetError` for a copy that is not whole.
    """
    top = root / "cifar10"
    if (root / CIFAR_FOLDER).is_dir() or not (top / "train").is_dir():
        return None
    copy = replace(data, name=f"folder:{top}")
    for split, wanted in zip(folder_splits(copy), CIFAR_PER_CLASS, strict=True):
        counts = {label: len(images) for label, images in split.items()}
        if counts != dict.fromkeys(CIFAR_CLASSES, wanted):
            found = ", ".join(f"{label} {count}" for label, count in counts.items())
            raise DatasetError(
                f"cifar10: {top} needs {wanted} images each of {', '.join(CIFAR_CLASSES)}, not {printable(found)}"
            )
    return copy


def folder_path(data: Data) -> Path:
    """The PATH in `folder:PATH`."""
    text = data.name.removeprefix("folder:")
    if not text:
        raise DatasetError("folder: the path is missing; write folder:PATH")
    return Path(text).expanduser()


def folder_splits(data: Data) -> list[dict[str, list[Path]]]:
    """Class name -> image files, classes and files in sorted order.

    Two tables, train then test, for a folder with `train/` and `test/` (or `val/`); otherwise one for the whole tree.
    """
    top = folder_path(data)
    if not top.is_dir():
        raise DatasetError(f"{data.name}: no folder {top}")
    held_out = next((top / name for name in ("test", "val") if (top / name).is_dir()), None)
    if held_out is None or not (top / "train").is_dir():
        classes = _class_files(data.name, top)
        if {name.lower() for name in classes} <= SPLIT_NAMES:
            raise DatasetError(
                f"{data.name}: {', '.join(classes)} look like splits, not classes; call them train and test"
            )
        return [classes]
    splits = [_class_files(data.name, top / "train"), _class_files(data.name, held_out)]
    if differing := sorted(set(splits[0]) ^ set(splits[1])):
        raise DatasetError(f"{data.name}: class {differing[0]!r} is not in both train and {held_out.name}")
    return splits


def _all_of(name: str, folder: Path, wanted: tuple[str, ...]) -> dict[str, Path]:
    found = {file: folder / file for file in wanted}
    if missing := [file for file, path in found.items() if not path.is_file()]:
        raise DatasetError(
            f"{name}: {', '.join(missing)} not in {folder}; unpack the data set there, get it with --download, "
            + ELSEWHERE
        )
    return found


def _check_idx(path: Path) -> None:
    """Refuse a file in the IDX format, bytes in one or three dimensions, whose length is not what its header says."""
    with open(path, "rb") as stream:
        head = stream.read(16)
    try:
        dimensions = {b"\0\0\x08\1": 1, b"\0\0\x08\3": 3}[head[:4]]
        expected = 4 + 4 * dimensions + math.prod(struct.unpack_from(f">{dimensions}I", head, 4))
    except (KeyError, struct.error):
        expected = None
    if path.stat().st_size != expected:
        raise DatasetError(f"fashion-mnist: {path} is damaged; delete it and unpack it again, or use --download")


def hidden(path: Path) -> bool:
    """Whether a file or folder is no data by its name: of an editor, an archiver, a file server or a file system."""
    return path.name.startswith(".") or path.name in NO_DATA


def composed(name: str) -> str:
    """The name with each accent in its letter (NFC), for some file systems and archivers take them apart (NFD)."""
    return unicodedata.normalize("NFC", name)


def _class_files(name: str, folder: Path) -> dict[str, list[Path]]:
    """The images below each sub-folder, in the order of torchvision's ImageFolder.

    Hidden names are passed over at every depth, and what several links lead to is entered once.
    """
    folders: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not hidden(entry) and not _leads_up(entry):
            folders.setdefault(composed(entry.name), []).append(entry)
    if len(folders) < 2:
        raise DatasetError(
            f"{name}: {folder} needs a sub-folder of images for each of at least two classes, or train/ and test/ "
            "(or val/) that have them"
        )
    table: dict[str, list[Path]] = {}
    owners: dict[str, str] = {}
    for label in sorted(folders):
        found = _walk(name, folders[label])
        for place in found:
            if (other := owners.setdefault(place, label)) != label:
                raise DatasetError(
                    f"{name}: {printable(place)} belongs to both classes {other!r} and {label!r} by a link; remove it"
                )
        table[label] = sorted((path for paths in found.values() for path in paths), key=_order)
        if not table[label]:
            raise DatasetError(f"{name}: no image in {printable(str(folder / label))} ({', '.join(IMAGE_SUFFIXES)})")
    return table


def _walk(name: str, folders: list[Path]) -> dict[str, list[Path]]:
    """The images in each real folder below these."""

    def refuse_folder(error: OSError) -> None:
        raise DatasetError(f"{name}: cannot read the folder {printable(error.filename)}: {error.strerror}")

    found: dict[str, list[Path]] = {}
    walks = (os.walk(folder, followlinks=True, onerror=refuse_folder) for folder in folders)
    for place, below, names in itertools.chain.from_iterable(walks):
        real = os.path.realpath(place)
        if real in found:
            below.clear()
            continue
        inside = [Path(place, each) for each in names]
        found[real] = [path for path in inside if path.name.lower().endswith(IMAGE_SUFFIXES) and not hidden(path)]
        below[:] = sorted(each for each in below if not hidden(path := Path(place, each)) and not _leads_up(path))
    return found


def _leads_up(path: Path) -> bool:
    """Whether the folder is a link to one that it lies in."""
    return path.is_symlink() and Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(path))


def _order(path: Path) -> tuple[str, str, Path]:
    return composed(str(path.parent)), composed(path.name), path
