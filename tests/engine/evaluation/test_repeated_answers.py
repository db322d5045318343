"""Copies of train images among the test images are told by their answers; answers alike by chance are not."""

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation import prediction_files, repeated_answers
from engine.evaluation.predictions import SPLITS, Answers, Predictions


def logits(generator, size, classes, scale):
    return (generator.normal(size=(size, classes)) * scale).astype(np.float32)


def planted(count, classes=10, size=(1500, 500), scale=3.0, make=Answers.from_logits, within=0):
    """Predictions whose first `count` test answers are those of train images; `within` train answers come twice."""
    generator = np.random.default_rng(classes)
    train, test = (logits(generator, n, classes, scale) for n in size)
    test[:count] = train[:count]
    train[len(train) - within :] = train[count : count + within]
    labels = {split: np.arange(n) % classes for split, n in zip(SPLITS, size, strict=True)}
    return Predictions(labels, labels, {"benign": {"train": make(train), "test": make(test)}})


def softmax(values):
    return Answers(Answers.from_logits(values).probabilities, None)


def rounded(digits):
    return lambda values: Answers(np.round(softmax(values).probabilities, digits), None)


def half(values):
    return Answers(softmax(values).probabilities.astype(np.float16).astype(np.float32), None)


def one_hot(values):
    return Answers(np.eye(values.shape[1], dtype=np.float32)[values.argmax(axis=1)], None)


def leaves(values):
    """A tree's: 40 different answers for all images."""
    kinds = softmax(values[:40]).probabilities
    return Answers(kinds[np.abs(values[:, 0] * 1e6).astype(int) % 40], None)


def forest(values):
    """A small forest's: thousands of answers, each of full precision, met a few times each."""
    answers = np.log1p(np.abs(np.round(values[:, :3] * 2)))
    return softmax(np.concatenate([answers, np.zeros_like(answers[:, :1])], axis=1).astype(np.float32))


MAKERS = {
    "logits": (Answers.from_logits, 10, 3.0),
    "logits of two classes": (Answers.from_logits, 2, 3.0),
    "softmax": (softmax, 10, 3.0),
    "saturated softmax": (softmax, 10, 40.0),
    "softmax of two classes": (softmax, 2, 3.0),
    "float16": (half, 10, 3.0),
    "saturated float16": (half, 10, 40.0),
    "rounded to 1": (rounded(1), 10, 3.0),
    "rounded to 2": (rounded(2), 10, 3.0),
    "rounded to 3": (rounded(3), 10, 3.0),
    "one-hot": (one_hot, 10, 3.0),
    "leaves": (leaves, 10, 3.0),
    "forest": (forest, 10, 3.0),
}


@pytest.mark.parametrize(("make", "classes", "scale"), MAKERS.values(), ids=MAKERS)
def test_of_different_images_nothing_is_said(make, classes, scale):
    assert list(repeated_answers.warnings(planted(0, classes, make=make, scale=scale))) == []


@pytest.mark.parametrize("kind", ["logits", "logits of two classes", "softmax", "float16"])
@pytest.mark.parametrize("count", [1, 40])
def test_copies_are_counted_where_answers_hold_enough_digits(kind, count):
    make, classes, scale = MAKERS[kind]
    (warning,) = repeated_answers.warnings(planted(count, classes, make=make, scale=scale))
    assert (warning.topic, warning.view) == ("membership", None)
    told = int(warning.message.split()[2])
    assert told == count if kind != "float16" else 0 < told <= count
    assert warning.message.endswith(": non-members that were trained on hide leakage")


@pytest.mark.parametrize("kind", ["softmax of two classes", "rounded to 3"])
def test_many_copies_exceed_what_luck_explains_where_answers_hold_few_digits(kind):
    make, classes, scale = MAKERS[kind]
    (warning,) = repeated_answers.warnings(planted(300, classes, make=make, scale=scale))
    told, luck = int(warning.message.split()[2]), float(warning.message.split("explains ")[1].split(")")[0])
    assert luck < 100 < told


def test_what_repeats_within_a_split_is_told_beside():
    (warning,) = repeated_answers.warnings(planted(7, within=5))
    assert warning.message.startswith("at least 7 of 500 test answers equal a train answer to the last digit")
    assert warning.message.endswith("; 5 train answers repeat one of their own split")


def test_one_view_is_enough_to_tell():
    plain, copied = planted(0), planted(20)
    views = {"benign": plain.views["benign"], "adversarial": copied.views["benign"]}
    (warning,) = repeated_answers.warnings(replace(plain, views=views))
    assert warning.message.startswith("at least 20 of 500")


def test_a_model_that_ignores_its_input_has_no_copies():
    constant = {
        split: Answers.from_logits(np.float32([[0.123, 4.567, -8.9]] * n)) for split, n in (("train", 90), ("test", 30))
    }
    labels = {"train": np.arange(90) % 3, "test": np.arange(30) % 3}
    assert list(repeated_answers.warnings(Predictions(labels, labels, {"benign": constant}))) == []


@pytest.mark.parametrize("name", ["yale-natural", "yale-pgd", "yale-ibp"])
def test_the_papers_files_hold_no_copies_and_planted_ones_are_found(shared, name):
    answers = prediction_files.load(shared / "data" / "golden" / f"{name}.npz")
    assert list(repeated_answers.warnings(answers)) == []
    views = {}
    for view, own in answers.views.items():
        test = own["test"].probabilities.copy()
        test[:30] = own["train"].probabilities[:30]
        views[view] = {"train": own["train"], "test": Answers(test, None)}
    (warning,) = repeated_answers.warnings(replace(answers, views=views))
    assert 20 <= int(warning.message.split()[2]) <= 32  # saturated rows are missed, or a pair by luck is in


def test_answers_that_repeat_in_their_own_split_alone_are_told_too():
    draw = np.random.default_rng(0)
    labels = {"train": np.arange(600) % 5, "test": np.arange(300) % 5}
    logits = {split: draw.normal(size=(len(own), 5)).astype(np.float32) for split, own in labels.items()}
    logits["train"][60:] = np.tile(logits["train"][:60], (9, 1))
    views = {"benign": {split: Answers.from_logits(own) for split, own in logits.items()}}
    (warning,) = repeated_answers.warnings(Predictions(labels, labels, views))
    assert warning.topic == "data"
    assert warning.message.startswith("540 train answers repeat one of their own split to the last digit")
