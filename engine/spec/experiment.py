"""An experiment: one model and all that is asked of it, frozen, checked, and named by its own content.

Nothing here imports torch or reads data, so the terminal app, the engine service and a job all share it.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from engine import registry
from engine.spec.parameters import require_capacity
from engine.spec.recipes import Recipe, settings_of
from engine.text import printable
from engine.validation import SpecError, coerce_fields, from_mapping, refuse, require, require_known

VARIANCES = ("level", "nig", "global", "image")
"""How the likelihood ratio takes variances."""
MEMBER_SPLITS = ("paper", "random", "bernoulli")
"""How members may be drawn."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which images, in which split."""

    name: str
    """A data set of `engine.registry`, or `folder:PATH` (an image folder of one's own)."""
    size: str | None = None
    """`HEIGHTxWIDTH` to shrink to by area averaging; none keeps the images as they are."""
    train_fraction: float = 1.0
    """Share of the training split that is trained on, the same share of every class."""
    test_fraction: float = 1.0
    """Share of the test split that is used, the same share of every class."""
    split_seed: int = 0
    """Draws the fractions, and the split of a folder that has no `train` and `test` of its own."""
    test_share: float = 0.2
    """Share of a folder without its own split that is held out as test."""
    split: str = "paper"
    """Who is a member: the data set's own training images (`paper`), or of all its images those that the run's seed
    draws: a share of every class (`random`), or each by a coin of its own (`bernoulli`)."""
    member_share: float = 0.5
    """Share of all images that are members where the seed draws them. Of one half, seeds 2k and 2k + 1 draw halves."""
    fingerprint: str = ""
    """Hash of the data set's files: the same name with other content is another experiment."""

    def __post_init__(self) -> None:
        """Refuse data sets that do not exist and shares that leave nothing."""
        coerce_fields(self)
        row = registry.DATASETS.get(self.family)
        if row is None or row.at_path != (":" in self.name):
            require_known("name", self.name, registry.written_datasets())
        if self.size is not None:
            match = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", self.size)
            require(match is not None, "size", self.size, "HEIGHTxWIDTH such as 48x42")
        for name in ("train_fraction", "test_fraction"):
            require(0 < getattr(self, name) <= 1, name, getattr(self, name), "above 0, at most 1")
        for name in ("test_share", "member_share"):
            require(0 < getattr(self, name) < 1, name, getattr(self, name), "above 0, below 1")
        require_known("split", self.split, MEMBER_SPLITS)
        if self.split == "paper" and self.member_share != Data.member_share:
            refuse("member_share", self.member_share, "none with split = 'paper', whose members nobody draws")
        require(self.split_seed >= 0, "split_seed", self.split_seed, "0 or more")

    @property
    def family(self) -> str:
        """The name of its row: without the path of a folder."""
        return self.name.partition(":")[0]

    @property
    def path(self) -> str:
        """The PATH of `folder:PATH`; empty for a data set that lies in the data root."""
        return self.name.partition(":")[2]

    @property
    def label(self) -> str:
        """What tables call it; a folder goes by its last name, wherever it lies."""
        return printable(f"{self.family}-{PurePath(self.path).name}") if self._at_path else self.name

    @property
    def _at_path(self) -> bool:
        return registry.DATASETS[self.family].at_path

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) asked for, or None for the images' own."""
        return tuple(int(side) for side in self.size.split("x")) if self.size else None

    def identity(self) -> dict[str, Any]:
        """What changes the images; a folder counts by content, not by the place it lies in."""
        settings = without_neutral("data", dataclasses.asdict(self) | {"name": self.family})
        if not self._at_path:
            del settings["test_share"]
            if self.train_fraction == self.test_fraction == 1:
                del settings["split_seed"]
        return settings


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The views wanted, and the PGD attack behind the adversarial (untargeted, Eq 9) and the targeted one (Eq 19).

    The paper's: 20 steps of epsilon/8 from the image itself, last iterate, network in inference mode.
    """

    epsilon: float
    """l-infinity budget in pixels of [0, 1]; may differ from the one trained with."""
    steps: int = 20
    step_size: float = 0.125
    """As a multiple of epsilon."""
    views: tuple[str, ...] = (registry.BENIGN, "adversarial")
    certification: str = "ibp"
    """The method behind the certified view; its box has this epsilon."""
    temperature: float = 1.0
    """What all logits are divided by before they are answered; adversarial examples are made against the model as is.

    Guo et al. 2017; above 1 confidences flatten, while no image changes its class.
    """

    def __post_init__(self) -> None:
        """Refuse impossible attacks."""
        coerce_fields(self)
        require(0 <= self.epsilon <= 1, "epsilon", self.epsilon, "0 to 1 (pixels are in [0, 1]; write 8/255, not 8)")
        require(self.steps >= 1, "steps", self.steps, "1 or more")
        require(self.step_size > 0, "step_size", self.step_size, "above 0")
        require(self.temperature > 0, "temperature", self.temperature, "above 0")
        for view in self.views:
            require_known("views", view, registry.VIEWS)
        require_known("certification", self.certification, registry.CERTIFICATIONS)
        require(registry.BENIGN in self.views, "views", self.views, f"a list with {registry.BENIGN} in it")
        require(len(set(self.views)) == len(self.views), "views", self.views, "each view once")

    def passes_per_image(self, view: str, num_classes: int) -> float:
        """Forward and backward passes that one image costs in a view."""
        row = registry.VIEWS[view]
        if row.bounds:
            return registry.CERTIFICATIONS[self.certification].passes
        return row.questions(num_classes) * (2.0 * self.steps + 1.0 if row.attacks else 1.0)

    @property
    def certifies(self) -> bool:
        """Whether a view is asked for that bounds all others."""
        return any(registry.VIEWS[view].bounds for view in self.views)


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The membership-inference attacks and how their thresholds are drawn."""

    attacks: tuple[str, ...] = field(default_factory=registry.attacks_on)
    per_class: int = 500
    """Members and non-members of each class that its attack is fitted on; half of the smaller side if fewer."""
    splits: int = 20
    """Seeded splits into fitted and held out over which a held-out threshold's numbers are averaged."""
    network_splits: int = 3
    """The same for inference networks."""
    restarts: int = 3
    """Inference networks for each class and split, whose answers are averaged."""
    variance: str = "level"
    """Of the likelihood ratio: one for all images (`global`), one for each (`image`), between the two (`nig`), or that
    of images as hard (`level`)."""
    seed: int = 0
    """Draws the splits, the networks' first weights, and the resamples behind intervals."""

    def __post_init__(self) -> None:
        """Refuse unknown attacks."""
        coerce_fields(self)
        for attack in self.attacks:
            require_known("attacks", attack, registry.ATTACKS)
        require_known("variance", self.variance, VARIANCES)
        for name in ("per_class", "splits", "network_splits", "restarts"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")

    def asked(self) -> dict[str, dict[str, Any]]:
        """Each attack with the settings that change its numbers, which with it and the run name what it finds."""
        return {
            attack: {name: getattr(self, name) for name in registry.ATTACKS[attack].settings} for attack in self.attacks
        }


_NEUTRAL = {
    "data": {"split": "paper", "member_share": 0.5},
    "recipe": {
        "steps_rule": "",
        "decays": "kernels",
        "padding": 2,
        "label_smoothing": 0.0,
        "dropout": 0.0,
        "stop_after": 0,
        "robust_share": 1.0,
        "share_of": "batch",
    },
    "evaluation": {"temperature": 1.0},
}
"""Settings that do nothing at these values, at which they are left out of a spec."""


def without_neutral(section: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A section's settings without those that do nothing."""
    return {name: value for name, value in content.items() if _NEUTRAL[section].get(name, ...) != value}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One model: its data, network and training, and the attacks on it."""

    data: Data
    network: str
    """A family of `engine.registry`, or `module:callable` of one's own."""
    capacity: float
    """Scale of the network's width, in the family's own unit (protocol C)."""
    defense: str
    epsilon: float
    """l-infinity budget trained with; 0 for natural. Distributional training has none: its is only evaluated at."""
    seed: int
    recipe: Recipe
    evaluation: Evaluation
    inference: Inference = field(default_factory=Inference)
    network_fingerprint: str = ""
    """Hash of the source file of a network of one's own; empty for the families."""

    def __post_init__(self) -> None:
        """Refuse combinations that mean nothing."""
        require_known("defense", self.defense, registry.DEFENSES)
        settings = settings_of(self.defense)
        if isinstance(self.recipe, Mapping):
            object.__setattr__(self, "recipe", from_mapping(settings, self.recipe, "recipe"))
        coerce_fields(self)
        require(self.capacity > 0, "capacity", self.capacity, "above 0")
        require_capacity(self.network, self.capacity, math.prod(self.data.image_size or (0,)))
        require(0 <= self.epsilon <= 1, "epsilon", self.epsilon, "0 to 1 (pixels are in [0, 1]; write 8/255, not 8)")
        unbudgeted = self._row.budget == "none"
        require(not unbudgeted or self.epsilon == 0, "epsilon", self.epsilon, f"0 for the {self.defense} defense")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        if type(self.recipe) is not settings:
            refuse("recipe", type(self.recipe).__name__, settings.__name__)
        for attack in self.inference.attacks:
            if registry.ATTACKS[attack].coins and (self.data.split, self.data.member_share) != ("bernoulli", 0.5):
                fair = "on runs that draw each member by a fair coin: data.split = 'bernoulli', member_share = 0.5"
                refuse("attacks", attack, fair)

    @property
    def _row(self) -> registry.DefenseRow:
        return registry.DEFENSES[self.defense]

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Experiment":
        """The experiment that `to_dict` wrote. Frozen, so one that was just checked is not checked again."""
        try:
            return _experiment(json.dumps(mapping))
        except (TypeError, ValueError, RecursionError):  # not JSON, or refused: said of what was given
            return from_mapping(cls, mapping)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and text, without settings that do nothing."""
        content = json.loads(json.dumps(dataclasses.asdict(self)))
        return content | {section: without_neutral(section, content[section]) for section in _NEUTRAL}

    def identity(self) -> str:
        """Canonical JSON of all that changes the model's answers; what is inferred from them is named apart."""
        content = self._content()
        del content["inference"]
        if not self.evaluation.certifies:
            del content["evaluation"]["certification"]
        if self.evaluation.views == (registry.BENIGN,):
            # Nothing is attacked, so the attack's settings do not count.
            kept = ("views", "temperature")
            content["evaluation"] = {name: value for name, value in content["evaluation"].items() if name in kept}
        return _canonical(content).decode()

    @property
    def run_id(self) -> str:
        """Readable slug and content hash: `digits-pgd-c2-e0.1-s0-3f9a2c1b7d`."""
        digest = hashlib.blake2b(self.identity().encode(), digest_size=5).hexdigest()
        return f"{self.slug}-{digest}"

    @property
    def training_id(self) -> str:
        """Hash of all that the trained weights depend on: runs that share it differ in what is asked of the model."""
        content = self._content()
        del content["evaluation"], content["inference"]
        if self._row.budget == "evaluated":
            del content["epsilon"]
        return hashlib.blake2b(_canonical(content), digest_size=16).hexdigest()

    @property
    def population_id(self) -> str | None:
        """Hash of all but the seed where that draws the members: runs with the same one are each other's references."""
        if self.data.split == "paper":
            return None
        content = self._content()
        del content["inference"], content["seed"]
        return hashlib.blake2b(_canonical(content), digest_size=16).hexdigest()

    @property
    def recipe_id(self) -> str:
        """Hash of all but the seed and how it draws members: populations with the same one may have it as a target."""
        content = self._content()
        del content["inference"], content["seed"]
        for name in ("split", "member_share"):
            content["data"].pop(name, None)
        return hashlib.blake2b(_canonical(content), digest_size=16).hexdigest()

    @property
    def stack_id(self) -> str | None:
        """Hash of all but seed, members and epsilon: runs with the same one can be trained and asked as one stack."""
        if not self._row.trains:
            return None
        content = self._content()
        del content["inference"], content["seed"], content["epsilon"], content["evaluation"]["epsilon"]
        for name in ("split", "member_share"):
            content["data"].pop(name, None)
        return hashlib.blake2b(_canonical(content), digest_size=16).hexdigest()

    @property
    def bounded_by(self) -> tuple[str, ...]:
        """The methods that have to bound its network, in training and for a certified view."""
        wanted = (self._row.certification, self.evaluation.certification if self.evaluation.certifies else "")
        return tuple(dict.fromkeys(method for method in wanted if method))

    def _content(self) -> dict[str, Any]:
        """All settings; data and weights count by what they hold."""
        content = self.to_dict() | {"data": self.data.identity()}
        content["recipe"].pop("weights", None)
        return content

    @property
    def slug(self) -> str:
        """Data set, defense, capacity, epsilon and seed, short enough for a table's column and safe as a file name."""
        trained = self.epsilon and self._row.budget == "trained"
        epsilon = f"-e{self.epsilon:.4g}" if trained else ""
        label = re.sub(r"[^A-Za-z0-9]+", "-", self.data.label).strip("-")[:32]
        return f"{label}-{self.defense}-c{self.capacity:g}{epsilon}-s{self.seed}"


_experiment = lru_cache(2048)(lambda text: from_mapping(Experiment, json.loads(text)))


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


__all__ = ["Data", "Evaluation", "Experiment", "Inference", "SpecError"]
