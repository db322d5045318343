"""Sweep files: the TOML text that `engine.spec.sweeps` reads, and that of a run, which makes the same run again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine.registry import NATURAL
from engine.spec.experiment import Experiment


def sweep_file(spec: Mapping[str, Any]) -> str:
    """The TOML text of a sweep with this one experiment; every setting is written out, so the scale does not matter.

    It is the same run, by its id, for as long as the data set's files and the source of its network are the same.
    """
    experiment = Experiment.from_dict(spec)
    data = {key: value for key, value in spec["data"].items() if key not in ("name", "fingerprint", "train_fraction")}
    grid = {
        "defense": spec["defense"],
        "capacity": spec["capacity"],
        "epsilon": spec["epsilon"],
        "seed": spec["seed"],
        "train_fraction": spec["data"]["train_fraction"],
    }
    if experiment.defense == NATURAL:
        del grid["epsilon"]
    recipe = dict(spec["recipe"])
    if rule := recipe.pop("steps_rule", None):
        recipe["steps"] = rule
    tables = {
        "data": data,
        "grid": {key: [value] for key, value in grid.items()},
        "recipe": recipe,
        "evaluation": spec["evaluation"],
        "inference": spec["inference"],
    }
    labels = {"name": experiment.slug, "dataset": spec["data"]["name"], "network": spec["network"]}
    return document(experiment.run_id, labels | tables)


def document(comment: str, table: Mapping[str, Any]) -> str:
    """The text of a table of plain values and of sections of them; None is left out."""
    sections = {title: section for title, section in table.items() if isinstance(section, Mapping)}
    labels = {key: value for key, value in table.items() if key not in sections}
    lines = [f"# {comment}", *_pairs(labels)]
    for title, section in sections.items():
        lines += ["", f"[{title}]", *_pairs(section)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table; a key with a dot in it would be a table of its own without quotation marks."""
    return (
        f"{json.dumps(key) if '.' in key else key} = {_value(value)}"
        for key, value in table.items()
        if value is not None
    )


def _value(value: Any) -> str:
    """A TOML value. JSON writes numbers, booleans, lists and text as TOML does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
