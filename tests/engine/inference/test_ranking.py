from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score, roc_curve

from engine.inference import ranking
from engine.inference.ranking import Ranking

SIZES = st.integers(1, 30)
TIED = arrays(np.float64, SIZES, elements=st.sampled_from([-np.inf, -3.0, 0.0, 0.25, 0.5, 0.75, 0.999, 1.0, np.inf]))
UNTIED = arrays(np.float64, SIZES, elements=st.floats(allow_nan=False))
SCORES = TIED | UNTIED
COUNTS = st.integers(0, 3)


def positives_by_counting(member, nonmember):
    taus = sorted({*member.tolist(), *nonmember.tolist()})
    return taus, [int((member >= tau).sum()) for tau in taus], [int((nonmember >= tau).sum()) for tau in taus]


def best_by_trying(member, nonmember):
    """The authors' loop: from one half on, strictly greater replaces; exact fractions."""
    best, kept = Fraction(1, 2), None
    for tau, true, false in zip(*positives_by_counting(member, nonmember), strict=True):
        accuracy = (Fraction(true, len(member)) + 1 - Fraction(false, len(nonmember))) / 2
        if accuracy > best:
            best, kept = accuracy, tau
    return best, kept


def auc_of_all_pairs(member, nonmember):
    wins = sum(Fraction(int(a > b) * 2 + int(a == b), 2) for a in member for b in nonmember)
    return wins / (len(member) * len(nonmember))


def with_ranks(member, nonmember):
    """Labels and finite scores in the same order, since scikit-learn takes no infinities."""
    ranks = np.unique(np.concatenate([member, nonmember]), return_inverse=True)[1]
    return np.repeat([1, 0], [len(member), len(nonmember)]), ranks


def accuracy_of(ranked, weights=None):
    true, false = ranked.positives(weights)
    place = ranking.best(true, false)
    return 0.5 * (true[place] / true[0] + 1 - false[place] / false[0])


@given(SCORES, SCORES)
def test_positives_equal_counting_at_every_score(member, nonmember):
    ranked = Ranking.of(member, nonmember)
    taus, true, false = positives_by_counting(member, nonmember)
    assert ranked.taus.tolist() == taus
    assert [counts.tolist() for counts in ranked.positives()] == [true, false]
    assert (ranked.n_member, ranked.n_nonmember) == (len(member), len(nonmember))


@given(SCORES, SCORES)
def test_best_is_the_smallest_of_the_best_taus_and_never_worse_than_a_guess(member, nonmember):
    accuracy, tau = best_by_trying(member, nonmember)
    ranked = Ranking.of(member, nonmember)
    place = int(ranking.best(*ranked.positives()))
    assert accuracy_of(ranked) == pytest.approx(float(accuracy), abs=1e-12)
    assert ranked.taus[place] == (ranked.taus[0] if tau is None else tau)


@given(SCORES, SCORES)
def test_best_and_auc_equal_scikit_learn(member, nonmember):
    labels, ranks = with_ranks(member, nonmember)
    fpr, tpr, _ = roc_curve(labels, ranks, drop_intermediate=False)
    ranked = Ranking.of(member, nonmember)
    assert accuracy_of(ranked) == pytest.approx(0.5 + (tpr - fpr).max() / 2, abs=1e-12)
    assert ranking.auc(*ranked.positives()) == pytest.approx(roc_auc_score(labels, ranks), abs=1e-12)


@given(SCORES, SCORES)
def test_auc_is_the_share_of_pairs_won_ties_counting_half(member, nonmember):
    found = ranking.auc(*Ranking.of(member, nonmember).positives())
    assert found == pytest.approx(float(auc_of_all_pairs(member, nonmember)), abs=1e-12)


@given(SCORES, SCORES)
def test_swapping_members_and_nonmembers_mirrors_the_auc(member, nonmember):
    there, back = (ranking.auc(*Ranking.of(*sides).positives()) for sides in ((member, nonmember), (nonmember, member)))
    assert there + back == pytest.approx(1.0, abs=1e-12)


@given(TIED, TIED, st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 1.0]))
def test_tpr_at_equals_trying_every_tau_and_infinity(member, nonmember, fpr):
    _, true, false = positives_by_counting(member, nonmember)
    allowed = Fraction(str(fpr)) * len(nonmember)
    reached = max([0] + [t for t, f in zip(true, false, strict=True) if f <= allowed])
    found = ranking.tpr_at(*Ranking.of(member, nonmember).positives(), fpr)
    assert found == pytest.approx(reached / len(member), abs=1e-12)


