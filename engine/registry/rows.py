"""The kinds of rows of `engine.registry`, tables of them, and the rows that other installed packages add."""

import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.text import one_line
from engine.validation import SpecError, coerce_fields, require, require_known

THRESHOLD_RULES = ("oracle", "heldout", "references", "none")
"""How an attack's threshold may have been chosen."""
INFERENCE_SETTINGS = ("per_class", "splits", "network_splits", "restarts", "variance", "seed")
"""The settings of `[inference]` that attacks may name."""


@dataclass(frozen=True, kw_only=True)
class RegistryRow:
    """What all rows have. A registry refuses a bad one as it takes it, so that the others of its module stand."""

    name: str
    words: str
    """What it is, in a few words."""
    code: str = ""
    """`module:object` of what does it."""
    needs: tuple[str, ...] = ()
    """Modules, besides torch and numpy, without which it does not work."""

    def check(self) -> None:
        """`SpecError` for a field of another kind or a name that is no word of a sweep file, a column or a run's id."""
        coerce_fields(self)
        fits = re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", self.name)
        require(fits is not None, "name", self.name, "small letters, digits, - and _, a letter first, 32 at most")

    def load(self, part: str = "code") -> Any:
        """What a field names as `module:object`, imported; `SpecError` naming the row where that fails."""
        named = getattr(self, part)
        module, _, path = named.partition(":")
        try:
            found = import_module(module)
            for name in path.split("."):
                found = getattr(found, name)
        except SpecError:
            raise
        except (Exception, SystemExit) as error:
            raise SpecError(f"{self.name}: cannot import {named}: {type(error).__name__}: {error}") from error
        return found


@dataclass(frozen=True, kw_only=True)
class DatasetRow(RegistryRow):
    """A data set. `code(data, root)` gives its `engine.data.pool.Pool`."""

    network: str
    """Family of networks where a sweep names none."""
    capacity: float
    """Where a sweep names none: the original scale of the paper's network."""
    epsilon: float
    """l-infinity budget where a sweep names none; pixels are in [0, 1]."""
    examples: tuple[int, int]
    """Training and test images."""
    image_size: tuple[int, int]
    """(height, width)."""
    classes: int
    files: str = ""
    """`module:function` of (data, root): its files by name, found without torch; empty where its code makes it up."""
    download: str = ""
    """`module:function` of (data, root) that fetches it; empty where it cannot be fetched."""
    recipes: str = ""
    """The data set whose numbers it is trained with; empty: those under its own name in `recipes.numbers`."""
    in_paper: bool = False
    """The paper prints numbers of it, with the network and the capacity above."""
    at_path: bool = False
    """It is written NAME:PATH and counts by its content, wherever that lies; the numbers above are guesses."""

    def check(self) -> None:
        """Refuse images from nowhere, and numbers that no images have."""
        super().check()
        require(bool(self.code), "code", self.code, "module:function")
        for name in ("examples", "image_size"):
            require(min(getattr(self, name)) >= 1, name, getattr(self, name), "1 or more each")
        require(self.classes >= 1, "classes", self.classes, "1 or more")
        require(self.capacity > 0, "capacity", self.capacity, "above 0")
        require(0 <= self.epsilon <= 1, "epsilon", self.epsilon, "0 to 1 (pixels are in [0, 1])")

    @property
    def written(self) -> str:
        """As a sweep file names it."""
        return f"{self.name}:PATH" if self.at_path else self.name


@dataclass(frozen=True, kw_only=True)
class NetworkRow(RegistryRow):
    """A family of networks. `code(in_channels, image_size, num_classes, capacity)` gives a `torch.nn.Module`."""

    parameters: tuple[float, float, float, float]
    """Numbers of a trained network: a c^2 + b c + d c pixels + e at capacity c."""
    channels_last: bool = False
    """On a CPU its activations lie channels last, where that was measured to be faster; none may be `view`ed flat."""


@dataclass(frozen=True, kw_only=True)
class DefenseRow(RegistryRow):
    """A way to train. `code(model, x, y, recipe, epsilon, step)` gives a batch's loss; without code nothing is."""

    recipe: str
    """`module:class` of its settings, an `engine.spec.recipes.Recipe`."""
    budget: str = "trained"
    """Its epsilon: `trained` with; only `evaluated` at; or `none`."""
    certification: str = ""
    """The method that bounds its networks in training, and certifies them where a sweep names none."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Settings it has of its own on a data set for which `recipes.numbers` has none."""

    @property
    def trains(self) -> bool:
        """Whether there is anything to train; else its weights come trained."""
        return bool(self.code)


