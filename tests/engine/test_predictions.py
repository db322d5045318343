import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine import predictions
from engine.predictions import Answers, Predictions, PredictionsError

LOGITS = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-60, 60, width=32))


def sample(views=("benign",), size=6):
    generator = np.random.default_rng(0)
    labels = {"train": np.arange(size) % 3, "test": np.arange(size - 2) % 3}
    index = {split: np.arange(len(rows), dtype=np.int32)[::-1].copy() for split, rows in labels.items()}
    answers = {
        view: {
            split: Answers.from_logits(generator.normal(size=(len(labels[split]), 3)).astype(np.float32))
            for split in labels
        }
        for view in views
    }
    return Predictions(labels, index, answers)


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


def test_a_file_gives_back_what_was_saved(tmp_path):
    before = sample(("benign", "adversarial"))
    predictions.save(tmp_path / "p.npz", before)
    after = predictions.load(tmp_path / "p.npz")
    for split in predictions.SPLITS:
        assert np.array_equal(after.labels[split], before.labels[split])
        assert np.array_equal(after.index[split], before.index[split])
        for view in before.views:
            assert np.array_equal(after.views[view][split].probabilities, before.views[view][split].probabilities)
            assert np.array_equal(after.views[view][split].logits, before.views[view][split].logits)
    assert after.num_classes == 3


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


def broken(**changes):
    arrays = {
        "output_train_benign": np.full((3, 2), 0.5, np.float32),
        "output_test_benign": np.full((2, 2), 0.5, np.float32),
        "train_label": np.array([0, 1, 0]),
        "test_label": np.array([0, 1]),
    }
    arrays.update(changes)
    return {key: value for key, value in arrays.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_label": np.array([0, 1])}, "3 rows, train_label 2"),
        ({"train_label": np.array([0, 1, 2])}, "train_label row 2 is not 0..1"),
        ({"train_label": None}, "holds no train_label"),
        ({"train_label": np.array([0.0, 1.0, 0.0])}, "whole numbers"),
        ({"output_test_benign": None}, "not the other split's"),
        ({"output_train_benign": None, "output_test_benign": None}, "holds no output_train_VIEW"),
        ({"output_test_benign": np.float32([[0.5, 0.5], [np.nan, 1]])}, "output_test_benign row 1 is not finite"),
        ({"output_test_benign": np.float32([[0.5, 0.5], [0.5, 0.2]])}, "row 1 does not sum to one"),
        ({"output_test_benign": np.float32([[2.0, -1.0], [0.5, 0.5]])}, "row 0 is not a softmax"),
        ({"output_test_benign": np.float32([[0.2, 0.3, 0.5]] * 2)}, "differ in their number of classes"),
        ({"output_train_benign": np.zeros(3, np.float32)}, "must be floats"),
        ({"logits_train_benign": np.full((3, 2), np.nan)}, "logits_train_benign row 0 is not finite"),
        ({"logits_train_benign": np.full((3, 2), "a")}, "logits_train_benign is <U1"),
        ({"train_index": np.zeros((2, 2), np.int32)}, "train_index must be one whole number"),
    ],
)
def test_unusable_files_are_refused_naming_the_fault(tmp_path, changes, said):
    path = tmp_path / "p.npz"
    np.savez(path, **broken(**changes))
    with pytest.raises(PredictionsError, match=said) as caught:
        predictions.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_damaged_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match="not a readable npz file"):
        predictions.load(path)


def test_a_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "p.npz"
    predictions.save(path, sample(size=3000))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(PredictionsError):
        predictions.load(path)


def test_a_single_array_is_no_predictions_file(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros(3))
    with pytest.raises(PredictionsError, match="holds one array"):
        predictions.load(tmp_path / "p.npy")


def test_missing_file_is_said(tmp_path):
    with pytest.raises(PredictionsError, match="No such file"):
        predictions.load(tmp_path / "absent.npz")
