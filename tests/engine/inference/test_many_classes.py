"""Flags of many classes: luck flags none of them, planted leakage stays found."""

import numpy as np
import pytest

from engine.evaluation.predictions import Answers, Predictions
from engine.inference import resampling, threshold_class
from engine.inference.many_classes import corrected, holm
from engine.registry import ATTACKS
from engine.spec.experiment import Inference

CLASSES = 38


@pytest.mark.parametrize(
    ("chances", "stand"),
    [
        ([], []),
        ([0.025], [True]),
        ([0.026], [False]),
        ([0.02, 0.02], [False, False]),
        ([0.02, 0.012], [True, True]),  # 0.012 against two, then 0.02 against the one that is left
        ([0.001, 0.5, 0.009], [True, False, True]),
        ([0.009, 0.5, 0.009], [False, False, False]),
    ],
)
def test_the_rarest_is_held_against_all_and_the_next_against_those_left(chances, stand):
    assert holm(chances) == stand


def answers(seed, planted=None):
    """50 members and 14 others of each class, as of the Yale faces, alike but for one class where one is planted."""
    generator = np.random.default_rng(seed)
    labels = {split: np.repeat(np.arange(CLASSES), each) for split, each in (("train", 50), ("test", 14))}
    views = {}
    for split, own in labels.items():
        logits = np.zeros((len(own), CLASSES), np.float32)
        logits[np.arange(len(own)), own] = generator.normal(3, 1, len(own))
        if split == "train" and planted is not None:
            logits[own == planted, planted] += 3
        views[split] = Answers.from_logits(logits)
    return Predictions(labels, {}, {"benign": views})


def flags(predictions, seed):
    """(rule, metric) -> the classes that are told apart from a guess."""
    generator, found = np.random.default_rng(seed), {}
    settings = Inference(attacks=("margin-class",))
    tested = threshold_class.audit(predictions, "benign", settings, generator, ATTACKS["margin-class"])
    for fact in corrected(tested):
        if fact.class_label is not None and fact.leaks is not None:
            found.setdefault((fact.threshold_rule, fact.metric), set())
            if fact.leaks:
                found[fact.threshold_rule, fact.metric].add(fact.class_label)
    return found


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(resampling, "BOOTSTRAPS", 200)


def test_of_38_classes_that_leak_nothing_seldom_any_is_flagged():
    repeats, flagged = 25, {}
    for seed in range(repeats):
        for key, classes in flags(answers(seed), seed).items():
            flagged[key] = flagged.get(key, 0) + bool(classes)
    assert {metric for _, metric in flagged} >= {"inference_accuracy", "auc", "tpr_at_fpr_0.01"}
    assert max(flagged.values()) <= 4, flagged  # 5 % of 25 are 1.25; more than 4 come 1 time of 100


def test_the_one_class_that_leaks_is_found_among_38():
    found = flags(answers(0, planted=5), 0)
    assert found["oracle", "inference_accuracy"] == found["none", "auc"] == {5}
    assert found["heldout", "inference_accuracy"] == {5}
