"""How each defense trains on each data set: the paper's numbers, and quick ones for two CPU cores.

The settings of a defense are one frozen dataclass; a data set's numbers are one row of a table. A sweep file may
override any field under `[recipe]`. Source of every `paper` number: the authors' code, protocol B0 and B1.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.validation import coerce_fields, from_mapping, require, require_known


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Optimiser, schedule and batches: all that natural training needs."""

    steps: int
    """Optimiser updates."""
    batch_size: int
    """Images per update; the incomplete last batch of a pass is dropped."""
    optimizer: str
    """`adam`, or `sgd` with the momentum below."""
    learning_rate: float
    milestones: tuple[int, ...] = ()
    """Steps after which the next factor applies; at the milestone itself the old rate still holds."""
    factors: tuple[float, ...] = ()
    """Learning rate relative to the first one, after each milestone."""
    momentum: float = 0.9
    """SGD only, without Nesterov."""
    weight_decay: float = 0.0
    """Factor w of w/2 * ||kernel||^2 added to the mean loss; biases and BatchNorm are not decayed."""
    augmentation: str = "none"
    """`none`, or `crop-flip`: zero-pad 2 pixels a side, random crop, random horizontal flip."""
    precision: str = "float32"
    """`float32`, or on CUDA `tf32` or `bfloat16` autocast; sign steps, clamps and evaluation stay float32."""
    channels_last: bool = False
    """Memory layout of images and kernels on CUDA."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        coerce_fields(self)
        for field in ("steps", "batch_size"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        require_known("optimizer", self.optimizer, ("adam", "sgd"))
        require(self.learning_rate > 0, "learning_rate", self.learning_rate, "above 0")
        require(list(self.milestones) == sorted(set(self.milestones)), "milestones", self.milestones, "growing steps")
        require(
            len(self.factors) == len(self.milestones),
            "factors",
            self.factors,
            f"one for each of the {len(self.milestones)} milestones",
        )
        require(0 <= self.momentum < 1, "momentum", self.momentum, "0 to below 1")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        require_known("augmentation", self.augmentation, ("none", "crop-flip"))
        require_known("precision", self.precision, ("float32", "tf32", "bfloat16"))

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update number `step`, counted from 0."""
        passed = sum(step > milestone for milestone in self.milestones)
        return self.learning_rate * (self.factors[passed - 1] if passed else 1.0)

    @property
    def passes_per_image(self) -> float:
        """Forward and backward passes that one training image costs; a backward to the weights counts one more."""
        return 3.0


@dataclass(frozen=True, kw_only=True)
class PGDRecipe(Recipe):
    """Adversarial training on untargeted PGD examples only (Madry et al. 2018; protocol B1)."""

    attack_steps: int = 10
    attack_step_size: float = 0.2
    """Step size as a multiple of the epsilon in force."""
    random_start: bool = True
    """Start uniformly in the epsilon ball instead of at the image."""
    clip_start: bool = True
    """Keep the random start within [0, 1]; the paper's Yale and Fashion-MNIST code clips after the first step only."""
    epsilon_warmup: int = 0
    """Updates over which epsilon grows linearly from 0 to its value."""
    attack_batchnorm: str = "eval"
    """`train`: BatchNorm uses and updates batch statistics inside the attack, as the paper's CIFAR-10 code; `eval`."""

    def __post_init__(self) -> None:
        """Refuse an attack that cannot be made."""
        super().__post_init__()
        require(self.attack_steps >= 1, "attack_steps", self.attack_steps, "1 or more")
        require(self.attack_step_size > 0, "attack_step_size", self.attack_step_size, "above 0")
        require(self.epsilon_warmup >= 0, "epsilon_warmup", self.epsilon_warmup, "0 or more")
        require_known("attack_batchnorm", self.attack_batchnorm, ("train", "eval"))

    def epsilon_at(self, step: int, epsilon: float) -> float:
        """Attack budget of the update number `step`, counted from 0; the full one from the end of the warm-up on."""
        if step >= self.epsilon_warmup:
            return epsilon
        return epsilon * step / max(self.epsilon_warmup - 1, 1)

    @property
    def passes_per_image(self) -> float:
        """One forward and one backward to the input for each attack step, then a training step."""
        return 2.0 * self.attack_steps + 3.0


DEFENSES: dict[str, type[Recipe]] = {"natural": Recipe, "pgd": PGDRecipe}
"""Training methods by name, with the settings each one takes."""

VIEWS: dict[str, tuple[str, ...]] = dict.fromkeys(DEFENSES, ("benign", "adversarial", "targeted"))
"""Views that a model of each defense can be asked for."""

