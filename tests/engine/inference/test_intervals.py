import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest, kstwobign, mannwhitneyu

from engine.inference.facts import Outcome
from engine.inference.intervals import (
    ONE_SIDED,
    chance_above,
    chance_of_area,
    chance_of_difference,
    chance_of_oracle,
    difference_interval,
    oracle_by_luck,
    wilson_interval,
)
from engine.inference.ranking import Ranking


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(counts):
    successes, n = counts
    reference = binomtest(successes, n).proportion_ci(method="wilson")
    assert np.allclose(wilson_interval(successes, n), reference, atol=1e-9)


@given(st.integers(0, 30), st.integers(0, 50))
def test_difference_interval_holds_the_difference_and_mirrors(true_positives, false_positives):
    outcome = Outcome(true_positives, false_positives, 30, 50)
    low, high = difference_interval(outcome)
    assert -1 - 1e-12 <= low <= outcome.tpr - outcome.fpr <= high <= 1 + 1e-12
    mirrored = difference_interval(Outcome(30 - true_positives, 50 - false_positives, 30, 50))
    assert np.allclose(mirrored, (-high, -low))


def test_difference_interval_equals_a_published_example():
    # Newcombe (1998), Table II (a), method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    assert np.allclose(difference_interval(Outcome(56, 48, 70, 80)), (0.0524, 0.3339), atol=5e-5)


def test_difference_interval_covers_at_its_nominal_rate():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        outcome = Outcome(int(generator.binomial(200, 0.8)), int(generator.binomial(60, 0.6)), 200, 60)
        low, high = difference_interval(outcome)
        hits += low <= 0.2 <= high
    assert 0.935 <= hits / 2000 <= 0.97


@pytest.mark.parametrize(
    ("sizes", "mean", "p95"),
    [((1900, 514), 0.516, 0.530), ((50_000, 10_000), 0.5034, 0.5067), ((60_000, 10_000), 0.5034, 0.5066)],
)
def test_luck_equals_the_figures_of_protocol_g3(sizes, mean, p95):
    digits = len(str(mean)) - 2
    assert [round(value, digits) for value in oracle_by_luck(*sizes)] == [mean, p95]


def test_luck_is_half_of_smirnovs_one_sided_statistic():
    n, m = 700, 300
    scale = math.sqrt(n * m / (n + m))
    mean, p95 = ((value - 0.5) * 2 * scale for value in oracle_by_luck(n, m))
    # P(scale * D > x) = exp(-2 x^2) of the one-sided statistic; its mean is the integral of that.
    assert math.exp(-2 * p95**2) == pytest.approx(0.05)
    grid = np.linspace(0, 8, 200_001)
    assert mean == pytest.approx(np.trapezoid(np.exp(-2 * grid**2), grid), abs=1e-6)
    assert mean < kstwobign.mean()  # the two-sided statistic is the larger


@given(st.integers(0, 30), st.integers(0, 50))
def test_a_difference_is_as_rare_as_its_interval_says(true_positives, false_positives):
    outcome = Outcome(true_positives, false_positives, 30, 50)
    chance = chance_of_difference(outcome)
    assert 0 <= chance <= 1
    assert (chance <= ONE_SIDED) == (difference_interval(outcome)[0] > 0)


def test_a_rarer_oracle_has_a_smaller_chance_and_the_usual_bound_at_what_luck_seldom_exceeds():
    assert chance_of_oracle(0.1, 0.1) == pytest.approx(ONE_SIDED)
    assert chance_of_oracle(0.2, 0.1) < ONE_SIDED / 38 < chance_of_oracle(0.12, 0.1)
    assert (chance_of_oracle(0.0, 0.1), chance_of_oracle(0.0, 0.0), chance_of_oracle(0.1, 0.0)) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("decimals", [8, 0])
def test_the_chance_of_an_area_is_mann_and_whitneys(decimals):
    generator = np.random.default_rng(0)
    member, nonmember = generator.normal(0.3, 1, 60).round(decimals), generator.normal(0, 1, 40).round(decimals)
    test = mannwhitneyu(member, nonmember, alternative="greater", method="asymptotic", use_continuity=False)
    found = chance_of_area(test.statistic / (60 * 40), Ranking.of(member, nonmember))
    assert found == pytest.approx(test.pvalue, rel=1e-9)


def test_the_chance_of_an_area_of_ties_alone_is_that_of_a_guess():
    assert chance_of_area(0.5, Ranking.of(np.ones(3), np.ones(2))) == 1.0


@given(st.integers(0, 40), st.integers(0, 5))
def test_members_above_all_but_a_few_others_are_beta_binomial(found, allowed):
    wanted = betabinom(40, allowed + 1, 60 - allowed).sf(found - 1)
    assert chance_above(found, 40, 60, allowed) == pytest.approx(wanted, rel=1e-8)