@dataclass(frozen=True, kw_only=True)
class ViewRow(RegistryRow):
    """What a model can be asked for. `code(model, x, y, target, evaluation, tally)` gives logits (batch, classes)."""

    short: str
    """In titles that have little room."""
    letter: str
    """Behind the I of an inference accuracy."""
    headline: bool = True
    """Its numbers stand in the list of runs; `accuracies` and `leakage` have those of all views."""
    attacks: bool = False
    """PGD is behind it, so the attack's settings change it."""
    climbs: str = ""
    """Its PGD goes `away` from the true class or `towards` the target, and `code` also takes as `climbed` what many
    networks at once have found (`engine.evaluation.attack.climbed`); empty: each network is asked by itself."""
    of_each_wrong_class: bool = False
    """A model is asked once for each wrong class, the target; else once for an image."""
    bounds: bool = False
    """It bounds all other answers from below, by the certification asked for."""

    def questions(self, num_classes: int) -> int:
        """How often a model is asked about one image."""
        return num_classes - 1 if self.of_each_wrong_class else 1

    def check(self) -> None:
        """Refuse names that are no part of a column's name."""
        super().check()
        require("-" not in self.name, "name", self.name, "small letters, digits and _")


@dataclass(frozen=True, kw_only=True)
class AttackRow(RegistryRow):
    """An inference attack. `code(predictions, view, settings, generator, row)` gives `engine.inference` facts."""

    short: str
    """In titles that have little room."""
    code: str = "engine.inference.threshold:audit"
    score: str = ""
    """`module:function` of (answers, labels) where it is a threshold on one score, higher for members: (examples,)."""
    settings: tuple[str, ...] = ("splits", "seed")
    """The settings of `[inference]` that change its numbers; no other does."""
    rules: tuple[str, ...] = ("oracle", "heldout")
    """How thresholds may be chosen; `none`: it chooses nothing."""
    by_class: str = ""
    """What tables of classes call it; empty where it is not carried out class by class."""
    references: bool = False
    """It compares with the other runs of a population, whose answers must be there; its score takes (odds, references,
    settings), see `engine.inference.population`. Only where it is asked for by name."""
    coins: bool = False
    """It is sound only where a fair coin of its own made each image a member."""
    slow: bool = False
    """It fits networks: its code takes `go_on` besides, to be asked with the classes done and all."""

    def check(self) -> None:
        """Refuse a threshold on nothing, and rules and settings that nothing has."""
        super().check()
        for rule in self.rules:
            require_known("rules", rule, THRESHOLD_RULES)
        for setting in self.settings:
            require_known("settings", setting, INFERENCE_SETTINGS)
        own = self.code != AttackRow.code
        require(own or bool(self.score), "score", self.score, "module:function, or else a `code` of its own")


@dataclass(frozen=True, kw_only=True)
class CertificationRow(RegistryRow):
    """A method that bounds a model's answers in a whole box."""

    passes: float
    """Its work for an image in forward passes, roughly, as measured on small faces; some grow with size."""


R = TypeVar("R", bound=RegistryRow)


class Registry(Mapping[str, R], Generic[R]):
    """The rows of one kind by name: ours, then those of other packages (entry points of `mia_explore.GROUP`)."""

    def __init__(self, group: str, *own: R) -> None:
        self._group, self._own = group, own
        for row in own:
            row.check()

    @cached_property
    def rows(self) -> dict[str, R]:
        """All of them; others' are imported at the first look."""
        return {row.name: row for row in (*self._own, *_foreign(f"mia_explore.{self._group}", self._own))}

    def __getitem__(self, name: str) -> R:
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def is_own(self, name: str) -> bool:
        """Whether a row is ours, and its code known by the release."""
        return any(row.name == name for row in self._own)


LEFT_OUT: list[str] = []
"""A line for each entry point that gave no row, naming its package."""


@cache
def _entry_points() -> Any:
    from importlib.metadata import entry_points

    return entry_points()  # one look at what is installed serves all groups


def _foreign(group: str, own: tuple[R, ...]) -> Iterator[R]:
    names = {row.name for row in own}
    for entry in sorted(_entry_points().select(group=group), key=lambda entry: entry.name):
        try:
            row = entry.load()
            if type(row) is not type(own[0]):
                raise TypeError(f"{entry.value} is a {type(row).__name__}, not a {type(own[0]).__name__}")
            row.check()
            if row.name in names:
                raise ValueError(f"there is a {row.name!r} already")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another's code may raise anything
            package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
            said = one_line(f"{type(error).__name__}: {error}")
            LEFT_OUT.append(f"{group}: {entry.name} of the package {package} is left out: {said}{_place(error, entry)}")
        else:
            names.add(row.name)
            yield row


def _place(error: BaseException, entry: Any) -> str:
    """The line of an entry point's module that an error comes from, for it may be that of another row of the module."""
    lines = [
        at
        for at in traceback.extract_tb(error.__traceback__)
        if Path(at.filename).stem == entry.module.rpartition(".")[2]
    ]
    return f" ({Path(lines[-1].filename).name}, line {lines[-1].lineno})" if lines else ""
