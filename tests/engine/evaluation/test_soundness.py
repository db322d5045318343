import numpy as np
import pytest

from engine.evaluation import soundness
from engine.evaluation.predictions import Answers, Predictions

LABELS = np.array([0, 1, 2])
BENIGN = np.array([[3.0, 0, 0], [0, 2.0, 0], [0, 1.0, 2.0]], np.float32)
ADVERSARIAL = np.array([[1.0, 0, 0], [0.5, 1.0, 0], [0, 2.0, 1.0]], np.float32)
CERTIFIED = np.array([[0, -0.5, -0.2], [0.1, 0, 0.4], [3.0, 2.0, 0]], np.float32)


def answers(**views):
    labels = {"train": LABELS, "test": LABELS}
    found = {name: dict.fromkeys(("train", "test"), Answers.from_logits(logits)) for name, logits in views.items()}
    return Predictions(labels, labels, found)


def test_bounds_below_all_answers_pass():
    assert soundness.check(answers(benign=BENIGN, adversarial=ADVERSARIAL, certified=CERTIFIED)) == []


@pytest.mark.parametrize("view", ["benign", "adversarial", "targeted"])
def test_one_answer_below_its_bound_ends_the_run(view):
    broken = {"benign": BENIGN, view: BENIGN.copy()}
    broken[view][1, 2] = 3.0
    if view == "targeted":
        broken[view] = np.stack([BENIGN, broken[view]], axis=1)
    with pytest.raises(soundness.UnsoundError, match=f"unsound: the {view} answer to train image 1 breaks .* by 0.6"):
        soundness.check(answers(**broken, certified=CERTIFIED))


def test_rounding_breaks_nothing():
    soundness.check(answers(benign=BENIGN, certified=BENIGN - BENIGN.max(axis=1, keepdims=True) + 1e-5))


def test_what_pgd_raised_is_counted():
    raised = ADVERSARIAL.copy()
    raised[2] = [0, 0, 5.0]
    lines = soundness.check(answers(benign=BENIGN, adversarial=raised))
    assert lines == [
        f"PGD left 1 of 3 {split} images with more confidence than it found" for split in ("train", "test")
    ]
    worse = BENIGN.copy()
    worse[2] = [0, 3.0, 0]
    assert "PGD left 1 more train images right than it found" in soundness.check(
        answers(benign=worse, adversarial=raised)
    )


def test_without_bounds_or_attacks_there_is_nothing_to_check():
    assert soundness.check(answers(benign=BENIGN)) == []
