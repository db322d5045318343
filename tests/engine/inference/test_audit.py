import csv

import numpy as np
import pytest

from engine import inference, predictions
from engine.inference.scores import ViewScores
from engine.predictions import Answers, Predictions
from engine.spec import Inference


def facts_by_key(found):
    return {(f.attack, f.view, f.class_label, f.threshold_rule, f.metric): f for f in found}


def random_predictions(n_member, n_nonmember, classes, shift, seed=0):
    generator = np.random.default_rng(seed)
    labels = {"train": generator.integers(0, classes, n_member), "test": generator.integers(0, classes, n_nonmember)}
    answers = {}
    for split in ("train", "test"):
        logits = generator.normal(size=(len(labels[split]), classes)).astype(np.float32)
        logits[np.arange(len(logits)), labels[split]] += 1 + (shift if split == "train" else 0)
        answers[split] = Answers.from_logits(logits)
    index = {split: np.arange(len(labels[split]), dtype=np.int32) for split in labels}
    return Predictions(labels, index, {"benign": answers})


@pytest.mark.parametrize("name", ["yale-natural", "yale-pgd", "yale-ibp"])
def test_golden_files_of_the_paper(shared, name):
    golden = shared / "data" / "golden"
    with open(golden / "expected.csv", newline="") as stream:
        expected = {
            row["metric"]: float(row["value"]) for row in csv.DictReader(stream) if row["file"] == f"{name}.npz"
        }
    loaded = predictions.load(golden / f"{name}.npz")
    found = facts_by_key(inference.audit(loaded, Inference()))
    ours = {"inference_acc_oracle": "inference_accuracy", "advantage": "advantage", "oracle_tau": "threshold"}
    ours |= {"oracle_tpr": "tpr", "oracle_fpr": "fpr"}
    for view, strategy in (("benign", "I_B"), ("adversarial", "I_A")):
        for theirs, metric in ours.items():
            fact = found["confidence", view, None, "oracle", metric]
            assert fact.value == pytest.approx(expected[f"{strategy}/{theirs}"], abs=1e-12)
            assert (fact.n_member, fact.n_nonmember) == (expected["n_train"], expected["n_test"])
        per_class = [
            fact.value
            for (attack, of, label, rule, metric), fact in found.items()
            if (attack, of, rule, metric) == ("confidence-class", view, "oracle", "inference_accuracy")
            and label is not None
        ]
        pooled = found["confidence-class", view, None, "oracle", "inference_accuracy"].value
        assert pooled == pytest.approx(expected[f"{strategy}/class_oracle_pooled"], abs=1e-12)
        assert np.mean(per_class) == pytest.approx(expected[f"{strategy}/class_oracle_macro"], abs=1e-12)
        for split in ("train", "test"):
            correct = loaded.views[view][split].correct(loaded.labels[split])
            assert correct.mean() == pytest.approx(expected[f"{strategy}/{split}_acc"], abs=1e-12)


def test_heldout_reports_only_on_examples_it_did_not_choose_with():
    found = facts_by_key(inference.audit(random_predictions(400, 300, 2, 0.0), Inference(per_class=20)))
    overall = found["confidence", "benign", None, "heldout", "tpr"]
    assert (overall.n_member, overall.n_nonmember) == (200, 150)
    pooled = found["confidence-class", "benign", None, "heldout", "tpr"]
    assert (pooled.n_member, pooled.n_nonmember) == (400 - 40, 300 - 40)


def test_small_classes_shrink_the_choosing_part_and_keep_a_rest():
    found = facts_by_key(inference.audit(random_predictions(40, 20, 4, 0.0), Inference()))
    for label in range(4):
        fact = found.get(("confidence-class", "benign", label, "heldout", "tpr"))
        assert fact is None or (fact.n_member > 0 and fact.n_nonmember > 0)


def test_a_class_missing_on_one_side_is_left_out():
    answers = random_predictions(30, 30, 3, 0.0)
    answers.labels["test"][answers.labels["test"] == 2] = 1
    labels = {f.class_label for f in inference.audit(answers, Inference()) if f.attack == "confidence-class"}
    assert labels == {0, 1, None}


def test_the_seed_decides_the_draw_and_nothing_else():
    answers = random_predictions(200, 200, 3, 0.5)
    first, again = (list(inference.audit(answers, Inference(seed=3))) for _ in range(2))
    other = list(inference.audit(answers, Inference(seed=4)))
    assert first == again
    assert first != other
    oracle = [[f for f in facts if f.threshold_rule == "oracle"] for facts in (first, other)]
    assert oracle[0] == oracle[1]


def test_without_leakage_heldout_accuracy_is_one_half_on_average():
    values = [
        facts_by_key(inference.audit(random_predictions(500, 500, 5, 0.0, seed), Inference()))[
            "confidence", "benign", None, "heldout", "inference_accuracy"
        ].value
        for seed in range(60)
    ]
    assert abs(np.mean(values) - 0.5) < 0.01


def test_leakage_is_found_where_members_are_more_confident():
    found = facts_by_key(inference.audit(random_predictions(2000, 2000, 5, 2.0), Inference()))
    heldout = found["confidence", "benign", None, "heldout", "inference_accuracy"]
    assert heldout.ci_low > 0.6


def test_order_of_the_examples_does_not_matter_to_the_oracle():
    answers = random_predictions(300, 200, 3, 1.0)
    scores = ViewScores.of(answers, "benign")
    turned = ViewScores(
        "benign", scores.member[::-1], scores.nonmember[::-1], scores.member_label[::-1], scores.nonmember_label[::-1]
    )
    results = [
        [f for attack in inference.ATTACKS.values() for f in attack(s, Inference()) if f.threshold_rule == "oracle"]
        for s in (scores, turned)
    ]
    assert results[0] == results[1]
