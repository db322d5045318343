"""An attack on one run with the other runs of its population as references: facts, as of attacks on one run alone.

Thresholds are the paper's oracle, and `references`: chosen where the references themselves are the targets, so that
nothing of the target's own membership is used.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from engine.evaluation import prediction_files
from engine.evaluation.predictions import SPLITS, Predictions
from engine.inference import ranking, resampling, threshold
from engine.inference.facts import About, Outcome, Tested
from engine.inference.population.references import Population, References
from engine.inference.ranking import Ranking
from engine.registry import AttackRow
from engine.spec.experiment import Inference
from engine.validation import SpecError

LEAST = 4
"""Models of the smallest population: a target and its complement, and a reference of each side."""
JUDGES = 8
"""References that are targets themselves for the sake of a threshold, at most."""

Score = Callable[[np.ndarray, References, Inference], np.ndarray]
"""Of log-odds (images, views), references and settings: (images,), higher for members."""


def population(target: Path, others: Sequence[Path]) -> Population:
    """The answers in files by `engine.evaluation.predictions`, the target's first; `SpecError` where they do not fit.

    Others that are not there are left out. Images are told by their rows in the data set, which all files must share.
    """
    paths = [target, *(path for path in others if path != target and path.exists())]
    if len(paths) < LEAST:
        raise SpecError(f"{len(paths) - 1} other models of its population have answered; it takes {LEAST - 1} and more")
    columns = [_columns(prediction_files.load(path)) for path in paths]
    images, _, first = columns[0]
    for path, (own, _, odds) in zip(paths, columns, strict=True):
        if not np.array_equal(own, images) or odds.keys() != first.keys():
            raise SpecError(
                f"{path.parent.name}: answers in other views or about other images than {target.parent.name}"
            )
    odds = {view: np.stack([own[view] for *_, own in columns]) for view in first}
    return Population.of(odds, np.stack([member for _, member, _ in columns]))


def audit(
    whole: Population, view: str, settings: Inference, generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested]:
    """Facts of an attack in one view on the first model of a population."""
    one, score = whole.of_views(view), attack.load("score")
    about, member = About(attack.name, view, None), whole.member[0]
    known = one.references(0)
    ranked = _ranked(score(one.odds[0], known, settings), member)
    true, false = ranked.positives()
    place = int(ranking.best(true, false))
    luck = threshold.accuracy(ranked, *resampling.best_by_luck(ranked, generator))
    yield from about.oracle(Outcome.at(true, false, place), luck, float(ranked.taus[place]))
    yield from about.references(ranked, [_ranked(*each) for each in _judged(one, score, settings)])
    yield from about.curve(ranked, resampling.bootstrap(ranked, generator))
    for metric, side in (("references_in", known.inside), ("references_out", known.outside)):
        sizes = ranked.n_member, ranked.n_nonmember
        yield about.fact("references", metric, float(np.median(side.count)), None, None, sizes)


def _judged(one: Population, score: Score, settings: Inference) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores and members of references as targets, of which the target knows nothing and which know nothing of it."""
    for judge in one.usable(0)[:JUDGES]:
        yield score(one.odds[judge], one.references(int(judge), apart_from=0), settings), one.member[judge]


def _ranked(scores: np.ndarray, member: np.ndarray) -> Ranking:
    return Ranking.of(scores[member], scores[~member])


def _columns(answers: Predictions) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Rows of the images in ascending order, which of them are members, and each view's log-odds."""
    rows = np.concatenate([answers.index[split] for split in SPLITS])
    member = np.repeat([True, False], [len(answers.index[split]) for split in SPLITS])
    order = np.argsort(rows, kind="stable")
    odds = {
        view: np.concatenate([splits[split].margin(answers.labels[split]) for split in SPLITS])[order]
        for view, splits in answers.views.items()
    }
    return rows[order], member[order], odds
