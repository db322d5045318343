"""A run in words: its settings, times and name."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from engine.registry import DEFENSES
from engine.spec.experiment import Data, Evaluation, Inference
from engine.spec.recipes import OF_WEIGHTS, Recipe, settings_of
from explorer.results import text
from explorer.results.lines import sized
from store.rows import Run

LEAST_OF_A_NAME = 3
"""Cells that are left of a data set or a defense in a name that is cut."""
Settings = dict[str, dict[str, str]]
"""Group -> key -> value, as people read them."""


# Settings


def versions(run: Run) -> str:
    """The releases that computed a run."""
    return " · ".join(f"{name} {release}" for name, release in run.versions.items())


def settings(spec: Mapping[str, Any]) -> Settings:
    """The settings of an experiment in the groups people think in; everything that names it is there."""
    data = _in_order(spec["data"], Data)
    if not data["name"].startswith("folder:"):
        data.pop("test_share", None)
    recipe = _in_order(spec["recipe"], settings_of(spec["defense"]) if spec["defense"] in DEFENSES else Recipe)
    if spec["defense"] in DEFENSES and not DEFENSES[spec["defense"]].trains:
        recipe = {name: recipe[name] for name in OF_WEIGHTS}
    network = {"family": spec["network"], "capacity": spec["capacity"], "fingerprint": spec.get("network_fingerprint")}
    training = {"defense": spec["defense"], "epsilon": spec["epsilon"], "seed": spec["seed"], **recipe}
    if spec["defense"] in DEFENSES and DEFENSES[spec["defense"]].budget == "none":
        del training["epsilon"]
    evaluation = _in_order(spec["evaluation"], Evaluation)
    if "certified" not in evaluation["views"]:
        evaluation.pop("certification", None)
    groups = {
        "data": data,
        "network": network,
        "recipe": training,
        "evaluation": evaluation,
        "inference": _in_order(spec["inference"], Inference),
    }
    return {
        title: {key.replace("_", " "): _shown(key, value) for key, value in pairs.items() if value not in (None, "")}
        for title, pairs in groups.items()
    }


def _in_order(values: Mapping[str, Any], settings_of: type) -> dict[str, Any]:
    """The values in the order in which the settings are declared; the store sorts them by name."""
    order = [field.name for field in fields(settings_of)]
    return {
        key: values[key] for key in sorted(values, key=lambda key: order.index(key) if key in order else len(order))
    }


def _shown(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(key, entry) for entry in value) or "none"
    if isinstance(value, float):
        return text.epsilon(value) if key == "epsilon" else f"{value:.10g}"
    return str(value)


# The run itself


def may_be_tighter(run: Run) -> bool:
    """Whether a run's certified accuracy can only be higher by `crown-ibp`, or there is none yet."""
    return run.certification in (None, "ibp")


def took(run: Run) -> float | None:
    """Seconds from the latest start to the end, or to now while it runs."""
    if run.started is None or run.state == "queued":
        return None
    ended = time.time() if run.state == "running" else run.ended
    return None if ended is None else ended - run.started


def moment(seconds: float | None) -> str:
    """A time of the store as local date and time."""
    return "—" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def clock(seconds: float | None) -> str:
    """The same without today's date."""
    return moment(seconds).removeprefix(time.strftime("%Y-%m-%d "))


def short_name(run: Run, among: int) -> str:
    """The run's name without its hash and, where there is only one, its data set; epsilon as people write it.

    Certified by another method than its defense's own, it is told from the run beside it by that method.
    """
    name = run.name.replace(f"-e{run.epsilon:.4g}-", f"-e{text.epsilon(run.epsilon)}-")
    own = DEFENSES[run.defense].certification if run.defense in DEFENSES else None
    if run.certification not in (None, own):
        name += f" {run.certification}"
    prefix = name.partition(f"-{run.defense}-")[0] + "-"
    return name.removeprefix(prefix) if among < 2 else name


def fitted_name(name: str, run: Run, room: int) -> str:
    """A short name in so many cells: its data set gives way first, then its defense, and last the end."""
    data = run.name.partition(f"-{run.defense}-")[0]
    data = data if name.startswith(f"{data}-") else ""
    for part in filter(None, (data, run.defense)):
        if (over := len(name) - room) > 0:
            kept = max(LEAST_OF_A_NAME, len(part) - over) - 1
            name = name.replace(f"{part}-", f"{part[:kept]}…", 1) if kept < len(part) - 1 else name
    return sized(name, room) if len(name) > room else name


def short_names(runs: Sequence[Run]) -> list[str]:
    """The runs' names without what all of them share, the data set; where two are alike, their whole ids."""
    shared = len({run.dataset for run in runs}) == 1 and len(runs) > 1
    names = [run.name.partition(f"-{run.defense}-") if shared else ("", "", run.name) for run in runs]
    told = ["".join(parts[1:]).removeprefix("-") or run.name for parts, run in zip(names, runs, strict=True)]
    return [
        run.run_id.removeprefix(f"{run.dataset}-") if told.count(name) > 1 else name
        for name, run in zip(told, runs, strict=True)
    ]
