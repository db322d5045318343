import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.evaluation import prediction_files, predictions
from engine.evaluation.prediction_files import PredictionsError
from engine.evaluation.predictions import Answers, Predictions
from engine.run_warnings import RunWarning

LOGITS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-60, 60, width=32))

WARNINGS = (RunWarning("attack", "3 of 4 nowhere", "adversarial"), RunWarning("data", "a\x1bb"))

TARGETED = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(2, 5)).map(lambda shape: (shape[0], shape[1] - 1, shape[1])),
    elements=st.floats(-60, 60, width=32),
)


def sample(views=("benign",), size=6):
    generator = np.random.default_rng(0)
    labels = {"train": np.arange(size) % 3, "test": np.arange(size - 2) % 3}
    index = {split: np.arange(len(rows), dtype=np.int32)[::-1].copy() for split, rows in labels.items()}

    def logits(view, split):
        shape = (2, 3) if view == "targeted" else (3,)
        return generator.normal(size=(len(labels[split]), *shape)).astype(np.float32)

    answers = {view: {split: Answers.from_logits(logits(view, split)) for split in labels} for view in views}
    return Predictions(labels, index, answers, class_names=("cat", "dög", "fish"), warnings=WARNINGS)


def rewrite(path, change):
    """Write the file again with what `change` makes of its arrays."""
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    np.savez(path, **change(content))


@given(LOGITS)
def test_margin_is_the_log_odds_of_the_true_class(logits):
    labels = np.zeros(len(logits), np.int64)
    margins = Answers.from_logits(logits).margin(labels)
    for row, margin in zip(logits.astype(float), margins, strict=True):
        others = math.log(sum(math.exp(z - max(row[1:])) for z in row[1:])) + max(row[1:])
        assert margin == pytest.approx(row[0] - others, abs=1e-9)


def test_margin_does_not_saturate_where_confidence_does():
    answers = Answers.from_logits(np.float32([[50, 0], [60, 0]]))
    assert answers.confidence(np.array([0, 0])).tolist() == [1.0, 1.0]
    assert answers.margin(np.array([0, 0])).tolist() == [50.0, 60.0]


def test_margin_of_a_softmax_is_its_log_odds_and_infinite_at_its_ends():
    """A float32 softmax of another program may be a last digit above one."""
    answers = Answers(np.float32([[0.25, 0.75], [1, 0], [0, 1], [1.0000001, 0]]), None)
    margins = answers.margin(np.zeros(4, np.int64))
    assert margins.tolist() == [pytest.approx(math.log(1 / 3)), math.inf, -math.inf, math.inf]


def by_definition(probabilities, logits, labels):
    """(confidence, margin, correct) of each example, the worst over its answers, by plain loops in float64."""
    found = []
    for row, (answers, label) in enumerate(zip(probabilities, labels, strict=True)):
        confidences, margins, right = [], [], []
        for target, answer in enumerate(answers):
            confidences.append(float(answer[label]))
            scores = answer if logits is None else logits[row, target]
            right.append(int(scores.argmax()) == label)
            if logits is None:
                p = float(answer[label])
                margins.append(math.inf if p == 1 else -math.inf if p == 0 else math.log(p) - math.log1p(-p))
            else:
                others = [float(z) for place, z in enumerate(scores) if place != label]
                top = max(others)
                margins.append(float(scores[label]) - top - math.log(sum(math.exp(z - top) for z in others)))
        found.append((min(confidences), min(margins), all(right)))
    return found


@given(TARGETED, st.data())
@pytest.mark.parametrize("kept", ["logits", "softmax"])
def test_an_examples_targeted_numbers_are_the_worst_of_its_answers(kept, logits, data):
    labels = np.array(
        data.draw(st.lists(st.integers(0, logits.shape[2] - 1), min_size=len(logits), max_size=len(logits)))
    )
    answers = Answers.from_logits(logits)
    if kept == "softmax":
        answers, logits = Answers(answers.probabilities, None), None
    told = zip(answers.confidence(labels), answers.margin(labels), answers.correct(labels), strict=True)
    for (confidence, margin, correct), right in zip(
        told, by_definition(answers.probabilities, logits, labels), strict=True
    ):
        assert confidence == np.float32(right[0])
        assert margin == pytest.approx(right[1], abs=1e-9)
        assert bool(correct) is right[2]


def test_numbers_are_one_for_each_example_in_the_documented_types():
    answers = sample(("benign", "targeted"))
    for splits in answers.views.values():
        for split, labels in answers.labels.items():
            told = splits[split].confidence(labels), splits[split].margin(labels), splits[split].correct(labels)
            assert [(values.dtype, values.shape) for values in told] == [
                (np.dtype(kind), labels.shape) for kind in (np.float32, np.float64, np.bool_)
            ]


