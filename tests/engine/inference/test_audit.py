import dataclasses

import numpy as np
import pytest

from engine import inference, registry
from engine.evaluation.predictions import Answers, Predictions
from engine.spec.experiment import Inference

FAST = Inference(network_splits=2, restarts=1)
OUTCOME = {"inference_accuracy", "advantage", "tpr", "fpr"}
CURVE = {"auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_used_0.01", "fpr_used_0.001"}
LUCK = {"null_mean", "null_p95"}
CLOSED = {"null_mean_smirnov", "null_p95_smirnov"}

SCORES = ("confidence", "entropy", "margin")


def only(*attacks, **settings):
    return dataclasses.replace(FAST, attacks=attacks, **settings)


def by_key(found):
    return {(f.attack, f.view, f.class_label, f.threshold_rule, f.metric): f for f in found}


def audited(predictions, settings=FAST):
    found = list(inference.audit(predictions, settings))
    keyed = by_key(found)
    assert len(keyed) == len(found), "a number is told twice"
    return keyed


@pytest.fixture(scope="module")
def everything():
    """Two views, softmax with ties at one, every attack."""
    generator = np.random.default_rng(0)
    labels = {"train": np.arange(300) % 3, "test": np.arange(240) % 3}
    views = {"benign": {}, "targeted": {}}
    for split, own in labels.items():
        logits = generator.normal(size=(len(own), 2, 3)).astype(np.float32)
        logits[np.arange(len(own)), :, own] += generator.exponential(12 if split == "train" else 6, (len(own), 2))
        views["benign"][split] = Answers.from_logits(logits[:, 0])
        views["targeted"][split] = Answers.from_logits(logits)
    index = {split: np.arange(len(own), dtype=np.int32) for split, own in labels.items()}
    predictions = Predictions(labels, index, views)
    return predictions, audited(predictions)


@pytest.mark.parametrize("view", ["benign", "targeted"])
def test_every_attack_tells_its_rules_and_metrics(everything, view):
    told = {}
    for attack, of, label, rule, metric in everything[1]:
        if of == view:
            told.setdefault((attack, label, rule), set()).add(metric)
    held = OUTCOME | {"inference_accuracy_std"}
    wanted = {}
    for score in SCORES:
        wanted[score, None, "oracle"] = OUTCOME | LUCK | CLOSED | {"threshold"}
        wanted[score, None, "heldout"], wanted[score, None, "none"] = held, CURVE
        for label in (0, 1, 2, None):
            oracle = OUTCOME | LUCK | (set() if label is None else {"threshold"} | CLOSED)
            wanted[f"{score}-class", label, "oracle"] = oracle
            wanted[f"{score}-class", label, "heldout"] = held
            wanted[f"{score}-class", label, "none"] = {"auc"} if label is None else CURVE
    for label in (0, 1, 2, None):
        wanted["model-class", label, "heldout"] = held | CURVE
        wanted["gap", label, "none"] = OUTCOME
    assert told == wanted


def test_every_number_lies_in_its_interval_and_every_share_between_0_and_1(everything):
    for (*_, metric), fact in everything[1].items():
        assert np.isfinite(fact.value)
        if fact.ci_low is not None:
            assert fact.ci_low <= fact.value + 1e-12, fact
            if metric != "auc":
                assert fact.value <= fact.ci_high + 1e-12, fact
            assert (-1 if metric == "advantage" else 0) - 1e-12 <= fact.ci_low
            assert fact.ci_high <= 1 + 1e-12
        assert type(fact.value) is float
        assert type(fact.leaks) in (bool, type(None))
        assert {type(fact.n_member), type(fact.n_nonmember)} == {int}


