"""Write images of a data set as pictures: `python -m engine.data.pictures DATA ROOT FOLDER EXAMPLE...`.

DATA are the settings of `Data` as JSON, EXAMPLEs the numbers that runs with these settings give to their images. Plain
PGM (grey) or PPM (colour) files, which need no library to be read, as the models saw the images: `17-image.pgm`.
"""

import json
import os
import sys
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor

from engine.data import datasets
from engine.spec.experiment import Data
from engine.validation import SpecError


def keep(data: Data, root: Path, folder: Path, examples: Collection[int]) -> None:
    """Write those of the images into the folder; `DatasetError` as for `datasets.load`."""
    images, index = datasets.some(data, root, examples)
    for example, image in zip(index.tolist(), images, strict=True):
        write(folder, f"{example}-image", image)


def write(folder: Path, name: str, image: Tensor) -> None:
    """One image (1 or 3 channels, height, width) in [0, 1] as bytes, in a file with the ending of its kind."""
    channels, height, width = image.shape
    levels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
    grey = channels == 1
    header = b"P%d\n%d %d\n255\n" % (5 if grey else 6, width, height)
    (folder / f"{name}.{'pgm' if grey else 'ppm'}").write_bytes(header + levels.tobytes())


def main() -> int:
    """Write what is asked for; 2 with one line where the data set cannot be read."""
    os.nice(10)  # pictures are waited for by a person, whose runs are at work meanwhile
    settings, root, folder, *examples = sys.argv[1:]
    try:
        keep(Data(**json.loads(settings)), Path(root), Path(folder), set(map(int, examples)))
    except (SpecError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
