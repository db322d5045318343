import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine import inference
from engine.evaluation.predictions import Answers, Predictions
from engine.inference import model_class, networks, ranking
from engine.inference.model_class import ClassSplits
from engine.inference.networks import Task
from engine.spec.experiment import Inference

QUICK = Inference(attacks=("model-class",), network_splits=2, restarts=1)


def facts_of(predictions, settings=QUICK):
    return {(f.attack, f.class_label, f.threshold_rule, f.metric): f for f in inference.audit(predictions, settings)}


@pytest.fixture
def fits(monkeypatch):
    """Tasks given to `networks.fit` and the networks that came out, call by call."""
    calls, really = [], networks.fit

    def fit(tasks, restarts, on_round):
        found = really(tasks, restarts, on_round)
        calls.append((list(tasks), found))
        return found

    monkeypatch.setattr(networks, "fit", fit)
    return calls


def told_by_a_wrong_class(each=150, classes=4, seed=0):
    """Members' second choice is the class after the true one, others' the one before it: no threshold can see it."""
    generator = np.random.default_rng(seed)
    labels = {split: np.repeat(np.arange(classes), each) for split in ("train", "test")}
    answers = {}
    for split, step in (("train", 1), ("test", -1)):
        rows, own = np.arange(classes * each), labels[split]
        logits = np.zeros((len(own), classes), np.float32)
        logits[rows, own] = generator.normal(3, 1, len(own))
        logits[rows, (own + step) % classes] = generator.normal(1.5, 0.5, len(own))
        answers[split] = Answers.from_logits(logits + generator.normal(0, 0.2, logits.shape).astype(np.float32))
    index = {split: np.arange(len(own), dtype=np.int32) for split, own in labels.items()}
    return Predictions(labels, index, {"benign": answers})


def test_it_finds_what_no_threshold_can():
    predictions = told_by_a_wrong_class()
    others = ("confidence-class", "entropy-class", "margin-class", "gap")
    found = facts_of(predictions, Inference(attacks=("model-class", *others), network_splits=2, restarts=1))
    accuracy = found["model-class", None, "heldout", "inference_accuracy"]
    assert accuracy.ci_low > 0.9
    assert accuracy.leaks
    assert found["model-class", None, "heldout", "auc"].value > 0.97
    for attack in others:
        rule = "none" if attack == "gap" else "heldout"
        assert found[attack, None, rule, "inference_accuracy"].value < 0.56, attack


def test_networks_see_the_fitted_rows_alone(fits, make_predictions):
    """Answers of every example that is never fitted on are replaced: not one weight changes."""
    settings = Inference(attacks=("model-class",), network_splits=1, restarts=1, per_class=10)
    before = make_predictions(120, 100, 3, shift=1.0)
    first = facts_of(before, settings)
    seen = {row.tobytes() for own in fits[0][0] for row in own.features}
    changed = {}
    for split, answers in before.views["benign"].items():
        logits = answers.logits.copy()
        unseen = [row.tobytes() not in seen for row in model_class.features(answers)]
        assert 0 < sum(unseen) == len(logits) - 3 * 10
        logits[unseen] = np.random.default_rng(1).normal(size=(sum(unseen), 3)) * 50
        changed[split] = Answers.from_logits(logits)
    second = facts_of(Predictions(before.labels, before.index, {"benign": changed}), settings)
    for one, other in zip(fits[0][1], fits[1][1], strict=True):
        for old, new in zip(one.weights, other.weights, strict=True):
            assert np.array_equal(old.numpy(), new.numpy())
        assert np.array_equal(one.mean, other.mean)
    assert first != second


