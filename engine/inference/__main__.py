"""Run inference attacks on a prediction file: `python -m engine.inference FILE` prints lines of JSON as it goes.

Each line is an object with a `kind`. First `file`: what the file holds and what is to be done (`opening`). Then for
each attack on each view `begin`, perhaps `progress`, and `found` with its `facts` (a list of `Fact`). Last `end`, with
`warnings` of single attacks.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine import inference
from engine.evaluation import plausibility, prediction_files, repeated_answers
from engine.evaluation.prediction_files import Reading
from engine.evaluation.predictions import Predictions
from engine.inference.facts import Fact
from engine.inference.population import files
from engine.inference.population.references import Population
from engine.registry import ATTACKS, attacks_on
from engine.spec.experiment import Inference
from engine.text import printable
from engine.validation import SpecError, require

MINUTES = 10.0
"""Time that networks may take by default."""


def main() -> int:
    """Print what is found; 2 with one line where the file or a setting is of no use."""
    parser = argparse.ArgumentParser(prog="python -m engine.inference", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--attacks", default=",".join(attacks_on()), help="comma between them")
    parser.add_argument("--per-class", type=int, default=Inference.per_class)
    parser.add_argument("--seed", type=int, default=Inference.seed)
    parser.add_argument("--references", type=Path, action="append", default=[], help="files, or folders of them")
    parser.add_argument("--time-limit", type=float, default=MINUTES, help="minutes for all networks")
    wanted = parser.parse_args()
    try:
        settings = Inference(attacks=tuple(wanted.attacks.split(",")), per_class=wanted.per_class, seed=wanted.seed)
        require(wanted.time_limit >= 0, "time_limit", wanted.time_limit, "minutes, 0 or more")
        comparing = [attack for attack in settings.attacks if ATTACKS[attack].references]
        require(bool(wanted.references) or not comparing, "attacks", ", ".join(comparing), "with --references alone")
        reading = prediction_files.read(wanted.file)
        whole, notes = None, []
        if comparing:
            whole, notes = files.shadows(wanted.file, reading.predictions, wanted.references)
    except SpecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _say(opening(replace(reading, notes=(*reading.notes, *map(printable, notes))), settings))
    for message in Audit(reading.predictions, settings, 60 * wanted.time_limit, whole).messages():
        _say(message)
    return 0


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def opening(reading: Reading, settings: Inference) -> dict[str, Any]:
    """What a file holds, how it was read, what makes it doubtful, and how many networks each view is to get."""
    predictions = reading.predictions
    warnings = [*predictions.warnings, *plausibility.warnings(predictions)]
    if not any(each.topic == "membership" for each in warnings):
        warnings += repeated_answers.warnings(predictions)
    fitting = any(ATTACKS[attack].slow for attack in settings.attacks)
    each_class = settings.network_splits * settings.restarts if fitting else 0
    return {
        "kind": "file",
        "views": list(predictions.views),
        "class_names": list(predictions.class_names),
        "examples": [len(labels) for labels in predictions.labels.values()],
        "classes": predictions.num_classes,
        "networks": each_class * predictions.num_classes,
        "accuracies": [asdict(accuracy) for accuracy in plausibility.accuracies(predictions)],
        "warnings": [each.to_dict() for each in warnings],
        "notes": list(reading.notes),
        "scarcity": inference.scarcity(predictions, settings),
    }


class Audit:
    """The attacks on one file, quick ones first, told one by one."""

    def __init__(
        self, predictions: Predictions, settings: Inference, seconds: float, population: Population | None = None
    ):
        """seconds: what all networks may take together; each view has an equal share of what is left.

        population: the model and its references, for attacks that compare with them.
        """
        self._predictions, self._settings, self._left = predictions, settings, seconds
        self._population = population
        self._cut: list[dict[str, str]] = []

    def messages(self) -> Iterator[dict[str, Any]]:
        """All that is to be said after the opening."""
        views = list(self._predictions.views)
        for place, view in enumerate(views):
            for attack in sorted(self._settings.attacks, key=lambda attack: ATTACKS[attack].slow):
                yield {"kind": "begin", "attack": attack, "view": view}
                share, begun = self._left / (len(views) - place), time.monotonic()
                facts = [asdict(fact) for fact in self._facts(attack, view, begun + share)]
                took = time.monotonic() - begun
                if ATTACKS[attack].slow:
                    self._left = max(0.0, self._left - took)
                yield {"kind": "found", "attack": attack, "view": view, "seconds": took, "facts": facts}
        yield {"kind": "end", "warnings": self._cut}

    def _facts(self, attack: str, view: str, deadline: float) -> Iterator[Fact]:
        """Of one attack on one view; networks that are not begun by the deadline are left out, which is kept."""

        def go_on(done: int, classes: int) -> bool:
            _say({"kind": "progress", "attack": attack, "view": view, "done": done, "classes": classes})
            if time.monotonic() < deadline:
                return True
            said = f"{attack}: the time limit left out {classes - done} of {classes} classes, of which nothing is told"
            self._cut.append({"attack": attack, "view": view, "message": said})
            return False

        if ATTACKS[attack].references:
            views = [view] if view in self._population.views else []
            told = inference.audit_in(self._population, replace(self._settings, attacks=(attack,)), views=views)
            return (fact for fact in told if isinstance(fact, Fact))
        only = replace(self._predictions, views={view: self._predictions.views[view]})
        return inference.audit(only, replace(self._settings, attacks=(attack,)), go_on=go_on)


if __name__ == "__main__":
    sys.exit(main())
