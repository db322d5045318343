import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.inference import resampling
from engine.inference.intervals import oracle_by_luck
from engine.inference.ranking import Ranking


def samples(n_member, n_nonmember, shift=0.5, decimals=None, seed=0):
    """Sorted, as a ranking has them; `decimals` makes ties."""
    generator = np.random.default_rng(seed)
    sides = np.sort(generator.normal(shift, 1, n_member)), np.sort(generator.normal(0, 1, n_nonmember))
    return sides if decimals is None else tuple(side.round(decimals) for side in sides)


def standard_error_of_delong(member, nonmember):
    """DeLong, DeLong and Clarke-Pearson (1988), from the placement of every example among the other side."""
    wins = (member[:, None] > nonmember) + 0.5 * (member[:, None] == nonmember)
    return np.sqrt(wins.mean(axis=1).var(ddof=1) / len(member) + wins.mean(axis=0).var(ddof=1) / len(nonmember))


def standard_error_of_hanley_mcneil(member, nonmember):
    """Hanley and McNeil (1982), Eq 1 with their approximations of Q1 and Q2."""
    n, m = len(member), len(nonmember)
    area = roc_auc_score(np.repeat([1, 0], [n, m]), np.concatenate([member, nonmember]))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    return np.sqrt((area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)) / (n * m))


def chosen_and_reported(member, nonmember, in_fit):
    """The smallest of the best taus among the fitted scores, all others unseen; a guess is to call all members."""
    fit = [side[mask] for side, mask in zip((member, nonmember), in_fit, strict=True)]
    rest = [side[~mask] for side, mask in zip((member, nonmember), in_fit, strict=True)]
    most, chosen = 0, -np.inf
    for tau in np.unique(np.concatenate(fit)):
        gain = (fit[0] >= tau).sum() * len(fit[1]) - (fit[1] >= tau).sum() * len(fit[0])
        if gain > most:
            most, chosen = gain, tau
    return [int((side >= chosen).sum()) for side in rest]


@pytest.mark.parametrize(("sizes", "fitted"), [((60, 40), (30, 20)), ((50, 14), (7, 7)), ((5, 2), (1, 1))])
@pytest.mark.parametrize("decimals", [None, 1])
def test_held_out_equals_a_plain_loop_with_the_same_masks(recorder, sizes, fitted, decimals):
    member, nonmember = samples(*sizes, decimals=decimals)
    true, false = resampling.held_out(Ranking.of(member, nonmember), fitted, 50, recorder)
    masks = [mask.astype(bool) for mask in recorder.drawn]
    assert [set(mask.sum(axis=1).tolist()) for mask in masks] == [{k} for k in fitted]
    wanted = [chosen_and_reported(member, nonmember, in_fit) for in_fit in zip(*masks, strict=True)]
    assert np.column_stack([true, false]).tolist() == wanted


def test_held_out_reports_on_the_rest_alone():
    ranked = Ranking.of(np.ones(30), np.ones(20))  # all tied: everybody is called a member
    true, false = resampling.held_out(ranked, (10, 5), 7, np.random.default_rng(0))
    assert true.tolist() == [20] * 7
    assert false.tolist() == [15] * 7


def test_held_out_fits_on_everybody_equally_often(recorder):
    resampling.held_out(Ranking.of(*samples(20, 10)), (5, 5), 2000, recorder)
    for mask, share in zip(recorder.drawn, (0.25, 0.5), strict=True):
        assert np.abs(mask.mean(axis=0) - share).max() < 5 * np.sqrt(share * (1 - share) / 2000)


@pytest.mark.parametrize("decimals", [None, 0])
def test_luck_equals_the_mean_over_every_way_to_draw_membership(decimals):
    member, nonmember = samples(5, 3, decimals=decimals)
    everybody, exact = np.concatenate([member, nonmember]), []
    for drawn in itertools.combinations(range(8), 5):
        mask = np.isin(np.arange(8), drawn)
        ranked = Ranking.of(everybody[mask], everybody[~mask])
        true, false = ranked.positives()
        exact.append((true / 5 - false / 3).max())
    true, false = resampling.best_by_luck(Ranking.of(member, nonmember), np.random.default_rng(0))
    found = true / 5 - false / 3
    assert abs(found.mean() - np.mean(exact)) < 4 * np.std(exact) / np.sqrt(len(found))
    assert set(found.round(9)) <= set(np.round(exact, 9))


