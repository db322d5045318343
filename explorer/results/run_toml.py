"""A run's settings as a sweep file that `mia-explore run` takes and makes the same run of."""

from collections.abc import Mapping
from typing import Any

from engine.spec.experiment import Experiment
from explorer.results import toml


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
    return toml.document(experiment.run_id, labels | tables)
