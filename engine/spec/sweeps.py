"""Sweeps: a TOML file or packaged preset, resolved at a scale into the experiments it asks for.

name = "yale"                      # what tables and `ls` call it
dataset = "yale"
network = "yale-cnn"               # or "module:callable"; default: the data set's own family
[data]                             # options of the data set
size = "48x42"
[grid]                             # lists multiply
defense = ["natural", "pgd"]
capacity = [1, 2, 4]
epsilon = ["8/255"]
seed = [0]
"recipe.weight_decay" = [0, 1e-3]  # and any setting of [recipe] and [evaluation], under its whole name
[recipe]                           # any training setting, for every defense that has it
steps = "1000 * capacity^0.5"      # a number, or a rule by which larger networks train longer
[evaluation]                       # the attack that makes the adversarial view
[inference]                        # the membership-inference attacks
[quick.grid]                       # any of the above again, for one scale only
"""

import copy
import itertools
import json
import math
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from engine import registry
from engine.data import sources
from engine.models import fingerprints
from engine.spec.experiment import Data, Evaluation, Experiment, Inference
from engine.spec.recipes import SCALES, PretrainedRecipe, Recipe, known_overrides, recipe_for
from engine.spec.recipes.steps_rule import at_capacity
from engine.text import one_line
from engine.validation import FRACTION, SpecError, as_number, from_mapping, refuse, require, require_known

GRID = ("defense", "capacity", "epsilon", "seed", "train_fraction")
SECTIONS = ("data", "grid", "recipe", "evaluation", "inference")
SWEPT = ("recipe", "evaluation")
"""Sections whose settings may stand in the grid, as `SECTION.SETTING`."""
LABELS = ("name", "description", "dataset", "network")
RUNS_LIMIT = 5000
"""Runs of one sweep: one message to the engine, of at most 16 MiB, asks for all of them."""
DEPTH_LIMIT = 6
"""How deep tables and lists may be nested: a scale's sections of lists of lists are five."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Sweep:
    """A planned set of runs."""

    name: str
    description: str
    experiments: tuple[Experiment, ...]


def presets() -> dict[str, dict[str, Any]]:
    """Packaged sweeps by name, as their TOML tables."""
    folder = resources.files("engine.spec") / "presets"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text()) for entry in files}


def read(source: str) -> dict[str, Any]:
    """The TOML table of a preset's name or of a file; SpecError in one line if there is neither."""
    known = presets()
    if source in known:
        return known[source]
    path = Path(source)
    if path.suffix != ".toml" and not path.exists():
        require_known("sweep", source, [*known, "a FILE.toml"])
    try:
        return {"name": path.stem, **tomllib.loads(path.read_text())}
    except OSError as error:
        raise SpecError(f"{source}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # besides what is no TOML: numbers and lists beyond Python's limits
        raise SpecError(f"{source}: not a TOML file: {error}") from None


def plan(table: Mapping[str, Any], scale: str, overrides: Sequence[str], data_root: Path) -> Sweep:
    """The experiments of a sweep's table at one scale, with `key=value` overrides; reads the data's fingerprint."""
    merged, data = settle(table, scale, overrides)
    data = replace(data, fingerprint=sources.fingerprint(data, Path(data_root)))
    unique = {experiment.run_id: experiment for experiment in expand(merged, data, scale)}
    return Sweep(merged["name"], one_line(merged.get("description", "")), tuple(unique.values()))


def settle(table: Mapping[str, Any], scale: str, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], Data]:
    """The checked table at one scale with its overrides, and its data set, whose files are not looked at."""
    require_known("scale", scale, SCALES)
    for each in SCALES:
        check_tables(table.get(each, {}), f"{each}.")
    check_tables(table)
    merged = at_scale(table, scale)
    for override in overrides:
        apply_override(merged, override)
    check_tables(merged)
    name = merged.get("name", "")
    allowed = "letters, digits, '.', '_' and '-', the first one a letter or digit"
    require(re.fullmatch(r"\w[\w.-]*", name) is not None, "name", name, allowed)
    require("dataset" in merged, "dataset", None, "the name of a data set")
    data = from_mapping(Data, {"name": merged["dataset"], **merged.get("data", {})}, "data")
    if registry.DATASETS[data.family].at_path:
        data = replace(data, name=f"{data.family}:{_resolved('dataset', data.path)}")
    return merged, data


def runs_of(table: Mapping[str, Any], scale: str) -> int:
    """Number of runs that the table asks for at one scale."""
    return len({experiment.run_id for experiment in expand(*settle(table, scale), scale=scale)})


