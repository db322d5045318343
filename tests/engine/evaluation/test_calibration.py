import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluation.calibration import BINS, expected_error
from engine.evaluation.predictions import Answers


def naive(probabilities, labels):
    """Bin by bin over (0, 1/15], (1/15, 2/15]...: |accuracy - confidence|, weighed by the answers in the bin."""
    rows = [(max(row), int(np.argmax(row)) == label) for row, label in zip(probabilities.tolist(), labels, strict=True)]
    total = 0.0
    for number in range(BINS):
        held = [row for row in rows if number < BINS * row[0] <= number + 1]
        if held:
            accuracy = sum(right for _, right in held) / len(held)
            confidence = sum(confidence for confidence, _ in held) / len(held)
            total += len(held) / len(rows) * abs(accuracy - confidence)
    return total


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(2, 6), st.floats(0.01, 30))
def test_it_is_the_naive_loops(seed, count, classes, scale):
    draw = np.random.default_rng(seed)
    answers = Answers.from_logits((scale * draw.normal(size=(count, classes))).astype(np.float32))
    labels = draw.integers(0, classes, count)
    error = expected_error(answers, labels)
    assert error == pytest.approx(naive(answers.probabilities, labels), abs=1e-12)
    assert 0 <= error <= 1


def test_sure_answers_are_off_by_how_often_they_are_wrong():
    answers = Answers.from_logits(np.array([[90, 0], [90, 0], [0, 90], [0, 90]], np.float32))
    assert expected_error(answers, np.array([0, 1, 1, 1])) == 0.25


def test_each_answer_of_the_targeted_view_counts():
    logits = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1])
    flat = Answers.from_logits(logits.reshape(10, 3))
    assert expected_error(Answers.from_logits(logits), labels) == expected_error(flat, labels.repeat(2))
