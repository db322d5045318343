"""On answers that tell nothing of membership the intervals hold one half, for every attack and every rule."""

from collections import defaultdict

import numpy as np
import pytest
from chance import fewest, most
from scipy.stats import norm

from engine import inference, registry
from engine.evaluation.predictions import Answers, Predictions
from engine.inference.facts import About
from engine.inference.ranking import Ranking
from engine.inference.resampling import LOW_RATES, found_at
from engine.spec.experiment import Inference

CLASSES = 10
EACH = 1000


def without_leakage(seed):
    """One model's answers dealt to members and non-members by lot: accurate, many sure to the last bit of float32."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, 2 * EACH)
    logits = generator.normal(scale=3, size=(2 * EACH, CLASSES)).astype(np.float32)
    logits[np.arange(2 * EACH), labels] += 4 + generator.exponential(8, 2 * EACH).astype(np.float32)
    parts = dict(zip(("train", "test"), np.split(generator.permutation(2 * EACH), 2), strict=True))
    return Predictions(
        {split: labels[rows] for split, rows in parts.items()},
        {split: rows.astype(np.int32) for split, rows in parts.items()},
        {"benign": {split: Answers.from_logits(logits[rows]) for split, rows in parts.items()}},
    )


def test_the_answers_are_of_realistic_size():
    answers = without_leakage(0)
    confidence = answers.views["benign"]["train"].confidence(answers.labels["train"])
    assert 0.05 < (confidence == 1).mean() < 0.3
    assert 0.7 < answers.views["benign"]["train"].correct(answers.labels["train"]).mean() < 0.95


@pytest.mark.parametrize("repeats", [10, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("attack", registry.attacks_on())
def test_intervals_hold_one_half_without_leakage(attack, repeats):
    """50 repeats: 44 at least; 10 repeats: 8."""
    found, flagged = defaultdict(list), defaultdict(set)
    for seed in range(repeats):
        settings = Inference(attacks=(attack,), network_splits=2, restarts=1, seed=seed)
        for fact in inference.audit(without_leakage(seed), settings):
            if fact.class_label is None and fact.metric in ("inference_accuracy", "auc"):
                found[fact.threshold_rule, fact.metric].append(fact)
            if fact.class_label is not None and fact.leaks:
                flagged[fact.threshold_rule, fact.metric].add(seed)
    # Some class of ten: at most 1 time of 20.
    assert max(map(len, flagged.values()), default=0) <= most(repeats, 0.05), flagged
    rules = {"gap": ("none",), "model-class": ("heldout",)}.get(attack, ("oracle", "heldout"))
    assert {rule for rule, metric in found if metric == "inference_accuracy"} == set(rules)
    assert ("none" if len(rules) == 2 else "heldout", "auc") in found or attack == "gap"
    for key, facts in found.items():
        assert len(facts) == repeats
        holding = sum(fact.ci_low <= 0.5 <= fact.ci_high for fact in facts)
        assert holding >= fewest(repeats, 0.95), key
        assert sum(fact.leaks for fact in facts) <= most(repeats, 0.05), key
        if key == ("heldout", "inference_accuracy"):
            assert abs(np.mean([fact.value for fact in facts]) - 0.5) < 0.005 * np.sqrt(50 / repeats)


@pytest.mark.parametrize(
    ("sizes", "repeats"),
    [
        *(((600, 1197), 60), ((1900, 514), 60), ((450, 450), 60), ((50_000, 10_000), 10)),
        *(
            pytest.param(sizes, repeats, marks=pytest.mark.slow)
            for sizes, repeats in (((600, 1197), 300), ((1900, 514), 300), ((450, 450), 300), ((50_000, 10_000), 100))
        ),
    ],
)
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_interval_of_members_found_at_low_rates_holds_the_truth_and_luck_is_rarely_called_a_leak(
    sizes, repeats, shift
):
    """Scores N(shift, 1) of members and N(0, 1) of others: 95 % hold it, 2.5 % leak; alarms: 1 of 10,000."""
    generator = np.random.default_rng(0)
    truth = {f"tpr_at_fpr_{rate:g}": norm.sf(norm.isf(rate) - shift) for rate in LOW_RATES}
    holding, leaks = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0)
    for _ in range(repeats):
        ranked = Ranking.of(generator.normal(shift, 1, sizes[0]), generator.normal(0, 1, sizes[1]))
        resampled = (np.full(1, 0.5), *(found_at(ranked, rate, generator) for rate in LOW_RATES))
        for fact in About("margin", "benign", None).curve(ranked, resampled):
            if fact.metric in truth:
                holding[fact.metric] += fact.ci_low <= truth[fact.metric] <= fact.ci_high
                leaks[fact.metric] += fact.leaks
    assert min(holding.values()) >= fewest(repeats, 0.95, alarm=1e-4), holding
    if shift == 0:
        assert max(leaks.values()) <= most(repeats, 0.025, alarm=1e-4), leaks
    else:
        assert leaks["tpr_at_fpr_0.01"] >= 0.9 * repeats
