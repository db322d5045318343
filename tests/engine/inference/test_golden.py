"""The paper's own Yale files against the authors' code and an independent script (protocol section F)."""

from fractions import Fraction

import numpy as np
import pytest

from engine import inference
from engine.evaluation.predictions import Answers
from engine.inference import resampling
from engine.inference.facts import Repeated
from engine.inference.ranking import Ranking
from engine.inference.scores import ViewScores, by_class
from engine.spec.experiment import Inference

STRATEGIES = {"I_B": "benign", "I_A": "adversarial"}
WITHOUT_NETWORKS = Inference(attacks=("confidence", "confidence-class", "gap"))


@pytest.fixture(scope="module")
def facts(golden):
    found = inference.audit(golden.answers, WITHOUT_NETWORKS)
    return {(f.attack, f.view, f.class_label, f.threshold_rule, f.metric): f for f in found}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_exact_number_of_the_reference_is_reached(golden, facts, strategy):
    view, labels = STRATEGIES[strategy], golden.answers.labels
    scores = ViewScores.of(golden.answers, view, Answers.confidence)
    sides = {"train": scores.member, "test": scores.nonmember}
    rules = {
        **dict.fromkeys(("inference_accuracy", "advantage", "tpr", "fpr", "threshold"), "oracle"),
        **dict.fromkeys(("auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001"), "none"),
    }
    one = {metric: facts["confidence", view, None, rule, metric].value for metric, rule in rules.items()}
    per_class = [
        fact.value
        for (attack, of, label, rule, metric), fact in facts.items()
        if (attack, of, rule, metric) == ("confidence-class", view, "oracle", "inference_accuracy")
        and label is not None
    ]
    found = {
        "inference_acc_oracle": one["inference_accuracy"],
        "inference_acc_oracle_strict_gt": one["inference_accuracy"],
        "advantage": one["advantage"],
        "oracle_tau": one["threshold"],
        "oracle_tpr": one["tpr"],
        "oracle_fpr": one["fpr"],
        "precision_at_oracle_equal_prior": one["tpr"] / (one["tpr"] + one["fpr"]),
        "auc": one["auc"],
        "tpr_at_fpr_1pct": one["tpr_at_fpr_0.01"],
        "tpr_at_fpr_0.1pct": one["tpr_at_fpr_0.001"],
        "gap_attack_acc": facts["gap", view, None, "none", "inference_accuracy"].value,
        "class_oracle_pooled": facts["confidence-class", view, None, "oracle", "inference_accuracy"].value,
        "class_oracle_macro": np.mean(per_class),
        "n_distinct_conf": len(Ranking.of(scores.member, scores.nonmember).taus),
    }
    highest = max(scores.member.max(), scores.nonmember.max())
    for split, side in sides.items():
        found[f"{split}_acc"] = golden.answers.views[view][split].correct(labels[split]).mean()
        found[f"mean_conf_{split}"] = side.mean(dtype=np.float64)
        found[f"n_{split}_conf_eq_max"] = int((side == highest).sum())
    for metric, value in found.items():
        assert value == pytest.approx(golden.expected[f"{strategy}/{metric}"], abs=1e-12), metric
    missing = {name.partition("/")[2] for name in golden.expected if name.startswith(strategy)} - set(found)
    assert all("heldout" in name or "null" in name for name in missing)


def test_the_numbers_of_examples_are_the_references(golden, facts):
    wanted = tuple(golden.expected[name] for name in ("n_train", "n_test"))
    for (_, _, label, rule, _), fact in facts.items():
        if label is None and rule != "heldout":
            assert (fact.n_member, fact.n_nonmember) == wanted
    assert golden.answers.num_classes == golden.expected["n_classes"]
    assert facts["confidence", "benign", None, "heldout", "tpr"].n_nonmember == wanted[1] - wanted[1] // 2


# What is drawn differs with the generator: it agrees within 4 standard errors of both simulations together.


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_held_out_accuracy_is_the_references(golden, facts, strategy):
    of = "confidence", STRATEGIES[strategy], None, "heldout"
    spread = golden.expected[f"{strategy}/heldout_half_std_200"]
    found, wanted = facts[*of, "inference_accuracy"].value, golden.expected[f"{strategy}/heldout_half_mean_200"]
    assert abs(found - wanted) < 4 * spread * np.sqrt(1 / 20 + 1 / 200)
    assert facts[*of, "inference_accuracy_std"].value == pytest.approx(spread, rel=4 / np.sqrt(2 * 19))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_held_out_accuracy_by_class_is_the_references(golden, strategy):
    scores = ViewScores.of(golden.answers, STRATEGIES[strategy], Answers.confidence)
    generator, repeated = np.random.default_rng(0), []
    for _, *rows in by_class(scores.member_label, scores.nonmember_label):
        # The reference fits on half of either side, our attack on as many members as non-members.
        whole = len(rows[0]), len(rows[1])
        fitted = whole[0] // 2, whole[1] // 2
        ranked = Ranking.of(scores.member[rows[0]], scores.nonmember[rows[1]])
        repeated.append(Repeated(*resampling.held_out(ranked, fitted, 100, generator), fitted, whole))
    found = sum(repeated[1:], repeated[0]).accuracies
    spread = golden.expected[f"{strategy}/class_heldout_half_std_100"]
    assert abs(found.mean() - golden.expected[f"{strategy}/class_heldout_half_mean_100"]) < 4 * spread * np.sqrt(0.02)
    assert found.std(ddof=1) == pytest.approx(spread, rel=4 * np.sqrt(2 / 200))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("attack", "name", "draws"),
    [("confidence", "null_oracle_mean_200", 200), ("confidence-class", "class_oracle_null_mean_50", 50)],
)
def test_what_luck_reaches_is_the_references(golden, facts, strategy, attack, name, draws):
    mean, p95 = (
        facts[attack, STRATEGIES[strategy], None, "oracle", metric].value for metric in ("null_mean", "null_p95")
    )
    spread = (p95 - mean) / 1.645
    error = spread * np.sqrt(1 / resampling.PERMUTATIONS + 1 / draws)
    assert abs(mean - golden.expected[f"{strategy}/{name}"]) < 4 * error
    if attack == "confidence":  # a 95 % point's own error is about two and a half times a mean's
        assert abs(p95 - golden.expected[f"{strategy}/null_oracle_p95_200"]) < 4 * 2.5 * error


def test_the_oracle_accuracy_is_a_ratio_of_whole_counts(golden, facts):
    n, m = len(golden.answers.labels["train"]), len(golden.answers.labels["test"])
    for view in STRATEGIES.values():
        tpr, fpr, accuracy = (
            facts["confidence", view, None, "oracle", metric].value for metric in ("tpr", "fpr", "inference_accuracy")
        )
        exact = (Fraction(round(tpr * n), n) + 1 - Fraction(round(fpr * m), m)) / 2
        assert accuracy == pytest.approx(float(exact), abs=1e-15)
