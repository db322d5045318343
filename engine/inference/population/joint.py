"""The joint attack: LiRA's log-ratios of a view and of those before it, added up with weights.

The weights are those of the logistic regression that tells members best where references are the targets, so nothing
of the target's membership chooses among its views. Were the views independent the weights would be one; where one says
all that the others say, it alone has weight.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.events import ImageScores
from engine.inference.facts import About, Tested
from engine.inference.population import lira
from engine.inference.population.audit import known, told
from engine.inference.population.references import Population, References
from engine.registry import VIEWS, AttackRow
from engine.spec.experiment import Inference

MOST = 30.0
"""Log-ratios are clipped there while weights are fitted: surer than this is sure."""
STEPS = 25
RIDGE = 1.0


def audit(
    whole: Population, view: str, settings: Inference, generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested | ImageScores]:
    """Facts of a view together with those before it in the registry; of the first there are none."""
    ordered = [each for each in VIEWS if each in whole.views]
    views = ordered[: ordered.index(view) + 1]
    if len(views) == 1:
        return
    target, judges = known(whole.of_views(*views))
    pairs = [(log_ratios(judge.odds, judge.references, settings), judge.member) for judge in judges]
    weights = fitted(pairs) if pairs else np.ones(len(views))

    def score(odds: np.ndarray, references: References) -> np.ndarray:
        return log_ratios(odds, references, settings) @ weights

    yield from told(About(attack.name, view, None), target, judges, score, generator)


def log_ratios(odds: np.ndarray, references: References, settings: Inference) -> np.ndarray:
    """(images, views): LiRA's of each view by itself."""
    columns = range(odds.shape[1])
    return np.stack([lira.attack(odds[:, [own]], references.of_view(own), settings) for own in columns], axis=1)


def fitted(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(views,): weights of a logistic regression of membership, by Newton's method; pairs of ratios and members."""
    ratios = np.clip(np.concatenate([own for own, _ in pairs]), -MOST, MOST)
    member = np.concatenate([own for _, own in pairs])
    columns = np.column_stack([ratios, np.ones(len(ratios))])
    found = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -MOST, MOST)))
        slope = columns.T @ (member - chance) - RIDGE * found
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + RIDGE * np.eye(len(found))
        found += np.linalg.solve(bend, slope)
    return found[:-1]
