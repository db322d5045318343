import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_curve

from engine.inference.thresholds import apply_threshold, best_threshold, split_rows

SCORES = arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0]))


def naive(member, nonmember):
    best, kept = 0.5, None
    for tau in sorted({*member.tolist(), *nonmember.tolist()}):
        accuracy = 0.5 * ((member >= tau).mean() + (nonmember < tau).mean())
        if accuracy > best + 1e-12:
            best, kept = accuracy, tau
    return best, kept


@given(SCORES, SCORES)
def test_best_threshold_equals_trying_every_score(member, nonmember):
    accuracy, tau = naive(member, nonmember)
    threshold, outcome = best_threshold(member, nonmember)
    assert abs(outcome.accuracy - accuracy) < 1e-12
    assert tau is None or threshold == tau
    assert apply_threshold(threshold, member, nonmember) == outcome


@given(SCORES, SCORES)
def test_best_threshold_equals_scikit_learn_roc(member, nonmember):
    labels = np.repeat([1, 0], [len(member), len(nonmember)])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([member, nonmember]), drop_intermediate=False)
    _, outcome = best_threshold(member, nonmember)
    assert abs(outcome.tpr - outcome.fpr - (tpr - fpr).max()) < 1e-12


@given(SCORES)
def test_equal_samples_leak_nothing(scores):
    _, outcome = best_threshold(scores, scores)
    assert outcome.accuracy == 0.5


@given(SCORES, SCORES)
def test_accuracy_ignores_any_growing_transform(member, nonmember):
    _, outcome = best_threshold(member, nonmember)
    _, transformed = best_threshold(np.exp(3 * member), np.exp(3 * nonmember))
    assert outcome == transformed


def test_separated_samples_are_told_apart():
    threshold, outcome = best_threshold(np.float32([0.9, 0.8]), np.float32([0.1, 0.2, 0.3]))
    assert (threshold, outcome.accuracy) == (np.float32(0.8), 1.0)


def test_split_rows_part_without_overlap():
    fit, rest = split_rows(np.arange(10), 4, np.random.default_rng(0))
    assert len(fit) == 4
    assert sorted([*fit, *rest]) == list(range(10))
