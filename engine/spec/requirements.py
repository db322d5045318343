"""The library that only some methods of certification need: whether it is there, and how it gets there.

auto-LiRPA 0.3 runs on current releases of torch but pins old ones, so that pip cannot install it as a dependency.
"""

import importlib.util

from engine.registry import CERTIFICATIONS
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
    importlib.invalidate_caches()  # an engine that has run for days sees what was installed since
    names = [name for name in MODULES if importlib.util.find_spec(name) is None]
    return f"needs auto-LiRPA, which is not installed ({', '.join(names)} missing)" if names else ""


def require_certifier(experiment: Experiment) -> None:
    """Refuse, with the remedy, an experiment whose certified answers need what is not installed here."""
    method = experiment.evaluation.certification
    if experiment.evaluation.certifies and method in THROUGH_LIRPA and (words := missing()):
        others = " or ".join(OWN)
        raise SpecError(f"evaluation.certification: {method} {words}; {REMEDY}, or certify by {others}")
