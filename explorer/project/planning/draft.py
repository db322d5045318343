"""What the New sweep form holds, and the sweep that it stands for."""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.job_settings import LOCAL, RunOptions
from engine.models import fingerprints
from engine.registry import NATURAL, training_defenses, written_datasets
from engine.spec import sweeps
from engine.spec.experiment import Data
from engine.spec.recipes import SCALES
from engine.spec.recipes.steps_rule import read_rule
from engine.spec.sweeps import RUNS_LIMIT, Sweep
from engine.validation import SpecError, as_number, refuse, require, require_known
from explorer.project.planning import lists
from explorer.project.submitting import data_folder
from explorer.results.sweep_file import document

RUN_LINE = "mia-explore run FILE.toml --scale"
"""How a draft's file begins: what it is read by."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A sweep as typed. A blank field is the data set's own value, and for seeds 0.

    What the table that it started from settles and the form does not show (its share of the test images, its inference
    attacks...) holds for as long as the data set is the same, at the scale that is chosen now.
    """

    name: str
    dataset: str
    """`digits`, ..., or `folder:PATH`."""
    data_root: str
    """Folder with the data sets; blank is the current one."""
    network: str = ""
    scale: str = "quick"
    defenses: tuple[str, ...] = ("natural", "pgd")
    capacity: str = ""
    """`1, 2, 4`: commas or spaces."""
    epsilon: str = ""
    """`2/255 8/255` or `0.1, 0.2`; natural training has none, its models are attacked with the largest."""
    seed: str = ""
    """`0, 1` or `0-2`."""
    train_fraction: str = ""
    size: str = ""
    """`HEIGHTxWIDTH`."""
    steps: str = ""
    device: str = "auto"
    on: str = LOCAL
    """Where the runs may go: names of places, with commas."""
    base: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """The table that it started from, of a preset or a file."""

    @classmethod
    def from_preset(cls, name: str, scale: str, data_root: str) -> "Draft":
        """The fields of a packaged preset at one scale: planned unchanged, they give the preset's own runs."""
        presets = sweeps.presets()
        require_known("preset", name, presets)
        table = {key: value for key, value in presets[name].items() if key != "description"}
        return cls.from_table({"name": name} | table, scale, data_root)

    @classmethod
    def from_table(cls, base: Mapping[str, Any], scale: str, data_root: str, **place: str) -> "Draft":
        """The fields of a sweep's checked table at one scale; `place`: `device` and `on`."""
        require_known("scale", scale, SCALES)
        table = sweeps.at_scale(base, scale)
        data, grid = table.get("data", {}), table.get("grid", {})
        values = {
            **{field: grid[field] for field in ("capacity", "epsilon", "seed") if field in grid},
            **{field: data[field] for field in ("train_fraction", "size") if field in data},
            **{field: grid[field] for field in ("train_fraction",) if field in grid},
            **{field: table["recipe"][field] for field in ("steps",) if field in table.get("recipe", {})},
        }
        defenses = grid.get("defense", list(cls.defenses))
        return cls(
            name=table["name"],
            dataset=table["dataset"],
            data_root=data_root,
            network=table.get("network", ""),
            scale=scale,
            defenses=tuple([defenses] if isinstance(defenses, str) else defenses),
            base=base,
            **place,
            **{field: lists.typed(value) for field, value in values.items()},
        )

    def table(self) -> dict[str, Any]:
        """The sweep's TOML table at the draft's scale; `SpecError` names the field, the value and what is allowed."""
        values = {field: read(self) for field, read in READERS.items()}
        _require_few(values)
        sections = {name: dict(section) for name, section in self._hidden().items()}
        for section, name, value in (
            ("data", "train_fraction", None),  # the grid has it
            ("data", "size", values["size"]),
            ("recipe", "steps", values["steps"]),
        ):
            sections[section].pop(name, None)
            sections[section] |= {} if value is None else {name: value}
        swept = {key: value for key, value in sections["grid"].items() if key not in sweeps.GRID}
        grid = {"defense": values["defenses"]} | {name: values[name] for name in LISTS} | swept
        sections["grid"] = {name: value for name, value in grid.items() if value is not None}
        said = {"description": self.base["description"]} if "description" in self.base else {}
        labels = {name: values[name] for name in ("name", "dataset", "network") if values[name] is not None} | said
        return labels | {name: section for name, section in sections.items() if section}

    def to_toml(self) -> str:
        """A sweep file that `mia-explore run FILE.toml --scale SCALE` turns into the same runs; `SpecError`."""
        return document(f"{RUN_LINE} {self.scale}", self.table())

    def _hidden(self) -> dict[str, Mapping[str, Any]]:
        """Each section of the table it started from, or empty ones once the draft is about another data set."""
        table = sweeps.at_scale(self.base, self.scale)
        kept = table.get("dataset") == self.dataset.strip()
        return {section: table.get(section, {}) if kept else {} for section in sweeps.SECTIONS}