def test_every_network_is_reported_on_the_rest(fits, make_predictions):
    predictions = make_predictions(120, 90, 3, shift=1.0)
    found = facts_of(predictions)
    tasks, fitted = fits[0]
    features = {split: model_class.features(answers) for split, answers in predictions.views["benign"].items()}
    counts = np.zeros((2, 2))
    for place, own in enumerate(tasks):
        label, split = place // 2, place % 2
        seen = {row.tobytes() for row in own.features}
        for column, name in enumerate(("train", "test")):
            rows = features[name][predictions.labels[name] == label]
            rest = np.array([row for row in rows if row.tobytes() not in seen])
            counts[split, column] += (fitted[place].log_odds(rest) >= 0).sum()
    fact = found["model-class", None, "heldout", "tpr"]
    assert fact.value == pytest.approx(counts[:, 0].mean() / fact.n_member)
    assert found["model-class", None, "heldout", "fpr"].value == pytest.approx(counts[:, 1].mean() / fact.n_nonmember)


def test_repeated_counts_only_what_a_split_had_not_seen():
    fitted = np.array([[True, False, False, True, False], [False, True, False, False, True]])
    own = ClassSplits(0, np.zeros((5, 1), np.float32), np.array([True, True, True, False, False]), fitted, ~fitted)
    odds = np.array([[9.0, 1.0, -1.0, 9.0, 0.0], [2.0, 9.0, 3.0, -0.1, 9.0]])
    found = model_class.repeated_of(own, odds)
    assert found.true_positives.tolist() == [1, 2]
    assert found.false_positives.tolist() == [1, 0]
    assert (found.fitted, found.whole, found.rest) == ((1, 1), (3, 2), (2, 1))


def test_the_auc_ranks_by_what_splits_say_that_had_not_seen_the_example(fits, make_predictions):
    predictions = make_predictions(60, 60, 2, shift=1.0)
    for split in ("train", "test"):
        predictions.labels[split][:] = np.repeat([0, 1], 30)  # as many members as others: all unseen ones are judged
    found = facts_of(predictions)
    tasks, fitted = fits[0]
    scores, members = [], []
    for name, member in (("train", True), ("test", False)):
        features = model_class.features(predictions.views["benign"][name])
        for row, label in zip(features, predictions.labels[name], strict=True):
            said = [
                fitted[2 * label + split].log_odds(row[None])[0]
                for split in range(2)
                if row.tobytes() not in {other.tobytes() for other in tasks[2 * label + split].features}
            ]
            if said:
                scores.append(np.mean(said))
                members.append(member)
    fact = found["model-class", None, "heldout", "auc"]
    assert fact.value == pytest.approx(roc_auc_score(members, scores), abs=2e-4)
    assert fact.n_member + fact.n_nonmember == len(scores) < 120


@pytest.mark.parametrize("sizes", [(1900, 514), (600, 1197)])
def test_members_and_others_are_judged_by_as_many_splits(sizes):
    own = next(splits_of(sizes, classes=1, seed=0))
    assert not (own.judged & own.fitted).any()
    shares = [own.judged[:, side].mean(axis=1) for side in (own.member, ~own.member)]
    assert shares[0] == pytest.approx(shares[1], abs=2e-3)
    assert shares[0] == pytest.approx(np.full(3, 0.5), abs=2e-3)


@pytest.mark.parametrize("sizes", [(1900, 514), (600, 1197)])
def test_answers_that_tell_nothing_find_members_at_a_low_rate_as_often_as_a_guess(sizes):
    """Of m others with k allowed a guess finds (k + 1) / (m + 1): the mean share above one of them."""
    generator, found, wanted = np.random.default_rng(0), [], []
    for seed in range(150):
        parts = list(splits_of(sizes, classes=10, seed=seed))
        odds = [generator.normal(size=len(own.member)) + generator.normal(size=own.fitted.shape) for own in parts]
        ranked = model_class._ranked(list(zip(parts, odds, strict=True)))
        found.append(ranking.tpr_at(*ranked.positives(), 0.01))
        wanted.append((ranking.allowed(0.01, ranked.n_nonmember) + 1) / (ranked.n_nonmember + 1))
    assert abs(np.mean(found) - np.mean(wanted)) < 4 * np.std(found) / np.sqrt(len(found))