EPSILON = {"digits": 0.1, "yale": 8 / 255, "fashion-mnist": 0.1, "cifar10": 8 / 255, "folder": 8 / 255}
"""The l-infinity budget used where a sweep names none; pixels are in [0, 1]."""

NETWORK = {
    "digits": "small-cnn",
    "yale": "yale-cnn",
    "fashion-mnist": "fashion-cnn",
    "cifar10": "wide-resnet",
    "folder": "wide-resnet",
}
"""The network family used where a sweep names none."""

CAPACITY = {"digits": 2.0, "yale": 8.0, "fashion-mnist": 16.0, "cifar10": 10.0, "folder": 1.0}
"""The capacity used where a sweep names none: the original scale of the paper's networks."""

_YALE = {
    "steps": 20001,
    "batch_size": 20,
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "milestones": (10000, 15000),
    "factors": (0.5, 0.1),
    "weight_decay": 1e-5,
    "attack_steps": 10,
    "attack_step_size": 0.2,
    "clip_start": False,
    "epsilon_warmup": 1000,
}
_FASHION = {
    "steps": 80001,
    "batch_size": 100,
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "milestones": (50000, 65000),
    "factors": (0.1, 0.01),
    "weight_decay": 2e-6,
    "attack_steps": 8,
    "attack_step_size": 0.2,
    "clip_start": False,
}
_CIFAR = {
    "steps": 80001,
    "batch_size": 128,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "milestones": (40000, 60000),
    "factors": (0.1, 0.01),
    "weight_decay": 2e-4,
    "augmentation": "crop-flip",
    "attack_steps": 10,
    "attack_step_size": 0.25,
    "attack_batchnorm": "train",
}
_DIGITS = {
    "steps": 750,
    "batch_size": 100,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "milestones": (550,),
    "factors": (0.1,),
    "attack_steps": 5,
    "attack_step_size": 0.3,
    "epsilon_warmup": 50,
}
# Small networks stay at chance unless epsilon grows slowly: on Yale at capacity 1, warm-ups of 150 to 700 updates of
# 1500 ended at 2.6 % (a guess), 1200 of 2000 at 92 % train accuracy; on CIFAR-10 at capacity 0.5, 50 of 900 at 10 %.
_QUICK = {"learning_rate": 1e-3, "attack_steps": 5, "attack_step_size": 0.3, "weight_decay": 0.0}

RECIPES: dict[str, dict[str, Mapping[str, Any]]] = {
    "paper": {"digits": _DIGITS, "yale": _YALE, "fashion-mnist": _FASHION, "cifar10": _CIFAR, "folder": _CIFAR},
    "quick": {
        "digits": _DIGITS,
        "yale": _YALE | _QUICK | {"steps": 2000, "milestones": (1600,), "factors": (0.1,), "epsilon_warmup": 1200},
        "fashion-mnist": _FASHION
        | _QUICK
        | {"steps": 900, "batch_size": 50, "milestones": (700,), "factors": (0.1,), "epsilon_warmup": 500},
        "cifar10": _CIFAR
        | _QUICK
        | {"steps": 900, "batch_size": 50, "optimizer": "adam", "milestones": (700,), "factors": (0.1,)}
        | {"augmentation": "none", "epsilon_warmup": 500},
    },
}
RECIPES["quick"]["folder"] = RECIPES["quick"]["cifar10"]
SCALES = tuple(RECIPES)


def recipe_for(defense: str, dataset: str, scale: str, overrides: dict[str, Any]) -> Recipe:
    """The recipe of one defense on one data-set family.

    Overriding `steps` alone keeps the schedule's shape: milestones and warm-up shrink or grow in proportion.
    Overrides that this defense has no use for are left to the defenses of the same sweep that have.
    """
    cls = DEFENSES[defense]
    values = dict(RECIPES[scale][dataset])
    if isinstance(steps := overrides.get("steps"), int):
        ratio = steps / values["steps"]
        values["milestones"] = tuple(dict.fromkeys(round(step * ratio) for step in values["milestones"]))
        values["factors"] = values["factors"][len(values["factors"]) - len(values["milestones"]) :]
        values["epsilon_warmup"] = round(values.get("epsilon_warmup", 0) * ratio)
    known = {field.name for field in dataclasses.fields(cls)}
    return from_mapping(cls, {name: value for name, value in (values | overrides).items() if name in known}, "recipe")


def known_overrides() -> set[str]:
    """Every key that `[recipe]` may hold for some defense."""
    return {field.name for cls in DEFENSES.values() for field in dataclasses.fields(cls)}