def plan(draft: Any) -> Sweep:
    """The runs of a draft or of a sweep's text. Reads the data set's files, which may take seconds: in a thread.

    Raises `SpecError` in one line for a field that cannot be used and for data that is missing or damaged.
    """
    return sweeps.plan(draft.table(), draft.scale, (), _folder("data_root", draft.data_root))


def errors(draft: Any) -> dict[str, str]:
    """Field -> what is wrong with it, in one line; quick, and without a look at the data set's files.

    Of a sweep's text those fields that are not in it.

    Where every field is fine by itself but the settings do not go together, that stands at `defenses`.
    """
    found = {}
    for field, read in READERS.items():
        try:
            _ = hasattr(draft, field) and read(draft)
        except SpecError as error:
            found[field] = str(error)
    if not found and isinstance(draft, Draft):
        try:
            _rehearse(draft)
        except SpecError as error:
            field = re.match(r"\w*", str(error))[0]
            found[field if field in READERS else "defenses"] = str(error)
    return found


def _rehearse(draft: Draft) -> None:
    """Make experiments at the ends of each list, of each defense and swept setting: what does not go is refused."""
    table = draft.table()
    ends = {
        name: sorted(values, key=as_number)[:: max(1, len(values) - 1)]
        for name, values in table["grid"].items()
        if name in LISTS
    }
    grid = table["grid"] | ends
    merged, data = sweeps.settle(table | {"grid": grid}, draft.scale)
    for _ in sweeps.expand(merged, data, draft.scale):
        pass


def _require_few(values: Mapping[str, Any]) -> None:
    """Refuse more runs than can be asked for at once, at the field with the longest list."""
    lengths = {name: len(values[name] or [None]) for name in LISTS}
    settings = sum(1 if defense == NATURAL else lengths["epsilon"] for defense in values["defenses"])
    runs = settings * math.prod(length for name, length in lengths.items() if name != "epsilon")
    if runs > RUNS_LIMIT:
        longest = max(lengths, key=lengths.__getitem__)
        raise SpecError(f"{longest}: {runs} runs are too many for one sweep; allowed: up to {RUNS_LIMIT}")


def _name(draft: Draft) -> str:
    return sweeps.settle({"name": draft.name.strip(), "dataset": "digits"}, SCALES[0])[0]["name"]


def _dataset(draft: Draft) -> str:
    name = draft.dataset.strip()
    if not name.startswith("folder:"):
        require_known("dataset", name, written_datasets())
        return name
    path = name.removeprefix("folder:")
    require(bool(path), "dataset", name, "folder:PATH with the folder's path")
    return f"folder:{_folder('dataset', path)}"


def _folder(field: str, text: str) -> Path:
    """The absolute path of a folder, which need not exist."""
    require(text.isprintable(), field, text, "a path of printable characters")
    try:
        return data_folder(Path(text.strip()))
    except RuntimeError:  # ~somebody
        refuse(field, text, "a path; nobody of that name has a home here")


def _network(draft: Draft) -> str | None:
    if name := draft.network.strip():
        fingerprints.network_fingerprint(name)  # that the source of a network of one's own can be found
    return name or None


def _defenses(draft: Draft) -> list[str]:
    require(bool(draft.defenses), "defenses", list(draft.defenses), f"one or more of {', '.join(training_defenses())}")
    for defense in draft.defenses:
        require_known("defenses", defense, training_defenses())
    return list(dict.fromkeys(draft.defenses))


def _size(draft: Draft) -> str | None:
    return Data(name="digits", size=draft.size.strip() or None).size


def _steps(draft: Draft) -> int | str | None:
    if "capacity" not in draft.steps:
        return lists.count("steps", draft.steps)
    read_rule("steps", draft.steps)
    return draft.steps.strip()


def _scale(draft: Draft) -> str:
    require_known("scale", draft.scale, SCALES)
    return draft.scale


READERS: dict[str, Callable[[Draft], Any]] = {
    "name": _name,
    "dataset": _dataset,
    "data_root": lambda draft: _folder("data_root", draft.data_root),
    "network": _network,
    "scale": _scale,
    "defenses": _defenses,
    "capacity": lambda draft: lists.numbers(
        "capacity", draft.capacity, lambda value: value > 0, "numbers above 0, such as 1, 2"
    ),
    "epsilon": lambda draft: lists.numbers(
        "epsilon", draft.epsilon, lambda value: 0 <= value <= 1, "numbers from 0 to 1, such as 0.1 or 8/255"
    ),
    "seed": lambda draft: lists.whole_numbers("seed", draft.seed, RUNS_LIMIT),
    "train_fraction": lambda draft: lists.numbers(
        "train_fraction", draft.train_fraction, lambda value: 0 < value <= 1, "numbers above 0, at most 1, such as 0.5"
    ),
    "size": _size,
    "steps": _steps,
    "device": lambda draft: RunOptions(data_root="", device=draft.device.strip()).device,
    "on": lambda draft: RunOptions(data_root="", on=draft.on).on,
}
"""Field -> what it says, None where it is blank; `SpecError` names the field."""

LISTS = ("capacity", "epsilon", "seed", "train_fraction")
"""Fields that multiply the runs, under the names that they have in `[grid]`."""
