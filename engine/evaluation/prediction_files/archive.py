"""The arrays of an npz file, without unpickling anything."""

import difflib
import zipfile
from pathlib import Path

import numpy as np

from engine import registry
from engine.evaluation.prediction_files.faults import PredictionFile, PredictionsError, listed
from engine.evaluation.predictions import SPLITS

KINDS = ("output", "logits")
KEYS = (
    *(f"{kind}_{split}_{view}" for view in registry.VIEWS for split in SPLITS for kind in KINDS),
    *(f"{split}_{name}" for split in SPLITS for name in ("label", "index")),
    *("class_names", "train_robust", "warnings"),
)
"""Every key that means something."""


def read(path: Path) -> PredictionFile:
    """The known arrays of an npz; others are left where they are and named. `PredictionsError` if it is none."""
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise PredictionsError(f"{path}: holds one array; an npz of several named ones is needed")
        with archive:
            arrays, objects = {}, []
            for name in archive.files:
                if name in KEYS:
                    try:
                        arrays[name] = archive[name]
                    except ValueError as error:
                        if not _of_pickles(error):
                            raise
                        objects.append(name)
            unused = [name for name in archive.files if name not in KEYS]
    except PredictionsError:
        raise
    except OSError as error:
        raise PredictionsError(f"{path}: {error.strerror or 'not a readable npz file'}") from None
    except MemoryError:
        raise PredictionsError(f"{path}: too large for this machine's memory") from None
    except (
        *(ValueError, EOFError, KeyError, AttributeError, NotImplementedError, RuntimeError),
        *(zipfile.BadZipFile, zipfile.LargeZipFile),
    ) as error:
        why = "no archive of arrays" if _of_pickles(error) else (str(error).splitlines() or [type(error).__name__])[0]
        raise PredictionsError(f"{path}: not a readable npz file ({why})") from None
    file = PredictionFile(path, arrays, tuple(objects), tuple(unused))
    if objects:
        file.notes.append(f"skipped, for arrays of Python objects are never unpickled: {listed(objects)}")
    if unused:
        file.notes.append(f"skipped, for an audit has no use for them: {listed(unused)}")
    return file


def required(file: PredictionFile, key: str) -> np.ndarray:
    """An array without which there is nothing to do; a refusal says why it is not there."""
    if key in file.objects:
        file.refuse(f"{key} is an array of Python objects, never unpickled; save it as numbers or as text (dtype str)")
    if key not in file.arrays:
        near = difflib.get_close_matches(key, file.unused, n=1)
        file.refuse(f"holds no {key}" + (f" (is it {near[0]}?)" if near else ""))
    return file.arrays[key]


def _of_pickles(error: Exception) -> bool:
    """Whether numpy asks to allow pickles: of an array of objects, or of a file that is no array at all."""
    return "pickle" in str(error)
