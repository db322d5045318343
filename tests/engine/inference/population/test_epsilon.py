"""Epsilon that an attack disproves: known answers, and never above the truth."""

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from engine.inference.population import epsilon


def test_exact_intervals_are_those_of_scipy():
    for successes, trials in ((0, 30), (7, 30), (30, 30)):
        theirs = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
        assert epsilon.clopper_pearson(successes, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_rates_of_randomised_response_give_nearly_its_epsilon_and_no_more():
    truth, n = math.log(3), 1_000_000  # answers truly three times of four
    found = epsilon.from_rates(750_000, n, 250_000, n)
    assert truth - 0.02 < found <= truth


def test_either_side_of_a_threshold_can_tell():
    many, few = epsilon.from_rates(999, 1000, 500, 1000), epsilon.from_rates(500, 1000, 1, 1000)
    assert many == pytest.approx(few)


def test_a_guess_disproves_nothing():
    assert epsilon.from_rates(50, 1000, 50, 1000) == epsilon.gaussian(50, 1000, 50, 1000) == 0.0
    assert epsilon.one_run(100, 50, 1000) == 0.0


def test_gaussian_mu_of_two_normals_a_distance_apart():
    n, tau = 10_000_000, 0.5
    true, false = (round(n * stats.norm.sf(tau - mean)) for mean in (1.0, 0.0))
    assert 0.99 < epsilon.gaussian(true, n, false, n) <= 1.0


def test_one_run_is_the_largest_epsilon_that_so_many_right_guesses_disprove():
    found = epsilon.one_run(100, 80, 1000)
    assert stats.binom.sf(79, 100, 1 / (1 + math.exp(-found))) == pytest.approx(0.05, abs=1e-4)
    assert epsilon.one_run(100, 80, 1000, delta=1e-5) < found


def test_one_run_seldom_claims_more_than_is_true():
    generator = np.random.default_rng(0)
    chance = 1 / (1 + math.exp(-1.0))
    claim = cache(lambda right: epsilon.one_run(200, right, 1000))
    claimed = [claim(right) for right in generator.binomial(200, chance, 400).tolist()]
    assert stats.binomtest(sum(one > 1.0 for one in claimed), 400, 0.05, alternative="greater").pvalue > 0.001
