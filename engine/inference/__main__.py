"""Run inference attacks on a prediction file: `python -m engine.inference FILE.npz` prints one JSON object.

Its keys: `views` (those in the file), `warning` (of too few examples, or null) and `facts` (a list of `Fact`).
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from engine import inference, prediction_files
from engine.spec import INFERENCE_ATTACKS, Inference
from engine.validation import SpecError


def main() -> int:
    """Print the facts; 2 with one line where the file or a setting is of no use."""
    parser = argparse.ArgumentParser(prog="python -m engine.inference", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--attacks", default=",".join(INFERENCE_ATTACKS), help="comma between them")
    parser.add_argument("--per-class", type=int, default=Inference.per_class)
    parser.add_argument("--seed", type=int, default=Inference.seed)
    wanted = parser.parse_args()
    try:
        settings = Inference(attacks=tuple(wanted.attacks.split(",")), per_class=wanted.per_class, seed=wanted.seed)
        answers = prediction_files.load(wanted.file)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    facts = [asdict(fact) for fact in inference.audit(answers, settings)]
    found = {"views": list(answers.views), "class_names": list(answers.class_names), "facts": facts}
    json.dump(found | {"warning": inference.scarcity(answers, settings)}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
