import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine import registry
from engine.evaluation.predictions import Answers, Predictions
from engine.inference.scores import ViewScores, by_class, fitting_size, modified_entropy
from engine.validation import SpecError

LOGITS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-9, 9, width=32))
LABELS = arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 4))

SCORES = {name: registry.ATTACKS[name].load("score") for name in ("confidence", "entropy", "margin")}


def modified_entropy_by_hand(row, label):
    """Song and Mittal (2021), Eq 6, with 0 log 0 = 0."""
    total = 0.0
    for index, p in enumerate(row):
        weight, inside = (1 - p, p) if index == label else (p, 1 - p)
        total -= weight * (math.log(inside) if inside > 0 else -math.inf) if weight > 0 else 0.0
    return total


def softmax(row):
    powers = [math.exp(float(z) - float(max(row))) for z in row]
    return [power / sum(powers) for power in powers]


@given(LOGITS)
def test_modified_entropy_from_logits_is_the_formula(logits):
    labels = np.arange(len(logits)) % logits.shape[1]
    found = modified_entropy(Answers.from_logits(logits), labels)
    wanted = [-modified_entropy_by_hand(softmax(row), label) for row, label in zip(logits, labels, strict=True)]
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_modified_entropy_of_a_softmax_alone_is_the_formula():
    rows = np.float32([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    found = modified_entropy(Answers(rows, None), np.zeros(5, np.int64))
    wanted = [-modified_entropy_by_hand(row.tolist(), 0) for row in rows]
    assert found == pytest.approx(wanted, rel=1e-6)
    assert found[2] == -np.inf
    assert found[3] == 0.0


@pytest.mark.parametrize("classes", [2, 10])
def test_modified_entropy_tells_sure_answers_apart_where_a_float_says_one(classes):
    gaps = np.arange(30, 340, 10)
    logits = np.zeros((len(gaps), classes), np.float32)
    logits[:, 0] = gaps
    found = modified_entropy(Answers.from_logits(logits), np.zeros(len(gaps), np.int64))
    assert (np.diff(found) > 0).all()
    # 1 - p = (classes - 1) q of a sure answer, so that Mentr is its square and those of the others' q
    assert found == pytest.approx(-((classes - 1) ** 2 + classes - 1) * np.exp(-2.0 * gaps), rel=1e-9, abs=0)


def test_modified_entropy_has_no_nan_at_the_extremes():
    logits = np.float32([[500, 0, -500], [-500, 0, 500], [88, 88, -88], [0, 0, 0]])
    for label in range(3):
        found = modified_entropy(Answers.from_logits(logits), np.full(4, label))
        assert not np.isnan(found).any()
        assert (found <= 0).all()


def test_modified_entropy_ranks_right_over_undecided_over_wrong():
    answers = Answers.from_logits(np.float32([[9, 0, 0], [2, 0, 0], [0, 0, 0], [0, 2, 0], [0, 9, 0], [0, 60, 0]]))
    found = modified_entropy(answers, np.zeros(6, np.int64))
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("whole", [True, False], ids=["logits", "softmax"])
def test_a_targeted_score_is_the_worst_over_the_targets(score, whole):
    logits = np.random.default_rng(0).normal(scale=4, size=(20, 3, 4)).astype(np.float32)
    labels = np.arange(20) % 4
    answers = Answers.from_logits(logits) if whole else Answers(Answers.from_logits(logits).probabilities, None)
    each = [
        SCORES[score](Answers(answers.probabilities[:, t], logits[:, t] if whole else None), labels) for t in range(3)
    ]
    assert SCORES[score](answers, labels) == pytest.approx(np.min(each, axis=0), abs=1e-12)


def test_a_targeted_answer_is_right_only_if_all_are():
    logits = np.zeros((3, 2, 3), np.float32)
    logits[0, :, 1], logits[1, 0, 1], logits[1, 1, 2], logits[2, :, 0] = 1, 1, 1, 1
    assert Answers.from_logits(logits).correct(np.array([1, 1, 1])).tolist() == [True, False, False]


def test_the_confidence_is_compared_as_stored():
    answers = Answers.from_logits(np.float32([[40, 0], [1, 0]]))
    assert SCORES["confidence"](answers, np.array([0, 0])).dtype == np.float32
    labels = {"train": np.array([0, 1]), "test": np.array([1, 0])}
    found = ViewScores.of(
        Predictions(labels, {}, {"benign": dict.fromkeys(labels, answers)}), "benign", SCORES["confidence"]
    )
    assert found.member.tolist() == [1.0, answers.probabilities[1, 1]]
    assert found.nonmember.tolist() == [answers.probabilities[0, 1], answers.probabilities[1, 0]]


@given(LABELS, LABELS)
def test_classes_are_those_of_both_sides_with_all_their_rows_in_order(member, nonmember):
    found = list(by_class(member, nonmember))
    assert [label for label, *_ in found] == sorted(set(member.tolist()) & set(nonmember.tolist()))
    for label, *rows in found:
        for side, own in zip((member, nonmember), rows, strict=True):
            assert own.tolist() == [index for index, other in enumerate(side) if other == label]


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 600))
def test_a_class_is_fitted_on_at_most_half_of_its_smaller_side(n, m, per_class):
    k = fitting_size(n, m, per_class)
    assert k == min(per_class, n // 2, m // 2)


@pytest.mark.parametrize(
    "score",
    [
        lambda answers, labels: np.full(len(labels), np.nan),
        lambda answers, labels: np.where(labels == 0, np.nan, 0.5),
        lambda answers, labels: answers.logits[:1, 0],
        lambda answers, labels: answers.logits,
        lambda answers, labels: 0.5,
        lambda answers, labels: None,
        lambda answers, labels: np.array(["sure"] * len(labels)),
    ],
)
def test_what_is_not_a_number_for_each_example_is_refused_and_never_counted(score):
    answers = Answers.from_logits(np.arange(12, dtype=np.float32).reshape(4, 3))
    labels, index = np.array([0, 1, 2, 0]), np.arange(4, dtype=np.int32)
    predictions = Predictions(
        dict.fromkeys(("train", "test"), labels),
        dict.fromkeys(("train", "test"), index),
        {"benign": {"train": answers, "test": answers}},
    )
    with pytest.raises(SpecError, match=r"^score: .*allowed: numbers of the shape \(4,\), none of them NaN$"):
        ViewScores.of(predictions, "benign", score)