@pytest.mark.parametrize("sizes", [(1900, 514), (1000, 1000), (4000, 800)])
def test_luck_of_many_untied_scores_is_the_closed_form(sizes):
    ranked = Ranking.of(*samples(*sizes, shift=3.0))  # leakage does not matter: membership is drawn anew
    true, false = resampling.best_by_luck(ranked, np.random.default_rng(0))
    luck = 0.5 * (true / sizes[0] + 1 - false / sizes[1])
    mean, p95 = oracle_by_luck(*sizes)
    error = luck.std() / np.sqrt(len(luck))
    assert abs(luck.mean() - mean) < 4 * error
    assert abs(np.quantile(luck, 0.95) - p95) < 4 * 2.5 * error


@pytest.mark.parametrize("decimals", [None, 1])
def test_bootstrap_equals_a_plain_loop_with_the_same_draws(recorder, decimals, monkeypatch):
    monkeypatch.setattr(resampling, "BOOTSTRAPS", 60)
    member, nonmember = samples(37, 23, decimals=decimals)
    areas, *_ = resampling.bootstrap(Ranking.of(member, nonmember), recorder)
    for area, first, second in zip(areas, *recorder.drawn[:2], strict=True):
        again = np.concatenate([member[first], nonmember[second]])
        assert area == pytest.approx(roc_auc_score(np.repeat([1, 0], [37, 23]), again), abs=1e-12)


@pytest.mark.parametrize("decimals", [None, 1])
def test_what_a_rate_finds_stands_between_the_others_that_may_be_above_it(recorder, decimals):
    member, nonmember = samples(400, 300, decimals=decimals)
    found = resampling.found_at(Ranking.of(member, nonmember), 0.01, recorder)
    above, _, _ = recorder.drawn
    tops = np.concatenate([[np.inf], nonmember[::-1]])
    fewest, most = ((member[:, None] > tops[above + more]).mean(axis=0) for more in (0, 1))
    error = 5 * np.sqrt((most + 0.01) / 400)
    assert (fewest - error < found).all()
    assert (found < most + error).all()
    assert above.mean() == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize(("sizes", "shift"), [((400, 300), 0.0), ((1900, 514), 0.7), ((150, 900), 2.0)])
def test_spread_of_the_resampled_auc_is_the_known_standard_error(sizes, shift):
    member, nonmember = samples(*sizes, shift=shift)
    areas, *_ = resampling.bootstrap(Ranking.of(member, nonmember), np.random.default_rng(0))
    assert areas.std(ddof=1) == pytest.approx(standard_error_of_delong(member, nonmember), rel=0.1)
    if shift == 0.0:  # where Hanley and McNeil's Q1 and Q2 are exact
        assert areas.std(ddof=1) == pytest.approx(standard_error_of_hanley_mcneil(member, nonmember), rel=0.1)
    true_area = roc_auc_score(np.repeat([1, 0], sizes), np.concatenate([member, nonmember]))
    assert abs(areas.mean() - true_area) < 4 * areas.std() / np.sqrt(len(areas))


@pytest.mark.parametrize("chunk", [1, 700, 1000, 3210, 1 << 19])
def test_chunks_change_no_number_of_replicates(monkeypatch, chunk):
    monkeypatch.setattr(resampling, "CHUNK", chunk)
    monkeypatch.setattr(resampling, "BOOTSTRAPS", 41)
    monkeypatch.setattr(resampling, "PERMUTATIONS", 23)
    ranked, generator = Ranking.of(*samples(60, 40, decimals=1)), np.random.default_rng(0)
    assert [len(column) for column in resampling.bootstrap(ranked, generator)] == [41] * 3
    assert [len(column) for column in resampling.best_by_luck(ranked, generator)] == [23] * 2
    assert [len(column) for column in resampling.held_out(ranked, (30, 20), 17, generator)] == [17] * 2


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (5, 1)])
def test_the_smallest_samples_have_numbers(sizes):
    ranked = Ranking.of(*samples(*sizes))
    for values in resampling.bootstrap(ranked, np.random.default_rng(0)):
        assert ((values >= 0) & (values <= 1)).all()
    assert all((counts >= 0).all() for counts in resampling.best_by_luck(ranked, np.random.default_rng(0)))
