"""What the guesses about one model say of its differential privacy (Steinke, Nasr and Jagielski, NeurIPS 2023).

Sound only where a fair coin of its own made each image a member: of runs that drew them otherwise it is not asked.
"""

from collections.abc import Iterator

import numpy as np

from engine.inference.facts import About, Tested
from engine.inference.population import epsilon
from engine.inference.population.audit import known, sides
from engine.inference.population.references import Population
from engine.registry import AttackRow
from engine.spec.experiment import Inference

GUESSES = 0.05
"""Share of all images that are guessed to be members, those of the highest scores: fixed before anything is seen."""


def audit(
    whole: Population, view: str, settings: Inference, _generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested]:
    """The lower end of epsilon, and the guesses behind it."""
    target, _ = known(whole.of_views(view))
    scores = attack.load("score")(target.odds, target.references, settings)
    guesses = max(1, round(GUESSES * len(scores)))
    right = int(target.member[np.argsort(-scores, kind="stable")[:guesses]].sum())
    about, sizes = About(attack.name, view, None), (int(target.member.sum()), int((~target.member).sum()))
    bound = epsilon.one_run(guesses, right, len(scores))
    for metric, value in (("epsilon", bound), ("guesses", guesses), ("guesses_right", right)):
        yield about.fact("none", metric, value, None, None, sizes)
    yield from sides(about, target)