def at_scale(table: Mapping[str, Any], scale: str) -> dict[str, Any]:
    """The table with one scale's own sections laid over the common ones."""
    merged = copy.deepcopy({key: value for key, value in table.items() if key not in SCALES})
    for key, value in copy.deepcopy(table.get(scale, {})).items():
        if key in SECTIONS and isinstance(value, Mapping):
            merged[key] = {**merged.get(key, {}), **value}
        else:
            merged[key] = value
    return merged


def apply_override(table: dict[str, Any], override: str) -> None:
    """Set `section.key=value`; grid keys need no section. The value is read as TOML, or else as text."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise SpecError(f"--set {override}: write it as key=value, such as recipe.steps=500 or capacity=[1,2]")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
        _require_brackets(key, value)
    if key in GRID:
        key = f"grid.{key}"
    section, dot, name = key.partition(".")
    if dot:
        require_known("--set", section, SECTIONS)
        table.get("grid", {}).pop(key, None)  # one value instead of those swept
        table.setdefault(section, {})[name] = value
    else:
        require_known("--set", key, [*LABELS, *GRID])
        table[key] = value


def _require_brackets(key: str, text: str) -> None:
    """Refuse a list without its brackets, saying how it is written."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2 or text[0] in "[{\"'" or not (key in GRID or all(map(_is_number, parts))):
        return
    written = ",".join(part if _NUMBER.fullmatch(part) else json.dumps(part) for part in parts)
    raise SpecError(f"--set {key}={text}: a list stands in brackets: --set {shlex.quote(f'{key}=[{written}]')}")


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or FRACTION.fullmatch(text))


def check_tables(table: Any, where: str = "") -> None:
    """Refuse keys that nothing reads and values of the wrong kind; `where` is the prefix of a scale's own table."""
    require(isinstance(table, Mapping), where.rstrip("."), table, "a table")
    if not where and not _shallow(table, DEPTH_LIMIT):
        raise SpecError(f"its tables and lists are nested too deep; allowed: up to {DEPTH_LIMIT} levels")
    for key, value in table.items():
        require_known(f"{where}{key}", key, [*LABELS, *SECTIONS, *([] if where else SCALES)])
        if key in SECTIONS or key in SCALES:
            require(isinstance(value, Mapping), f"{where}{key}", value, "a table")
        else:
            require(isinstance(value, str), f"{where}{key}", value, "a text")
    for key, values in table.get("grid", {}).items():
        section, dot, name = key.partition(".")
        if dot and section in SECTIONS and section not in SWEPT:
            raise SpecError(f"{where}grid.{key}: {section} has one value for all runs; write `{name}` in [{section}]")
        if dot and section in SWEPT:
            known = known_overrides() if section == "recipe" else {field.name for field in fields(Evaluation)}
            require_known(f"{where}grid.{key}", name, sorted(known))
        else:
            require_known(f"{where}grid.{key}", key, [*GRID, *(f'"{section}.SETTING"' for section in SWEPT)])
        require(values != [], f"{where}grid.{key}", values, "a value or a list of values")
    for key in table.get("recipe", {}):
        require_known(f"{where}recipe.{key}", key, sorted(known_overrides()))
    for key in table.get("data", {}):
        options = [field.name for field in fields(Data) if field.name not in ("name", "fingerprint")]
        require_known(f"{where}data.{key}", key, options)


def expand(table: Mapping[str, Any], data: Data, scale: str) -> Iterator[Experiment]:
    """Every combination of the grid, whole capacity curves first and repetitions with other seeds last.

    Natural training has no epsilon, so it appears once for all epsilons of the grid; its adversarial view is made with
    `evaluation.epsilon`, or else with the largest epsilon of the grid.
    """
    usual = registry.DATASETS[data.family]
    defaults = {
        "defense": [registry.NATURAL, "pgd"],
        "capacity": [usual.capacity],
        "epsilon": [usual.epsilon],
        "seed": [0],
        "train_fraction": [data.train_fraction],
    }
    grid = defaults | {
        key: values if isinstance(values, list) else [values] for key, values in table.get("grid", {}).items()
    }
    for defense in grid["defense"]:
        require_known("grid.defense", defense, registry.DEFENSES)
    epsilons = [as_number(epsilon) for epsilon in grid["epsilon"]]
    for epsilon in epsilons:
        number = isinstance(epsilon, (int, float)) and not isinstance(epsilon, bool)
        require(number and 0 <= epsilon <= 1, "grid.epsilon", epsilon, "0 to 1, or '8/255'")
    _require_few(grid)
    network = table.get("network", usual.network)
    network_fingerprint = fingerprints.network_fingerprint(network)
    inference = from_mapping(Inference, table.get("inference", {}), "inference")
    weights: dict[str, Recipe] = {}
    for drawn, fraction, chosen, defense in itertools.product(
        grid["seed"], grid["train_fraction"], _swept(table, grid), grid["defense"]
    ):
        trains = registry.DEFENSES[defense].trains
        seed = drawn if trains else grid["seed"][0]  # a seed draws nothing for weights that come trained: no replicates
        unbudgeted = registry.DEFENSES[defense].budget == "none"
        for epsilon, capacity in itertools.product([max(epsilons)] if unbudgeted else epsilons, grid["capacity"]):
            overrides = at_capacity(chosen["recipe"], as_number(capacity))
            yield Experiment(
                data=replace(data, train_fraction=fraction),
                network=network,
                network_fingerprint=network_fingerprint,
                capacity=as_number(capacity),
                defense=defense,
                epsilon=0.0 if unbudgeted else epsilon,
                seed=seed,
                recipe=_located(recipe_for(defense, data.family, scale, overrides), weights),
                evaluation=evaluation_of(defense, epsilon, chosen["evaluation"]),
                inference=inference,
            )


def _require_few(grid: Mapping[str, list]) -> None:
    """Refuse more runs than can be asked for at once before any is made, naming the longest list."""
    lengths = {key: len(values) for key, values in grid.items()}
    others = math.prod(length for key, length in lengths.items() if key not in ("defense", "epsilon"))
    budgeted = sum(registry.DEFENSES[defense].budget != "none" for defense in grid["defense"])
    runs = others * (budgeted * lengths["epsilon"] + lengths["defense"] - budgeted)
    if runs > RUNS_LIMIT:
        longest = max(lengths, key=lengths.__getitem__)
        raise SpecError(
            f"grid.{longest}: {runs} runs are too many for one sweep; allowed: up to {RUNS_LIMIT}; "
            "make several sweeps of it"
        )


def _located(recipe: Recipe, known: dict[str, Recipe]) -> Recipe:
    """With weights that come trained by their absolute path and content, which is read once for a sweep."""
    if not isinstance(recipe, PretrainedRecipe):
        return recipe
    if recipe.weights not in known:
        path = _resolved("recipe.weights", recipe.weights)
        fingerprint = fingerprints.weights_fingerprint(path)
        known[recipe.weights] = replace(recipe, weights=str(path), fingerprint=fingerprint)
    return known[recipe.weights]


def _resolved(field: str, text: str) -> Path:
    """The absolute path; `SpecError` where there is none such."""
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, OSError):  # ~somebody; links in a circle
        refuse(field, text, "a path that leads somewhere")