def splits_of(sizes, classes, seed):
    """Each class's splits of so many members and others, whose answers do not matter."""
    labels = {split: np.arange(size) % classes for split, size in zip(("train", "test"), sizes, strict=True)}
    answers = {split: Answers(np.full((len(own), 2), 0.5, np.float32), None) for split, own in labels.items()}
    predictions = Predictions(labels, {}, {"benign": answers})
    return model_class._splits(predictions, "benign", Inference(), np.random.default_rng(seed))


def test_the_features_are_log_probabilities_cut_off_and_the_targets_one_after_another():
    logits = np.float32([[[3, 0, 0], [0, 50, 0]]])
    found = model_class.features(Answers.from_logits(logits))
    row = logits[0].astype(float)
    logs = row - np.log(np.exp(row).sum(axis=1, keepdims=True))
    assert found.shape == (1, 6)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(np.maximum(logs, -10).ravel(), abs=1e-6)


def test_a_softmax_with_zeros_is_cut_off_too():
    found = model_class.features(Answers(np.float32([[1, 0, 0]]), None))
    assert found.tolist() == [[0, -10, -10]]


def test_the_targeted_view_is_read_whole(fits, make_predictions):
    facts_of(make_predictions(60, 60, 4, shift=1.0, view="targeted"))
    assert {own.features.shape[1] for own in fits[0][0]} == {12}


def test_each_class_and_split_has_a_seed_of_its_own(fits, make_predictions):
    facts_of(make_predictions(60, 60, 3))
    seeds = [own.seed for own in fits[0][0]]
    assert len(set(seeds)) == len(seeds) == 6
    assert all(isinstance(own, Task) for own in fits[0][0])


def test_classes_under_two_to_fit_on_are_left_out(make_predictions):
    predictions = make_predictions(60, 60, 2)
    predictions.labels["test"][:] = np.repeat([0, 1], [57, 3])  # class 1: a fitting part of one
    assert {key[1] for key in facts_of(predictions)} == {0, None}
    predictions.labels["test"][:] = 0
    predictions.labels["train"][:] = 1
    assert facts_of(predictions) == {}


def test_the_smallest_class_of_two_and_two_to_fit_on_has_all_its_numbers(make_predictions):
    predictions = make_predictions(8, 8, 2)
    for split in ("train", "test"):
        predictions.labels[split][:] = np.repeat([0, 1], 4)
    found = facts_of(predictions, Inference(attacks=("model-class",), network_splits=1))
    for label in (0, 1, None):
        fact = found["model-class", label, "heldout", "inference_accuracy"]
        assert 0 <= fact.ci_low <= fact.value <= fact.ci_high <= 1
    assert found["model-class", 0, "heldout", "tpr"].n_member == 2


def test_all_numbers_are_held_out(make_predictions):
    found = facts_of(make_predictions(100, 100, 2), Inference(attacks=("model-class",), restarts=1))
    assert {key[2] for key in found} == {"heldout"}
    metrics = {"inference_accuracy", "advantage", "tpr", "fpr", "inference_accuracy_std"}
    metrics |= {"auc", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_used_0.01", "fpr_used_0.001"}
    for label in (0, 1, None):
        assert {key[3] for key in found if key[1] == label} == metrics


def test_networks_that_are_no_longer_wanted_leave_their_classes_out(monkeypatch, make_predictions):
    """A class at a time; the one under way when the answer becomes no is left out too, the others are as they were."""
    monkeypatch.setattr(networks, "stack_size", lambda *_: 1)
    predictions, settings = make_predictions(90, 90, 3, shift=1.0), Inference(attacks=("model-class",))
    asked = []

    def go_on(done, classes):
        asked.append((done, classes))
        return asked.count((2, 3)) < 4

    whole = {fact for fact in inference.audit(predictions, settings) if fact.metric == "inference_accuracy"}
    found = [
        fact for fact in inference.audit(predictions, settings, go_on=go_on) if fact.metric == "inference_accuracy"
    ]
    assert [fact.class_label for fact in found] == [0, 1, None]
    assert set(found[:2]) < whole
    assert {done for done, _ in asked} == {0, 1, 2}
    assert asked[-1] == (2, 3)
    assert list(inference.audit(predictions, settings, go_on=lambda *_: False)) == []
