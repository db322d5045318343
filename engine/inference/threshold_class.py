"""A threshold on one score for each class (section 5.2.5 of the paper, protocol A).

Held out: each class's threshold is chosen on k of its members and k of its non-members and reported on the rest; k is
500, or half of the smaller side. Oracle: chosen and reported on all of the class. The row without a class adds up the
classes' counts; its AUC compares members with non-members of the same class only.
"""

from collections.abc import Iterator

import numpy as np

from engine.evaluation.predictions import Predictions
from engine.inference import ranking, resampling
from engine.inference.facts import About, Outcome, Repeated, Tested
from engine.inference.ranking import Ranking
from engine.inference.scores import ViewScores, by_class, fitting_size
from engine.inference.threshold import accuracy
from engine.registry import AttackRow
from engine.spec.experiment import Inference


def audit(
    predictions: Predictions, view: str, settings: Inference, generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested]:
    """Facts per class and for all classes together; a class with no example on one side is left out."""
    scores = ViewScores.of(predictions, view, attack.load("score"))
    outcomes, lucky, repeated, areas = [], [], [], []
    for label, members, nonmembers in by_class(scores.member_label, scores.nonmember_label):
        ranked = Ranking.of(scores.member[members], scores.nonmember[nonmembers])
        about = About(attack.name, view, label)
        true, false = ranked.positives()
        place = int(ranking.best(true, false))
        outcomes.append(Outcome.at(true, false, place))
        lucky.append(resampling.best_by_luck(ranked, generator))
        yield from about.oracle(outcomes[-1], accuracy(ranked, *lucky[-1]), float(ranked.taus[place]))
        if k := fitting_size(len(members), len(nonmembers), settings.per_class):
            found = resampling.held_out(ranked, (k, k), settings.splits, generator)
            repeated.append(Repeated(*found, (k, k), (len(members), len(nonmembers))))
            yield from about.held_out(repeated[-1])
        resampled = resampling.bootstrap(ranked, generator)
        areas.append((ranked.n_member * ranked.n_nonmember, ranking.auc(true, false), resampled[0]))
        yield from about.curve(ranked, resampled)
    about = About(attack.name, view, None)
    if outcomes:
        pooled = sum(outcomes[1:], outcomes[0])
        true, false = (np.sum(counts, axis=0) for counts in zip(*lucky, strict=True))
        luck = 0.5 * (true / pooled.n_member + 1.0 - false / pooled.n_nonmember)
        yield from about.oracle(pooled, luck, None)
        pairs, values, resampled = (np.array(column) for column in zip(*areas, strict=True))
        area, interval = np.average(values, weights=pairs), np.average(resampled, weights=pairs, axis=0)
        examples = pooled.n_member, pooled.n_nonmember
        yield about.area(area, interval, examples)
    if repeated:
        yield from about.held_out(sum(repeated[1:], repeated[0]))