@given(SCORES, SCORES, st.sampled_from([0.001, 0.01, 0.25]))
def test_tpr_at_equals_scikit_learn(member, nonmember, fpr):
    rates, tpr, _ = roc_curve(*with_ranks(member, nonmember), drop_intermediate=False)
    found = ranking.tpr_at(*Ranking.of(member, nonmember).positives(), fpr)
    assert found == pytest.approx(tpr[rates <= fpr].max(), abs=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.001])
@pytest.mark.parametrize("hundreds", [1, 3, 6, 7, 9])
def test_a_rate_allows_its_whole_share_whatever_the_rounding(rate, hundreds):
    n, wanted = round(hundreds * 1 / rate), hundreds
    false = np.arange(n, -1, -1)
    assert ranking.tpr_at(np.arange(n, -1, -1), false, rate) == wanted / n


@given(TIED, TIED)
def test_a_growing_transform_changes_nothing_but_the_taus(member, nonmember):
    plain, moved = Ranking.of(member, nonmember), Ranking.of(np.arctan(member) ** 3, np.arctan(nonmember) ** 3)
    for before, after in zip(plain.positives(), moved.positives(), strict=True):
        assert np.array_equal(before, after)
    assert np.array_equal(np.arctan(plain.taus) ** 3, moved.taus)


@given(SCORES)
def test_equal_samples_leak_nothing(scores):
    ranked = Ranking.of(scores, scores)
    assert accuracy_of(ranked) == 0.5
    assert ranking.auc(*ranked.positives()) == 0.5
    assert ranked.taus[ranking.best(*ranked.positives())] == scores.min()


@given(SCORES, SCORES)
def test_separated_samples_are_told_apart(member, nonmember):
    high, low = 4.0 + np.arctan(member), np.arctan(nonmember)
    ranked = Ranking.of(high, low)
    assert accuracy_of(ranked) == ranking.auc(*ranked.positives()) == ranking.tpr_at(*ranked.positives(), 0.0) == 1.0
    assert ranked.taus[ranking.best(*ranked.positives())] == high.min()


@st.composite
def weighted(draw):
    member, nonmember = draw(TIED), draw(TIED)
    weights = [draw(arrays(np.int64, len(side), elements=COUNTS).filter(np.any)) for side in (member, nonmember)]
    return member, nonmember, *weights


@given(weighted())
def test_weights_equal_repeating_and_leaving_out(sample):
    member, nonmember, *weights = sample
    order = np.argsort(np.concatenate([member, nonmember]), kind="stable")
    counted = np.concatenate(weights)[order].astype(np.int16)
    ranked = Ranking.of(member, nonmember)
    repeated = Ranking.of(np.repeat(member, weights[0]), np.repeat(nonmember, weights[1]))
    assert accuracy_of(ranked, counted) == pytest.approx(accuracy_of(repeated), abs=1e-12)
    for statistic in (ranking.auc, lambda *found: ranking.tpr_at(*found, 0.3)):
        assert statistic(*ranked.positives(counted)) == pytest.approx(statistic(*repeated.positives()), abs=1e-12)


@given(TIED, TIED, st.integers(0, 1000))
def test_rows_of_weights_and_of_memberships_are_each_their_own_ranking(member, nonmember, seed):
    generator = np.random.default_rng(seed)
    ranked = Ranking.of(member, nonmember)
    scores, n = np.sort(np.concatenate([member, nonmember])), len(member)
    drawn = generator.permuted(np.tile(ranked.is_member, (4, 1)), axis=1)
    true, false = ranked.positives(is_member=drawn)
    weights = generator.integers(1, 4, (4, len(scores)))
    counted = ranked.positives(weights)
    for row in range(4):
        other = Ranking.of(scores[drawn[row]], scores[~drawn[row]])
        assert [side.tolist() for side in other.positives()] == [true[row].tolist(), false[row].tolist()]
        assert [side[row].tolist() for side in counted] == [side.tolist() for side in ranked.positives(weights[row])]
    assert (true[:, 0] == n).all()


def test_sixty_thousand_scores_agree_with_independent_libraries():
    generator = np.random.default_rng(0)
    member = generator.normal(0.2, 1, 50_000).round(2)
    nonmember = generator.normal(0.0, 1, 10_000).round(2)
    ranked = Ranking.of(member, nonmember)
    assert ranking.auc(*ranked.positives()) == pytest.approx(
        mannwhitneyu(member, nonmember).statistic / (50_000 * 10_000), abs=1e-12
    )
    fpr, tpr, _ = roc_curve(*with_ranks(member, nonmember), drop_intermediate=False)
    assert accuracy_of(ranked) == pytest.approx(0.5 + (tpr - fpr).max() / 2, abs=1e-12)
