"""A threshold on one score for all classes; on the confidence it is I_B, I_A (and I_V) of the paper, Eq 12-15.

Reported with the paper's oracle threshold (chosen and reported on all examples) and held out (chosen on one half of
members and non-members, reported on the other), beside the whole curve of thresholds.
"""

from collections.abc import Iterator

import numpy as np

from engine.evaluation.predictions import Predictions
from engine.inference import ranking, resampling
from engine.inference.facts import About, Outcome, Repeated, Tested
from engine.inference.ranking import Ranking
from engine.inference.scores import ViewScores
from engine.registry import AttackRow
from engine.spec.experiment import Inference


def audit(
    predictions: Predictions, view: str, settings: Inference, generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested]:
    """Facts of one threshold for all classes."""
    scores = ViewScores.of(predictions, view, attack.load("score"))
    ranked, about = Ranking.of(scores.member, scores.nonmember), About(attack.name, view, None)
    true, false = ranked.positives()
    place = int(ranking.best(true, false))
    luck = accuracy(ranked, *resampling.best_by_luck(ranked, generator))
    yield from about.oracle(Outcome.at(true, false, place), luck, float(ranked.taus[place]))
    fitted = ranked.n_member // 2, ranked.n_nonmember // 2
    if min(fitted):
        found = resampling.held_out(ranked, fitted, settings.splits, generator)
        yield from about.held_out(Repeated(*found, fitted, (ranked.n_member, ranked.n_nonmember)))
    yield from about.curve(ranked, resampling.bootstrap(ranked, generator))


def accuracy(ranked: Ranking, true: np.ndarray, false: np.ndarray) -> np.ndarray:
    """Balanced accuracy (Eq 15) of true and false positives among all examples."""
    return 0.5 * (true / ranked.n_member + 1.0 - false / ranked.n_nonmember)
