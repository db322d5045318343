"""A run's settings as a sweep file that `mia-explore run` takes and makes the same run of."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from engine.spec import Experiment


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
    if experiment.defense == "natural":
        del grid["epsilon"]
    tables = {
        "data": data,
        "grid": {key: [value] for key, value in grid.items()},
        "recipe": spec["recipe"],
        "evaluation": spec["evaluation"],
        "inference": spec["inference"],
    }
    labels = {"name": experiment.slug, "dataset": spec["data"]["name"], "network": spec["network"]}
    return "\n".join([f"# {experiment.run_id}", *_pairs(labels), *_tables(tables)]) + "\n"


def _tables(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, table in tables.items():
        yield from ("", f"[{title}]", *_pairs(table))


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key} = {_value(value)}" for key, value in table.items() if value is not None)


def _value(value: Any) -> str:
    """A TOML value. JSON writes numbers, booleans, lists and text as TOML does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
