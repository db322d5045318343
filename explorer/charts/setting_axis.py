"""The numbers that a sweep varies besides capacity and epsilon: `temperature 5` is 5 along the axis `temperature`."""

import re

from engine.registry import DATASETS, DEFENSES, NATURAL
from engine.spec.experiment import Evaluation
from engine.spec.recipes import SCALES, recipe_for
from store.summaries import CurvePoint

UNSAID = {
    "temperature": Evaluation.temperature,
    "evaluation steps": Evaluation.steps,
    "evaluation step size": Evaluation.step_size,
    "stop after": None,
}
"""What a setting that is no recipe's is where the words do not say it; training to the end has no such step."""
SHARE = "robust share"
"""The axis on which natural training stands at 0."""
ATTACK = "attack eps"
"""The axis of models that were attacked with several budgets."""
_SAID = re.compile(r"(?!weights )([a-z ]+) (\d+(?:\.\d+)?(?:e[-+]?\d+)?)")


def numbers(row: CurvePoint) -> dict[str, float]:
    """Axis -> where the row stands on it, of all axes that its words name."""
    said = (_SAID.fullmatch(part) for part in _parts(row))
    return {found[1]: float(found[2]) for found in said if found} | {ATTACK: row.evaluation_epsilon}


def place(row: CurvePoint, axis: str) -> float | None:
    """Where the row stands on an axis; None where neither its words nor its recipe tell."""
    if axis in (found := numbers(row)) or others(row, axis) != (row.setting or ""):
        return found.get(axis)
    if axis == SHARE and row.defense == NATURAL:
        return 0.0
    return UNSAID[axis] if axis in UNSAID else _of_recipe(row, axis.replace(" ", "_"))


def others(row: CurvePoint, axis: str) -> str:
    """The row's words but for those about the axis."""
    return ", ".join(part for part in _parts(row) if not re.match(rf"{re.escape(axis)} \d", part))


def _of_recipe(row: CurvePoint, name: str) -> float | None:
    """The recipe's own number, if it is the same at every scale: the row does not say at which it was trained."""
    family = "folder" if row.dataset.startswith("folder-") else row.dataset
    if row.defense not in DEFENSES or family not in DATASETS:  # told of by another version
        return None
    values = {getattr(recipe_for(row.defense, family, scale, {}), name, None) for scale in SCALES}
    value = values.pop() if len(values) == 1 else None
    return float(value) if isinstance(value, int | float) else None


def _parts(row: CurvePoint) -> list[str]:
    return row.setting.split(", ") if row.setting else []
