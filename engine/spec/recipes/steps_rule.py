"""Steps that grow with the network: `steps = "1000 * capacity"`, or `"1000 * capacity^0.5"`."""

import re
from collections.abc import Mapping
from typing import Any

from engine.validation import refuse, require

RULE = re.compile(r"([1-9]\d{0,17}) ?\* ?capacity(?: ?\^ ?(\d{1,3}(?:\.\d{1,9})?|\.\d{1,9}))?")


def at_capacity(overrides: Mapping[str, Any], capacity: float) -> dict[str, Any]:
    """The overrides of a recipe with a rule for `steps` worked out for one capacity, and kept as `steps_rule`.

    The rule is part of the recipe, for it makes one curve of models that were trained for different steps.
    Raises `SpecError` for a text that is no such rule.
    """
    steps = overrides.get("steps")
    if not isinstance(steps, str):
        return dict(overrides)
    base, power = read_rule("recipe.steps", steps)
    rule = f"{base} * capacity" + (f"^{power:g}" if power != 1 else "")
    valid = isinstance(capacity, int | float) and capacity > 0  # others the experiment itself refuses
    try:
        count = max(round(base * capacity**power), 1) if valid else base
    except OverflowError:
        refuse("recipe.steps", steps, "a rule that stays finite")
    return {**overrides, "steps": count, "steps_rule": rule}


def read_rule(field: str, text: str) -> tuple[int, float]:
    """The steps of a network of capacity 1, and the power of the capacity that they grow by; `SpecError`."""
    found = RULE.fullmatch(text.strip())
    require(found is not None, field, text, "a whole number, or a rule such as '1000 * capacity^0.5'")
    return int(found[1]), float(found[2] or 1)
