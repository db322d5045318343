"""Read every image of a data set as a run does, and say what it holds: `python -m engine.data.check DATA ROOT`.

DATA are the settings of `Data` as JSON. One JSON object goes to stdout: `refused` with the reason, or the numbers of
images, classes and sides, the `warnings` and `notes` that a run would have, and `equal`: pairs of names of equal
images.
"""

import json
import sys
from pathlib import Path
from typing import Any

from engine.data import repeated_images
from engine.data.datasets import load
from engine.spec.experiment import Data
from engine.text import printable
from engine.validation import SpecError


def look(data: Data, root: Path) -> dict[str, Any]:
    """What the module says of a data set; each image that is not the first of its kind is paired with that one."""
    try:
        found = load(data, root)
    except (SpecError, OSError) as error:
        return {"refused": printable(str(error))}
    train, test = found.train, found.test
    copies = repeated_images.first_copies(train.images, test.images)
    names = [printable(repeated_images.name(train, test, at)) for at in range(len(copies))]
    return {
        "train": len(train),
        "test": len(test),
        "classes": found.num_classes,
        "size": found.image_size,
        "warnings": [warning.message for warning in found.warnings],
        "notes": list(found.notes),
        "equal": [[names[at], names[first]] for at, first in enumerate(copies) if first != at],
    }


if __name__ == "__main__":
    print(json.dumps(look(Data(**json.loads(sys.argv[1])), Path(sys.argv[2]))))