def test_a_leak_is_a_lower_end_above_a_guess_which_one_of_many_classes_needs_but_which_does_not_do(everything):
    guesses = {"inference_accuracy": 0.5, "advantage": 0.0, "auc": 0.5}
    for (*_, metric), fact in everything[1].items():
        if metric in guesses:
            above = fact.ci_low > guesses[metric]
            assert fact.leaks in ((above,) if fact.class_label is None else (above, False))
        elif not metric.startswith("tpr_at"):
            assert fact.leaks is None


def test_the_oracle_is_never_worse_than_a_guess_nor_than_the_same_rule_held_out(everything):
    for (attack, view, label, rule, metric), fact in everything[1].items():
        if rule == "oracle" and metric == "inference_accuracy":
            assert fact.value >= 0.5
            assert fact.value >= everything[1][attack, view, label, "heldout", metric].value - 0.02


def test_the_gap_rule_is_half_the_gap_between_the_accuracies(everything):
    predictions, found = everything
    for view, splits in predictions.views.items():
        train, test = (splits[split].correct(predictions.labels[split]).mean() for split in ("train", "test"))
        fact = found["gap", view, None, "none", "inference_accuracy"]
        assert fact.value == pytest.approx(0.5 + (train - test) / 2, abs=1e-12)


def test_classes_add_up_to_the_row_of_all(everything):
    predictions, found = everything
    for attack in ("confidence-class", "entropy-class", "margin-class", "gap"):
        rule = "none" if attack == "gap" else "oracle"
        each = [found[attack, "benign", label, rule, "tpr"] for label in range(3)]
        whole = found[attack, "benign", None, rule, "tpr"]
        assert whole.value * whole.n_member == pytest.approx(sum(fact.value * fact.n_member for fact in each))
        assert whole.n_member == len(predictions.labels["train"])


def test_the_classes_auc_compares_within_the_class(everything):
    each = [everything[1]["margin-class", "benign", label, "none", "auc"] for label in range(3)]
    pairs = [fact.n_member * fact.n_nonmember for fact in each]
    whole = everything[1]["margin-class", "benign", None, "none", "auc"]
    assert whole.value == pytest.approx(np.average([fact.value for fact in each], weights=pairs), abs=1e-12)
    assert whole.ci_high - whole.ci_low < min(fact.ci_high - fact.ci_low for fact in each)


def test_leaving_attacks_or_views_out_changes_no_number_of_the_others(everything):
    predictions, found = everything
    for attack in ("margin", "confidence-class", "model-class"):
        alone = Predictions(predictions.labels, predictions.index, {"targeted": predictions.views["targeted"]})
        assert audited(alone, only(attack)) == {
            key: fact for key, fact in found.items() if key[0] == attack and key[1] == "targeted"
        }


