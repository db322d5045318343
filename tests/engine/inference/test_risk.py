import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.evaluation.predictions import Answers, Predictions
from engine.inference import risk
from engine.inference.scores import modified_entropy

CONFIDENCES = arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.0, 1e-30, 0.3, 0.5, 0.9, 1.0]))


def two_classes(member, nonmember, labels=None):
    """Predictions whose softmax gives the true class these confidences; all of class 0 by default."""
    sides = dict(zip(("train", "test"), (np.asarray(member), np.asarray(nonmember)), strict=True))
    labels = labels or {split: np.zeros(len(own), np.int64) for split, own in sides.items()}
    answers = {}
    for split, own in sides.items():
        rows = np.column_stack([own, 1 - own])
        rows[labels[split] == 1] = rows[labels[split] == 1, ::-1]
        answers[split] = Answers(rows.astype(np.float32), None)
    return Predictions(labels, {}, {"benign": answers})


def drawn(n, m, shift, seed=0):
    """Confidences of members and non-members, by the logistic of normal log-odds."""
    generator = np.random.default_rng(seed)
    return tuple(1 / (1 + np.exp(-generator.normal(mean, 1.5, k))) for mean, k in ((1 + shift, n), (1.0, m)))


def posterior_by_hand(member, nonmember, score):
    """Equal priors, a histogram of each side, one more example of each spread over all bins."""
    edges = risk._edges(member, nonmember).tolist()
    shares = []
    for side in (member, nonmember):
        inside = sum(sum(edge <= other for edge in edges) == sum(edge <= score for edge in edges) for other in side)
        shares.append((inside + 1 / (len(edges) + 1)) / (len(side) + 1))
    return shares[0] / sum(shares)


@given(CONFIDENCES, CONFIDENCES)
@settings(deadline=None)
def test_a_risk_is_a_probability_whatever_the_ties(member, nonmember):
    found = risk.risks(two_classes(member, nonmember), "benign")
    for split, size in (("train", len(member)), ("test", len(nonmember))):
        assert found[split].shape == (size,)
        assert found[split].dtype == np.float32
        assert ((found[split] >= 0) & (found[split] <= 1)).all()


def test_it_is_the_posterior_of_the_other_four_parts():
    sides = drawn(300, 210, 1.0)
    predictions = two_classes(*sides)
    scores = [
        modified_entropy(predictions.views["benign"][split], predictions.labels[split]) for split in ("train", "test")
    ]
    generator = np.random.default_rng(risk.SEED)
    parts = [generator.permutation(len(side)) % risk.PARTS for side in sides]
    found = risk.risks(predictions, "benign")
    for side, split in enumerate(("train", "test")):
        for index in range(0, len(scores[side]), 7):
            others = [own[part != parts[side][index]] for own, part in zip(scores, parts, strict=True)]
            wanted = posterior_by_hand(*others, scores[side][index])
            assert found[split][index] == pytest.approx(wanted, abs=1e-6)


def test_nobodys_own_membership_or_score_enters_his_risk():
    """A member and a non-member of one part change places: each keeps his risk, as does everybody judged with them."""
    member, nonmember = drawn(1000, 800, 1.0)
    generator = np.random.default_rng(risk.SEED)
    parts = [generator.permutation(n) % risk.PARTS for n in (1000, 800)]
    before = risk.risks(two_classes(member, nonmember), "benign")
    for part in range(risk.PARTS):
        one, other = (int(np.flatnonzero(own == part)[3]) for own in parts)
        swapped = member.copy(), nonmember.copy()
        swapped[0][one], swapped[1][other] = nonmember[other], member[one]
        after = risk.risks(two_classes(*swapped), "benign")
        assert after["train"][one] == before["test"][other]
        assert after["test"][other] == before["train"][one]
        rest = [
            np.flatnonzero((own == part) & (np.arange(len(own)) != who))
            for own, who in zip(parts, (one, other), strict=True)
        ]
        for split, rows in zip(("train", "test"), rest, strict=True):
            assert np.array_equal(after[split][rows], before[split][rows])


@pytest.mark.parametrize(("n", "m"), [(8000, 8000), (20_000, 4000)])
@pytest.mark.parametrize("shift", [0.7, 2.0])
def test_the_risk_is_calibrated(n, m, shift):
    found = risk.risks(two_classes(*drawn(n, m, shift)), "benign")
    edges = np.linspace(0, 1, 11)
    counts = [np.histogram(found[split], edges)[0] for split in ("train", "test")]
    for low, members, others in zip(edges, *counts, strict=False):
        if min(members, others) < 50:
            continue
        share = members / n / (members / n + others / m)
        inside = np.concatenate([own[(own >= low) & (own < low + 0.1)] for own in found.values()])
        error = share * (1 - share) * np.sqrt(1 / members + 1 / others)
        assert abs(share - inside.mean()) < 4 * error + 0.02