def test_a_file_gives_back_what_was_saved(tmp_path):
    before = sample(("benign", "adversarial", "targeted"))
    predictions.save(tmp_path / "p.npz", before)
    after = prediction_files.load(tmp_path / "p.npz")
    assert list(after.views) == list(before.views)
    for split in predictions.SPLITS:
        assert np.array_equal(after.labels[split], before.labels[split])
        assert np.array_equal(after.index[split], before.index[split])
        for view in before.views:
            assert np.array_equal(after.views[view][split].probabilities, before.views[view][split].probabilities)
            assert np.array_equal(after.views[view][split].logits, before.views[view][split].logits)
    assert after.num_classes == 3
    assert after.warnings == before.warnings
    assert after.class_names == before.class_names == ("cat", "dög", "fish")
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_names_of_classes_are_such_as_a_terminal_and_the_store_can_take(tmp_path):
    before = dataclasses.replace(sample(), class_names=("caf\udce9", "\x1b[2J", "two\nlines"))
    assert before.class_names == ("caf\ufffd", "\ufffd[2J", "two\ufffdlines")
    predictions.save(tmp_path / "p.npz", before)
    rewrite(tmp_path / "p.npz", lambda found: found | {"class_names": np.array(["a\x1b", "b", "c"])})
    assert prediction_files.load(tmp_path / "p.npz").class_names == ("a\ufffd", "b", "c")


@pytest.mark.parametrize("names", [["one", "two"], [1, 2, 3], [[b"a", b"b", b"c"]]])
def test_names_must_be_a_text_for_each_class(tmp_path, names):
    predictions.save(tmp_path / "p.npz", sample())
    rewrite(tmp_path / "p.npz", lambda found: found | {"class_names": np.array(names)})
    with pytest.raises(PredictionsError, match="class_names must be a text for each"):
        prediction_files.load(tmp_path / "p.npz")


def test_of_the_targeted_view_only_the_logits_are_written(tmp_path):
    before = sample(("benign", "targeted"))
    predictions.save(tmp_path / "p.npz", before)
    with np.load(tmp_path / "p.npz") as archive:
        assert [name for name in archive.files if "targeted" in name] == [
            "logits_train_targeted",
            "logits_test_targeted",
        ]
        assert archive["logits_train_targeted"].shape == (6, 2, 3)
        assert archive["logits_train_targeted"].dtype == np.float32


def test_raw_logits_are_as_good_as_their_softmax(tmp_path):
    predictions.save(tmp_path / "p.npz", sample(("benign", "adversarial", "targeted")))
    both = prediction_files.load(tmp_path / "p.npz")
    rewrite(tmp_path / "p.npz", lambda content: {key: content[key] for key in content if "output" not in key})
    raw = prediction_files.load(tmp_path / "p.npz")
    for view, splits in both.views.items():
        for split, labels in both.labels.items():
            ours, theirs = splits[split], raw.views[view][split]
            assert np.array_equal(ours.probabilities, theirs.probabilities)
            assert np.array_equal(ours.logits, theirs.logits)
            assert np.array_equal(ours.margin(labels), theirs.margin(labels))


@pytest.mark.parametrize("view", ["benign", "targeted"])
def test_a_softmax_alone_will_do(tmp_path, view):
    whole = sample((view,))
    path = tmp_path / "p.npz"
    outputs = {f"output_{split}_{view}": whole.views[view][split].probabilities for split in predictions.SPLITS}
    np.savez(path, **outputs, train_label=whole.labels["train"], test_label=whole.labels["test"])
    read = prediction_files.load(path)
    assert read.views[view]["train"].logits is None
    assert read.index["train"].tolist() == list(range(6))
    for split, labels in whole.labels.items():
        ours, theirs = whole.views[view][split], read.views[view][split]
        assert np.array_equal(ours.confidence(labels), theirs.confidence(labels))
        assert np.array_equal(ours.correct(labels), theirs.correct(labels))
        assert np.allclose(ours.margin(labels), theirs.margin(labels), atol=1e-4)


def test_the_file_has_the_keys_of_the_papers_files(tmp_path):
    predictions.save(tmp_path / "p.npz", sample(("benign", "adversarial")))
    with np.load(tmp_path / "p.npz") as archive:
        assert {
            "output_train_benign",
            "output_test_benign",
            "output_train_adversarial",
            "output_test_adversarial",
            "train_label",
            "test_label",
        } <= set(archive.files)
        assert archive["output_train_benign"].dtype == np.float32


def test_the_faulty_row_of_a_targeted_view_is_the_examples(tmp_path):
    """Of three classes: two answers for each example, the second one of the fourth example torn."""
    predictions.save(tmp_path / "p.npz", sample(("benign", "targeted")))

    def tear(content):
        content["logits_train_targeted"][3, 1, 2] = np.nan
        return content

    rewrite(tmp_path / "p.npz", tear)
    with pytest.raises(PredictionsError, match="logits_train_targeted row 3 is not finite"):
        prediction_files.load(tmp_path / "p.npz")
