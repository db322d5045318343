"""An attack on one run with the other runs of its population as references: facts, as of attacks on one run alone.

Thresholds are the paper's oracle, and `references`: chosen where the references themselves are the targets, so that
nothing of the target's own membership is used.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from engine.events import ImageScores
from engine.inference import ranking, resampling, threshold
from engine.inference.facts import About, Outcome, Tested
from engine.inference.intervals import chance_of_difference, difference_interval, wilson_interval
from engine.inference.population import epsilon
from engine.inference.population.references import Population, References, Target
from engine.inference.ranking import Ranking
from engine.inference.resampling import LOW_RATES
from engine.registry import AttackRow
from engine.spec.experiment import Inference
from engine.validation import SpecError

RATES = (*LOW_RATES, 0.0001)
"""False positive rates at which the true positive rate is told, where there are non-members enough for one mistake."""
PRIORS = (0.01, 0.1, 0.5)
"""Shares of members, before an answer is seen, at which it is told what an accusation is worth."""
ACCUSED_AT = 0.01
"""The rate at which an image counts as found, and of the threshold behind epsilon: one fixed beforehand."""

Score = Callable[[np.ndarray, References], np.ndarray]
"""Of log-odds (images, views) and references: (images,), higher for members."""


def audit(
    whole: Population, view: str, settings: Inference, generator: np.random.Generator, attack: AttackRow
) -> Iterator[Tested | ImageScores]:
    """Facts of an attack in one view on the first model of a population, and the score of each image."""
    score = attack.load("score")
    target, judges = known(whole.of_views(view))
    yield from told(About(attack.name, view, None), target, judges, lambda *about: score(*about, settings), generator)


def known(whole: Population) -> tuple[Target, list[Target]]:
    """The first model as the target, and references as targets for the sake of thresholds, who know as much."""
    target = whole.target(0)
    if not target.references.enough:
        raise SpecError("for most images there is no reference that did not train on them")
    judges = list(target.references.judges())
    return target, [judge for judge in judges if judge.references.online == target.references.online]


def told(
    about: About, target: Target, judges: Sequence[Target], score: Score, generator: np.random.Generator
) -> Iterator[Tested | ImageScores]:
    """Facts of a score on a target, with thresholds of its own and of the judges; the scores come last."""
    scores = score(target.odds, target.references)
    ranked = _ranked(scores, target.member)
    true, false = ranked.positives()
    place = int(ranking.best(true, false))
    best = Outcome.at(true, false, place)
    luck = threshold.accuracy(ranked, *resampling.best_by_luck(ranked, generator))
    yield from about.oracle(best, luck, float(ranked.taus[place]))
    yield from _worth(about, "oracle", best)
    rates = [rate for rate in RATES if ranking.allowed(rate, ranked.n_nonmember)]
    judged = [_ranked(score(judge.odds, judge.references), judge.member) for judge in judges]
    if judged:
        yield from _elsewhere(about, ranked, _together(judged), rates)
    yield from about.curve(ranked, resampling.bootstrap(ranked, generator, rates), rates=rates)
    yield from sides(about, target)
    rule, chosen_on = ("references", _together(judged)) if judged else ("oracle", ranked)
    tau = _keeping(ACCUSED_AT, chosen_on)
    columns = target.images.astype(np.int32), target.member, scores.astype(np.float32), scores >= tau
    yield ImageScores(about.attack, about.view, rule, *columns)


def sides(about: About, target: Target) -> Iterator[Tested]:
    """How many references stand behind the numbers: those that trained on an image, and others, in the median."""
    sizes = int(target.member.sum()), int((~target.member).sum())
    for metric, side in (("references_in", target.references.inside), ("references_out", target.references.outside)):
        yield about.fact("references", metric, float(np.median(side.count)), None, None, sizes)


def _elsewhere(about: About, ranked: Ranking, pooled: Ranking, rates: Sequence[float]) -> Iterator[Tested]:
    """Thresholds chosen where other models are the targets: the best one, and those that keep low rates there."""
    counts, sizes = pooled.positives(), (ranked.n_member, ranked.n_nonmember)
    best = _at(ranked, float(pooled.taus[int(ranking.best(*counts))]))
    yield from about.outcome("references", best, difference_interval(best), sizes, chance_of_difference(best))
    yield from _worth(about, "references", best)
    for rate in rates:
        found = _at(ranked, _keeping(rate, pooled))
        for metric, share, of, n in (
            ("tpr_at_fpr", found.tpr, found.true_positives, found.n_member),
            ("fpr_used", found.fpr, found.false_positives, found.n_nonmember),
        ):
            yield about.fact("references", f"{metric}_{rate:g}", share, wilson_interval(of, n), None, sizes)
        if rate == ACCUSED_AT:
            known = found.true_positives, found.n_member, found.false_positives, found.n_nonmember
            yield about.fact("references", "epsilon", epsilon.from_rates(*known), None, None, sizes)
            yield about.fact("references", "mu", epsilon.gaussian(*known), None, None, sizes)


def _worth(about: About, rule: str, outcome: Outcome) -> Iterator[Tested]:
    """PPV: the chance that one who is called a member is one; none where nobody is called so.

    Its interval holds wherever Wilson's of both rates do.
    """
    if outcome.true_positives + outcome.false_positives == 0:
        return
    tpr = wilson_interval(outcome.true_positives, outcome.n_member)
    fpr = wilson_interval(outcome.false_positives, outcome.n_nonmember)
    for prior in PRIORS:
        value, low, high = (
            prior * right / (prior * right + (1 - prior) * wrong)
            for right, wrong in ((outcome.tpr, outcome.fpr), (tpr[0], fpr[1]), (tpr[1], fpr[0]))
        )
        sizes = int(outcome.n_member), int(outcome.n_nonmember)
        yield about.fact(rule, f"ppv_{prior:g}", value, (low, high), None, sizes)


def _ranked(scores: np.ndarray, member: np.ndarray) -> Ranking:
    return Ranking.of(scores[member], scores[~member])


def _keeping(rate: float, ranked: Ranking) -> float:
    """The lowest threshold that accuses no larger share of the others."""
    few = np.flatnonzero(ranked.positives()[1] <= ranking.allowed(rate, ranked.n_nonmember))
    return float(ranked.taus[few[0]]) if few.size else np.inf


def _together(rankings: Sequence[Ranking]) -> Ranking:
    """The examples of several rankings as those of one."""
    scores = [np.repeat(each.taus, np.diff(np.append(each.starts, len(each.is_member)))) for each in rankings]
    sides = [
        [own[side] for own, side in zip(scores, chosen, strict=True)]
        for chosen in ([each.is_member for each in rankings], [~each.is_member for each in rankings])
    ]
    return Ranking.of(*(np.concatenate(side) for side in sides))


def _at(ranked: Ranking, tau: float) -> Outcome:
    """What `score >= tau` does."""
    true, false = (np.append(counts, 0) for counts in ranked.positives())
    return Outcome.at(true, false, int(np.searchsorted(ranked.taus, tau)))
