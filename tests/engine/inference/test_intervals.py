import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from engine.inference.facts import Outcome
from engine.inference.intervals import difference_interval, wilson_interval


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


def test_difference_interval_covers_at_its_nominal_rate():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        outcome = Outcome(int(generator.binomial(200, 0.8)), int(generator.binomial(60, 0.6)), 200, 60)
        low, high = difference_interval(outcome)
        hits += low <= 0.2 <= high
    assert 0.935 <= hits / 2000 <= 0.97