def test_the_risk_is_near_the_true_posterior():
    member, nonmember = drawn(20_000, 20_000, 1.0)
    found = risk.risks(two_classes(member, nonmember), "benign")["train"]
    odds = np.log(member / (1 - member))
    true = 1 / (1 + np.exp(((odds - 2) ** 2 - (odds - 1) ** 2) / (2 * 1.5**2)))
    assert np.abs(found - true).mean() < 0.06  # what bins of 40 leave to chance


@pytest.mark.parametrize("sizes", [(3000, 3000), (5000, 1000)])
def test_without_leakage_risks_lie_about_one_half(sizes):
    found = risk.risks(two_classes(*drawn(*sizes, 0.0)), "benign")
    for own in found.values():
        assert abs(own.mean() - 0.5) < 0.01
        assert np.abs(own - 0.5).mean() < 0.08
    assert abs((found["train"] > 0.5).mean() - (found["test"] > 0.5).mean()) < 0.08


def test_members_told_apart_are_at_risk_but_for_the_bin_at_the_border():
    found = risk.risks(two_classes(np.linspace(0.9, 1.0, 500), np.linspace(0.1, 0.8, 500)), "benign")
    assert (found["train"] > 0.95).mean() >= 0.85
    assert (found["test"] < 0.15).mean() >= 0.85


@pytest.mark.parametrize(("member", "nonmember"), [(0.9, 0.0), (0.99, 0.9)], ids=["minus infinity", "finite"])
def test_a_side_that_is_one_tie_is_told_from_another_above_it(member, nonmember):
    found = risk.risks(two_classes(np.full(500, member), np.full(300, nonmember)), "benign")
    assert found["train"].min() > 0.95
    assert found["test"].max() < 0.05


def test_all_tied_is_one_half():
    for confidence in (0.0, 0.4, 1.0):
        found = risk.risks(two_classes(np.full(500, confidence), np.full(300, confidence)), "benign")
        for own in found.values():
            assert own == pytest.approx(np.full(len(own), 0.5), abs=0.001)


def test_scores_of_minus_infinity_are_a_bin_like_any_other():
    members, others = np.r_[np.zeros(50), np.full(350, 0.9)], np.r_[np.zeros(200), np.full(200, 0.9)]
    found = risk.risks(two_classes(members, others), "benign")
    assert found["train"][:50] == pytest.approx(np.full(50, 0.2), abs=0.05)
    assert found["train"][50:] == pytest.approx(np.full(350, 350 / 550), abs=0.05)


def test_a_class_with_enough_examples_has_a_histogram_of_its_own():
    """Class 0 leaks one way and class 1 the other: for all classes together nothing is to be seen."""
    low, high = np.linspace(0.6, 0.7, 800), np.linspace(0.8, 0.9, 800)
    labels = {split: np.repeat([0, 1], 800) for split in ("train", "test")}
    found = risk.risks(two_classes(np.r_[high, low], np.r_[low, high], labels), "benign")
    assert (found["train"] > 0.9).mean() > 0.85
    assert (found["test"] < 0.1).mean() > 0.85


@pytest.mark.parametrize("each", [79, 80, 90, 99, 100, 120])
def test_no_class_is_too_large_for_the_others_help_and_too_small_for_bins_of_its_own(each):
    labels = {split: np.repeat([0, 1], each) for split in ("train", "test")}
    member, nonmember = np.linspace(0.9, 0.99, 2 * each), np.linspace(0.5, 0.7, 2 * each)
    found = risk.risks(two_classes(member, nonmember, labels), "benign")
    assert found["train"].mean() > 0.6
    assert found["test"].mean() < 0.4


def test_small_classes_are_judged_by_all_classes():
    labels = {split: np.arange(1600) % 40 for split in ("train", "test")}
    generator = np.random.default_rng(0)
    answers = {}
    for split, shift in (("train", 3.0), ("test", 0.0)):
        logits = generator.normal(size=(1600, 40)).astype(np.float32)
        logits[np.arange(1600), labels[split]] += 3 + shift
        answers[split] = Answers.from_logits(logits)
    found = risk.risks(Predictions(labels, {}, {"benign": answers}), "benign")
    assert found["train"].mean() > 0.7
    assert found["test"].mean() < 0.3


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 500), (500, 1), (4, 4)])
def test_too_few_to_tell_is_one_half_or_near(n, m):
    found = risk.risks(two_classes(*drawn(n, m, 0.0)), "benign")
    for own in found.values():
        assert np.isfinite(own).all()
        assert own == pytest.approx(np.full(len(own), 0.5), abs=0.1)


def test_the_same_predictions_have_the_same_risks():
    first, again = (risk.risks(two_classes(*drawn(300, 200, 1.0)), "benign") for _ in range(2))
    for split in first:
        assert np.array_equal(first[split], again[split])
