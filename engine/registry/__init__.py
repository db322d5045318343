"""Every data set, network, defense, view and inference attack there is: a row each, in the order of tables.

No torch, numpy or scikit-learn: a row names its code as `module:object`, imported when used (`RegistryRow.load`). Other
packages add rows by entry points, see `engine/extending.md`.
"""

from engine.registry.attacks import ATTACKS, HEADLINE
from engine.registry.certifications import CERTIFICATIONS
from engine.registry.datasets import DATASETS
from engine.registry.defenses import DEFENSES, NATURAL
from engine.registry.networks import NETWORKS
from engine.registry.rows import (
    LEFT_OUT,
    AttackRow,
    CertificationRow,
    DatasetRow,
    DefenseRow,
    NetworkRow,
    Registry,
    ViewRow,
)
from engine.registry.views import BENIGN, CERTIFIED, VIEWS

__all__ = [
    "ATTACKS",
    "BENIGN",
    "CERTIFICATIONS",
    "CERTIFIED",
    "DATASETS",
    "DEFENSES",
    "HEADLINE",
    "NATURAL",
    "NETWORKS",
    "VIEWS",
    "AttackRow",
    "CertificationRow",
    "DatasetRow",
    "DefenseRow",
    "NetworkRow",
    "Registry",
    "ViewRow",
]


def written_datasets() -> list[str]:
    """Data sets as a sweep file names them: those at a path as NAME:PATH."""
    return [row.written for row in DATASETS.values()]


def training_defenses() -> list[str]:
    """Defenses that train; the others' weights come trained."""
    return [name for name, row in DEFENSES.items() if row.trains]


def attacks_on(split: str = "paper", share: float = 0.5) -> tuple[str, ...]:
    """Inference attacks on a run whose members are drawn so; where nobody draws them, there is no population."""
    fair = (split, share) == ("bernoulli", 0.5)
    return tuple(
        name for name, row in ATTACKS.items() if (split != "paper" or not row.references) and (fair or not row.coins)
    )


def left_out() -> list[str]:
    """Entry points that gave no row, after a look at all of them."""
    for rows in (DATASETS, NETWORKS, DEFENSES, VIEWS, ATTACKS):
        len(rows)
    return LEFT_OUT


def headline_views() -> tuple[str, ...]:
    """Views whose numbers stand in the list of runs."""
    return tuple(view for view, row in VIEWS.items() if row.headline)