def test_the_seed_decides_the_draw_and_nothing_else(make_predictions):
    predictions = make_predictions(200, 200, 3, 0.5)
    first, again, other = (audited(predictions, dataclasses.replace(FAST, seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert first.keys() == other.keys()
    drawn_by_lot = LUCK | {"inference_accuracy_std"}
    for key, fact in first.items():
        *_, rule, metric = key
        if rule != "heldout" and metric not in drawn_by_lot:
            assert fact.value == other[key].value
    for attack, rule, metric in [("confidence", "heldout", "tpr"), ("model-class", "heldout", "auc")]:
        assert first[attack, "benign", None, rule, metric].value != other[attack, "benign", None, rule, metric].value


def test_the_order_of_the_examples_does_not_matter_to_what_is_not_drawn(make_predictions):
    before = make_predictions(300, 200, 3, 1.0)
    generator = np.random.default_rng(0)
    order = {split: generator.permutation(len(own)) for split, own in before.labels.items()}
    turned = Predictions(
        {split: own[order[split]] for split, own in before.labels.items()},
        before.index,
        {"benign": {s: Answers.from_logits(own.logits[order[s]]) for s, own in before.views["benign"].items()}},
    )
    attacks = only("confidence", "margin-class", "gap")
    found = [
        {key: fact.value for key, fact in audited(one, attacks).items() if key[3] in ("oracle", "none")}
        for one in (before, turned)
    ]
    assert {k: v for k, v in found[0].items() if k[4] not in LUCK} == pytest.approx(
        {k: v for k, v in found[1].items() if k[4] not in LUCK}
    )


def test_examples_reported_on_are_those_not_chosen_with(make_predictions):
    found = audited(make_predictions(400, 300, 2), only("confidence", "confidence-class", "model-class", per_class=20))
    overall = found["confidence", "benign", None, "heldout", "tpr"]
    assert (overall.n_member, overall.n_nonmember) == (200, 150)
    for attack in ("confidence-class", "model-class"):
        pooled = found[attack, "benign", None, "heldout", "tpr"]
        assert (pooled.n_member, pooled.n_nonmember) == (400 - 40, 300 - 40)


def test_small_classes_shrink_the_choosing_part_and_keep_a_rest(make_predictions):
    for (_, _, label, rule, metric), fact in audited(make_predictions(40, 20, 4)).items():
        if rule == "heldout" and label is not None and metric == "tpr":
            assert fact.n_member > 0
            assert fact.n_nonmember > 0


def test_a_class_missing_on_one_side_is_left_out(make_predictions):
    predictions = make_predictions(30, 30, 3)
    predictions.labels["test"][predictions.labels["test"] == 2] = 1
    for attack in ("confidence-class", "model-class", "gap"):
        assert {key[2] for key in audited(predictions, only(attack))} == {0, 1, None}


def test_one_example_on_either_side_is_told_by_the_oracle_alone(make_predictions):
    found = audited(make_predictions(1, 1, 2))
    assert {key[3] for key in found if key[0] == "confidence"} == {"oracle", "none"}
    assert not any(key[0] == "model-class" for key in found)


def test_leakage_is_found_where_members_are_more_confident(make_predictions):
    predictions = make_predictions(1000, 1000, 5, 2.0)
    found = audited(predictions, only(*(attack for attack in registry.attacks_on() if attack != "model-class")))
    for attack in (*SCORES, *(f"{score}-class" for score in SCORES)):
        fact = found[attack, "benign", None, "heldout", "inference_accuracy"]
        assert fact.leaks
        assert fact.ci_low > 0.6
    assert found["gap", "benign", None, "none", "inference_accuracy"].leaks


def test_each_attack_is_announced_before_its_view_and_may_stop_the_audit(make_predictions):
    told = []

    def on_attack(attack, view):
        told.append((attack, view))
        if attack == "gap":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(inference.audit(make_predictions(20, 20, 2), only("confidence", "gap", "margin"), on_attack))
    assert told == [("confidence", "benign"), ("gap", "benign")]


def test_infinite_margins_of_a_softmax_are_told_too():
    rows = np.float32([[1, 0], [0.9, 0.1], [0.5, 0.5], [0, 1]] * 10)
    labels = {"train": np.zeros(40, np.int64), "test": np.zeros(40, np.int64)}
    answers = {"train": Answers(rows, None), "test": Answers(rows[::-1], None)}
    found = audited(Predictions(labels, {}, {"benign": answers}), only("margin", "margin-class", "entropy"))
    for key, fact in found.items():
        if key[3:] == ("none", "auc"):
            assert fact.value == 0.5
        if key[4] == "threshold":
            assert fact.value == -np.inf  # everybody is a member: nothing beats a guess


def test_networks_that_see_too_few_of_a_class_are_warned_of(make_predictions):
    predictions = make_predictions(60, 60, 2)
    for split in ("train", "test"):
        predictions.labels[split][:] = np.repeat([0, 1], [39, 21])
    assert "networks see 10 members and as many non-members" in inference.scarcity(predictions, Inference())
    assert inference.scarcity(predictions, Inference(per_class=10)) is None
    assert inference.scarcity(predictions, Inference(attacks=("gap", "confidence-class"))) is None
