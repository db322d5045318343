"""What rows of the registry need besides torch and numpy: whether it is there, and how auto_LiRPA gets there.

auto-LiRPA 0.3 runs on current releases of torch but pins old ones, so that pip cannot install it as a dependency.
"""

import importlib.util
from collections.abc import Iterable
from functools import cache

from engine.registry import ATTACKS, CERTIFICATIONS, DATASETS, DEFENSES, NETWORKS, VIEWS
from engine.spec.experiment import Experiment
from engine.validation import SpecError

OWN = tuple(method for method, row in CERTIFICATIONS.items() if not row.needs)
"""Methods that are code of our own."""
THROUGH_LIRPA = tuple(method for method, row in CERTIFICATIONS.items() if row.needs)
"""Methods of auto_LiRPA."""
MODULES = CERTIFICATIONS[THROUGH_LIRPA[0]].needs
"""It, and what it imports besides what we depend on ourselves."""
REMEDY = "pip install appdirs tqdm && pip install --no-deps auto-LiRPA==0.3"


def missing() -> str:
    """What auto_LiRPA lacks to be used, in words; '' where all is installed. Nothing is imported."""
    names = _absent(MODULES)
    return f"needs auto-LiRPA, which is not installed ({', '.join(names)} missing)" if names else ""


def require_installed(experiments: Iterable[Experiment]) -> None:
    """Refuse those whose data set, network, defense, views or attacks, or whose certification need what is not here."""
    absent = cache(_absent)  # one look for all of them
    for experiment in experiments:
        method = experiment.evaluation.certification
        if experiment.evaluation.certifies and method in THROUGH_LIRPA and absent(MODULES):
            others = " or ".join(OWN)
            raise SpecError(f"evaluation.certification: {method} {missing()}; {REMEDY}, or certify by {others}")
        for rows, asked in (
            (DATASETS, (experiment.data.family,)),
            (NETWORKS, (experiment.network,)),
            (DEFENSES, (experiment.defense,)),
            (VIEWS, experiment.evaluation.views),
            (ATTACKS, experiment.inference.attacks),
        ):
            for row in (rows[name] for name in asked if name in rows):
                if names := absent(row.needs):
                    raise SpecError(f"{row.name}: needs {', '.join(names)}, which cannot be imported here")


def _absent(modules: tuple[str, ...]) -> list[str]:
    importlib.invalidate_caches()  # an engine that has run for days sees what was installed since
    return [name for name in modules if importlib.util.find_spec(name) is None]
