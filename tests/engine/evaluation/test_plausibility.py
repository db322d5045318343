"""What no trained model would answer: swapped splits, columns that are not the labels."""

import re
from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation import plausibility
from engine.evaluation.predictions import Answers, Predictions


def answered(train, test, classes=10, size=(400, 300), view="benign"):
    """Predictions right on exactly such shares of train and test."""
    labels = {split: np.arange(n) % classes for split, n in zip(("train", "test"), size, strict=True)}
    views = {}
    for (split, own), share in zip(labels.items(), (train, test), strict=True):
        wrong = np.arange(len(own)) >= round(share * len(own))
        views[split] = Answers.from_logits(np.eye(classes, dtype=np.float32)[(own + wrong) % classes])
    return Predictions(labels, labels, {view: views})


def test_accuracies_are_counted_for_all_and_for_each_class():
    found = list(plausibility.accuracies(answered(0.75, 0.5, classes=2, size=(8, 4))))
    told = {(own.split, own.class_label): (own.correct, own.n) for own in found}
    assert told == {
        ("train", None): (6, 8),
        ("train", 0): (3, 4),
        ("train", 1): (3, 4),
        ("test", None): (2, 4),
        ("test", 0): (1, 2),
        ("test", 1): (1, 2),
    }
    assert all(own.ci_low < own.correct / own.n < own.ci_high for own in found)


@pytest.mark.parametrize(("train", "test"), [(1.0, 0.9), (0.5, 0.5), (0.9, 0.92), (1.0, 0.0), (1.0, 1.0)])
def test_what_a_trained_model_may_do_is_passed_over(train, test):
    assert list(plausibility.warnings(answered(train, test))) == []


def test_swapped_splits_are_told_by_their_accuracies():
    (warning,) = plausibility.warnings(answered(0.9, 1.0))
    assert (warning.topic, warning.view) == ("accuracy", "benign")
    assert warning.message == ("train accuracy 90.0 % lies below test accuracy 100.0 %: are train and test swapped?")


@pytest.mark.parametrize("train", [0.0, 0.1, 0.12])
def test_columns_that_are_not_the_labels_are_told_by_accuracy_no_better_than_a_guess(train):
    (warning,) = plausibility.warnings(answered(train, 0.1))
    assert warning.message.startswith(
        f"train accuracy {100 * train:.1f} % is not told apart from a guess (10.0 %): are the columns"
    )


def test_a_guess_is_always_the_most_frequent_class():
    labels = {"train": np.repeat([0, 1], [90, 10]), "test": np.repeat([0, 1], [9, 1])}
    constant = {split: Answers.from_logits(np.float32([[1, 0]] * len(own))) for split, own in labels.items()}
    (warning,) = plausibility.warnings(Predictions(labels, labels, {"benign": constant}))
    assert warning.message.startswith("train accuracy 90.0 % is not told apart from a guess (90.0 %)")


def test_adversarial_answers_may_be_worse_than_a_guess_but_not_better_on_test():
    assert list(plausibility.warnings(answered(0.0, 0.0, view="adversarial"))) == []
    both = answered(1.0, 1.0)
    both = replace(both, views=both.views | answered(0.3, 0.6, view="adversarial").views)
    (warning,) = plausibility.warnings(both)
    assert warning.view == "adversarial"


def confident(seed, train, test, size=(400, 300)):
    """Right answers of ten classes whose confidences are drawn around a member's and another's mean margin."""
    draw = np.random.default_rng(seed)
    labels = {split: np.arange(n) % 10 for split, n in zip(("train", "test"), size, strict=True)}
    answers = {}
    for (split, own), mean in zip(labels.items(), (train, test), strict=True):
        margins = np.maximum(0.1, draw.normal(mean, 1.0, (len(own), 1)))
        answers[split] = Answers.from_logits((margins * np.eye(10)[own]).astype(np.float32))
    return Predictions(labels, labels, {"benign": answers})


def test_swapped_splits_are_told_by_confidences_where_all_answers_are_right():
    assert list(plausibility.warnings(confident(0, 5.0, 4.0))) == []
    (warning,) = plausibility.warnings(confident(0, 4.0, 5.0))
    assert (warning.topic, warning.view) == ("accuracy", "benign")
    assert re.fullmatch(
        r"others look more like members than members do \(AUC 2\d\.\d %, 1\d standard errors below a guess\): "
        r"are train and test swapped\?",
        warning.message,
    )


@pytest.mark.parametrize(("mean", "size"), [(4.0, (400, 300)), (20.0, (400, 300)), (4.0, (30, 12)), (1.0, (100, 1000))])
def test_a_model_without_leakage_is_never_called_swapped(mean, size):
    """Confidences of mean 20 are tied at 1 in float32."""
    assert not any(list(plausibility.warnings(confident(seed, mean, mean, size))) for seed in range(100))