def _shallow(content: Any, levels: int) -> bool:
    """Whether tables and lists are nested in so many levels at most."""
    inner = content.values() if isinstance(content, Mapping) else content if isinstance(content, list) else ()
    return levels >= 0 and all(_shallow(each, levels - 1) for each in inner)


def _swept(table: Mapping[str, Any], grid: Mapping[str, list]) -> list[dict[str, dict[str, Any]]]:
    """The sections recipe and evaluation with every combination of those of their settings that the grid has."""
    keys = [key for key in grid if key not in GRID]
    found = []
    for values in itertools.product(*(grid[key] for key in keys)):
        chosen = {section: dict(table.get(section, {})) for section in SWEPT}
        for key, value in zip(keys, values, strict=True):
            section, _, name = key.partition(".")
            chosen[section][name] = value
        found.append(chosen)
    return found


def evaluation_of(defense: str, epsilon: float, wanted: Mapping[str, Any]) -> Evaluation:
    """What is asked of one defense's models; certified views are for verifiable defenses and foreign weights."""
    verifiable = registry.DEFENSES[defense].certification
    defaults = {
        "epsilon": epsilon,
        "views": (*Evaluation.views, registry.CERTIFIED) if verifiable else Evaluation.views,
        "certification": verifiable or Evaluation.certification,
    }
    found = from_mapping(Evaluation, {**defaults, **wanted}, "evaluation")
    return (
        found
        if verifiable or not registry.DEFENSES[defense].trains
        else replace(found, views=tuple(view for view in found.views if not registry.VIEWS[view].bounds))
    )
