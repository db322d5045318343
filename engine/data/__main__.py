"""Fetch a data set that can be fetched: `python -m engine.data fashion-mnist data`."""

import sys
from pathlib import Path

from engine.data.datasets import download
from engine.spec.experiment import Data
from engine.validation import SpecError


def main() -> int:
    """Download the named data set into the folder; 2 with one line where that cannot be."""
    name, root = sys.argv[1:]
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        download(Data(name=name), Path(root))
    except (SpecError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
