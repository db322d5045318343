"""What is read of an npz of answers, what is put right and said, and what is refused."""

import math
import pickle

import numpy as np
import pytest

from engine.evaluation import prediction_files, predictions
from engine.evaluation.prediction_files import PredictionsError
from engine.inference.scores import modified_entropy


def broken(**changes):
    arrays = {
        "output_train_benign": np.full((3, 2), 0.5, np.float32),
        "output_test_benign": np.full((2, 2), 0.5, np.float32),
        "train_label": np.array([0, 1, 0]),
        "test_label": np.array([0, 1]),
    }
    arrays.update(changes)
    return {key: value for key, value in arrays.items() if value is not None}


def targeted(train=None, test=None, kind="logits"):
    """Changes that add a targeted view; two classes, so one wrong class each."""
    whole = {"train": np.full((3, 1, 2), 0.5, np.float32), "test": np.full((2, 1, 2), 0.5, np.float32)}
    given = {"train": train, "test": test}
    return {f"{kind}_{split}_targeted": whole[split] if given[split] is None else given[split] for split in whole}


def rows(*values):
    return np.float32(values)[:, None]


NAN = float("nan")
SHAPE = r"must be floats \(examples, classes - 1, classes\), is"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_label": np.array([0, 1])}, "output_train_benign has 3 rows, 2 labels"),
        ({"output_test_benign": np.full((3, 2), 0.5)}, "output_test_benign has 3 rows, 2 labels"),
        ({"logits_test_benign": np.zeros((3, 2))}, "logits_test_benign has 3 rows, 2 labels"),
        ({"train_label": np.array([0, 1, 2])}, "train_label row 2 is 2, not 0..1$"),
        ({"test_label": np.array([0, -1])}, "test_label row 1 is -1, not 0..1$"),
        ({"train_label": np.array([1, 2, 1])}, r"row 1 is 2, not 0..1 \(are classes numbered from 1\?\)"),
        ({"train_label": None}, "holds no train_label"),
        ({"train_label": None, "train_labels": np.zeros(3)}, r"holds no train_label \(is it train_labels\?\)"),
        ({"train_label": np.array([0, 0.5, 1])}, "train_label row 1 is 0.5, not a whole number"),
        ({"train_label": np.array([0, NAN, 1])}, "train_label row 1 is nan, not a whole number"),
        ({"train_label": np.array([0, 1e300, 1])}, r"train_label row 1 is 1e\+300, not a whole number"),
        (
            {"train_label": np.zeros((3, 1, 1), int)},
            r"train_label must be a list of whole numbers, is int64 ",
        ),
        ({"train_label": np.array([[1, 0], [0, 1], [1, 1]])}, "train_label row 2 is not one-hot"),
        ({"train_label": np.array([[1, 0], [0.5, 0.5], [1, 0]])}, "train_label row 1 is not one-hot"),
        (
            {"train_label": np.array(["b", "a", "b"])},
            "train_label holds names, such as .b.; class_names must",
        ),
        (
            {"train_label": np.array(["b", "a", "c"]), "class_names": np.array(["a", "b"])},
            "train_label row 2 is 'c', which class_names does not have: a, b",
        ),
        (
            {"train_label": np.array(["a", "a", "a"]), "class_names": np.array(["a", "a"])},
            "class_names has a name twice",
        ),
        (
            {"train_label": np.array([0, 1, 0], object)},
            r"train_label is an array of Python objects, never unpickled; save it as numbers or as text \(dtype str\)",
        ),
        ({"output_train_benign": np.full((3, 2), 0.5, object)}, "output_test_benign but not the other split's"),
        ({"test_label": np.array([], int), "output_test_benign": np.zeros((0, 2))}, "test_label must be a list"),
        ({"output_test_benign": None}, "not the other split's"),
        ({"output_train_benign": None, "output_test_benign": None}, "holds no output_train_VIEW"),
        (
            {"output_train_benign": None, "output_test_benign": None, "output_train_bening": np.zeros((3, 2))},
            r"'certified'\); it holds output_train_bening$",
        ),
        ({"output_test_benign": np.float32([[0.5, 0.5], [np.nan, 1]])}, "output_test_benign row 1 is not finite"),
        (
            {"output_test_benign": np.float32([[0.5, 0.5], [0.5, 0.2]])},
            r"row 1 does not sum to one: to 0.7, allowed is 0.01 more or less \(rounded confidences: divide each row",
        ),
        (
            {"output_test_benign": np.float32([[2.0, -1.0], [0.5, 0.5]])},
            "row 0 is not a softmax: it holds -1; raw scores and log-probabilities belong under logits_SPLIT_VIEW",
        ),
        ({"output_test_benign": np.float32([[2.0, 1.0], [0.5, 0.5]])}, "row 0 is not a softmax: it holds 2;"),
        (
            {"logits_train_benign": np.full((3, 2), 0.5), "logits_test_benign": np.ones((2, 2))},
            "logits_train_benign holds probabilities, but logits_test_benign does not",
        ),
        ({"output_test_benign": np.float32([[0.2, 0.3, 0.5]] * 2)}, "differ in their number of classes"),
        ({"output_train_benign": np.zeros((3, 0), np.float32)}, "must be floats"),
        ({"output_train_benign": np.zeros(2, np.float32)}, r"must be floats \(examples, classes\), is float32 \(2,\)"),
        ({"output_train_benign": np.float32(1)}, "must be floats"),
        ({"logits_train_benign": np.full((3, 2), np.nan)}, "logits_train_benign row 0 is not finite"),
        ({"logits_train_benign": np.full((3, 2), -np.inf)}, "logits_train_benign row 0 is not finite"),
        ({"logits_train_benign": np.float32([[0, 1], [0, np.inf], [0, 1]])}, "logits_train_benign row 1 is not finite"),
        ({"logits_train_benign": np.full((3, 2), "a")}, "logits_train_benign must be floats .*, is <U1"),
        ({"logits_train_benign": np.zeros((3, 2), int)}, "logits_train_benign must be floats .*, is int64"),
        ({"logits_train_benign": np.zeros((3, 3))}, r"logits_train_benign is \(3, 3\), output_train_benign \(3, 2\)"),
        ({"train_index": np.zeros((2, 2), np.int32)}, "train_index must be one whole number"),
        ({"train_index": np.zeros(2, np.int32)}, "train_index must be one whole number"),
        ({"logits_train_targeted": np.zeros((3, 1, 2))}, "holds logits_train_targeted but not the other split's"),
        (targeted(train=np.zeros((3, 2))), rf"logits_train_targeted {SHAPE} float64 \(3, 2\)"),
        (targeted(train=np.zeros((3, 2, 2))), rf"logits_train_targeted {SHAPE} float64 \(3, 2, 2\)"),
        (targeted(test=np.zeros((2, 2, 1))), rf"logits_test_targeted {SHAPE} float64 \(2, 2, 1\)"),
        (targeted(train=np.zeros((3, 0, 1))), rf"logits_train_targeted {SHAPE} float64 \(3, 0, 1\)"),
        (targeted(train=np.zeros((2, 1, 2))), "logits_train_targeted has 2 rows, 3 labels"),
        (targeted(train=rows([0, 0], [0, 0], [0, NAN])), "logits_train_targeted row 2 is not finite"),
        (targeted(test=rows([0, 0], [math.inf, 0])), "logits_test_targeted row 1 is not finite"),
        (targeted(np.zeros((3, 2, 3)), np.zeros((2, 2, 3))), "differ in their number of classes"),
        (
            targeted(test=rows([0.5, 0.5], [0.5, 0.2]), kind="output"),
            "output_test_targeted row 1 does not sum to one",
        ),
        (targeted(train=rows([2, -1], [1, 0], [1, 0]), kind="output"), "output_train_targeted row 0 is not a softmax"),
        (
            targeted() | targeted(train=rows([0.5, 0.5], [NAN, 1], [1, 0]), kind="output"),
            "output_train_targeted row 1 is not finite",
        ),
    ],
)
def test_unusable_files_are_refused_naming_the_fault(tmp_path, changes, said):
    path = tmp_path / "p.npz"
    np.savez(path, **broken(**changes))
    with pytest.raises(PredictionsError, match=said) as caught:
        prediction_files.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_damaged_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match="not a readable npz file"):
        prediction_files.load(path)


def test_a_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, **broken(output_train_benign=np.full((9000, 2), 0.5), train_label=np.zeros(9000, int)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(PredictionsError):
        prediction_files.load(path)


def test_a_single_array_is_no_predictions_file(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros(3))
    with pytest.raises(PredictionsError, match="holds one array"):
        prediction_files.load(tmp_path / "p.npy")


def test_missing_file_is_said(tmp_path):
    with pytest.raises(PredictionsError, match="No such file"):
        prediction_files.load(tmp_path / "absent.npz")


def test_a_pickle_or_an_archive_of_other_things_is_refused_without_numpys_advice_to_unpickle(tmp_path):
    path = tmp_path / "p.npz"
    path.write_bytes(pickle.dumps({"train_label": [1]}))
    with pytest.raises(PredictionsError, match=r"not a readable npz file \(no archive of arrays\)"):
        prediction_files.load(path)
    np.savez(path, **broken(output_train_benign=np.full((3, 2), 0.5, object), output_test_benign=None))
    with pytest.raises(PredictionsError, match="output_train_benign is an array of Python objects, never") as caught:
        prediction_files.load(path)
    assert "allow_pickle" not in str(caught.value)


# What is put right, and what is said


def read(tmp_path, **changes):
    np.savez(tmp_path / "p.npz", **broken(**changes))
    return prediction_files.read(tmp_path / "p.npz")


def test_a_plain_file_is_read_without_a_word(tmp_path):
    found = read(tmp_path)
    assert (found.notes, found.predictions.warnings) == ((), ())


def test_unrelated_keys_and_arrays_of_objects_are_skipped_by_name(tmp_path):
    found = read(tmp_path, epochs=np.array(3), class_names=np.array(["a", "b"], object), config=np.array({}, object))
    assert found.notes == (
        "skipped, for arrays of Python objects are never unpickled: class_names",
        "skipped, for an audit has no use for them: epochs, config",
    )
    assert found.predictions.class_names == ()


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (np.array([[0], [1], [0]]), None),
        (np.array([[1, 0], [0, 1], [1, 0]]), None),
        (np.array([[1, 0], [0, 1], [1, 0]], np.float32), None),
        (np.array([0.0, 1.0, 0.0]), None),
        (np.array([False, True, False]), None),
        (np.array([0, 1, 0], np.uint8), None),
        (np.array(["cat", "dog", "cat"]), np.array(["cat", "dog"])),
        (np.array([[b"cat"], [b"dog"], [b"cat"]]), np.array([b"cat", b"dog"])),
    ],
)
def test_labels_may_be_written_in_every_common_way(tmp_path, written, names):
    labels = read(tmp_path, train_label=written, class_names=names).predictions.labels["train"]
    assert (labels.tolist(), labels.dtype) == ([0, 1, 0], np.dtype(np.int64))


def softmax(generator, size, classes=3):
    return np.exp(logits := generator.normal(size=(size, classes)) * 3) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture
def exact():
    """Softmax rows of both splits, float64, beside labels."""
    generator = np.random.default_rng(0)
    return {f"output_{split}_benign": softmax(generator, size) for split, size in (("train", 3), ("test", 2))}


def logits_of(outputs, change):
    absent = dict.fromkeys(("output_train_benign", "output_test_benign"))
    return absent | {key.replace("output", "logits"): change(values) for key, values in outputs.items()}


@pytest.mark.parametrize("kept", ["logits", "both"])
def test_probabilities_that_go_by_the_name_of_logits_are_told_and_not_squashed_twice(tmp_path, exact, kept):
    changes = logits_of(exact, np.float32)
    found = read(tmp_path, **(changes | exact if kept == "both" else changes)).predictions
    for split in predictions.SPLITS:
        answers = found.views["benign"][split]
        assert answers.logits is None
        assert np.allclose(answers.probabilities, exact[f"output_{split}_benign"])
    (warning,) = found.warnings
    assert (warning.topic, warning.view) == ("output", "benign")
    assert warning.message == (
        "logits_train_benign and logits_test_benign hold probabilities, not logits, and were read as such, "
        "without a softmax"
    )


def test_log_probabilities_are_logits(tmp_path, exact):
    found = read(tmp_path, **logits_of(exact, np.log)).predictions
    assert found.warnings == ()
    assert np.allclose(found.views["benign"]["train"].probabilities, exact["output_train_benign"])


def test_minus_infinity_rules_a_class_out(tmp_path):
    logits = np.float32([[2, 0, -np.inf], [0, 1, -np.inf], [0, -np.inf, -np.inf]])
    changes = {"logits_train_benign": logits, "logits_test_benign": logits[:2]}
    found = read(tmp_path, **changes, output_train_benign=None, output_test_benign=None).predictions
    answers, labels = found.views["benign"]["train"], np.array([0, 1, 0])
    assert answers.probabilities[:, 2].tolist() == [0, 0, 0]
    assert answers.margin(labels).tolist() == [2, 1, math.inf]
    assert answers.margin(np.array([2, 2, 2])).tolist() == [-math.inf] * 3
    assert np.isfinite(modified_entropy(answers, labels)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounded_rows_are_divided_by_their_sums_and_counted(tmp_path, exact, dtype):
    output = np.array([[0.996, 0.0, 0.0], [0.25, 0.25, 0.5], [0.5, 0.3, 0.209]], dtype)
    found = read(tmp_path, output_train_benign=output, output_test_benign=exact["output_test_benign"]).predictions
    answers = found.views["benign"]["train"].probabilities
    assert answers.dtype == dtype
    assert answers.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert answers[1].tolist() == [0.25, 0.25, 0.5]
    assert answers[0, 0] == 1
    assert [warning.message for warning in found.warnings] == [
        "2 of 3 rows of output_train_benign sum to one only within 0.009 (rounded or cut short?) and were divided by "
        "their sums"
    ]


@pytest.mark.parametrize("row", [(0.33, 0.33, 0.33), (0.35, 0.34, 0.32)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_two_decimals_that_miss_one_by_the_last_are_rounded_rows(tmp_path, exact, dtype, row):
    """As floats, 0.33 + 0.33 + 0.33 misses one by a little more than 0.01."""
    output = np.array([row] * 3, dtype)
    changes = {"output_train_benign": output, "output_test_benign": exact["output_test_benign"]}
    answers = read(tmp_path, **changes).predictions.views["benign"]["train"].probabilities
    assert answers.sum(axis=1) == pytest.approx([1, 1, 1], abs=2e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_rows_of_usual_precision_are_taken_to_the_last_bit(tmp_path, dtype):
    output = softmax(np.random.default_rng(0), 3, 2).astype(dtype)
    found = read(tmp_path, output_train_benign=output).predictions
    assert found.warnings == ()
    assert np.array_equal(found.views["benign"]["train"].probabilities, output)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_column_of_a_sigmoid_is_the_probability_of_class_1(tmp_path, shape):
    test = np.float32([0.25, 0.5])
    found = read(tmp_path, output_train_benign=np.float32([0, 1, 0.25]).reshape(shape), output_test_benign=test)
    assert found.predictions.views["benign"]["train"].probabilities.tolist() == [[1, 0], [0, 1], [0.75, 0.25]]
    assert found.notes[0] == "output_train_benign is one column, taken as the probability of class 1"
    changes = {"logits_train_benign": np.float32([-2, 3, 0]).reshape(shape), "logits_test_benign": test}
    raw = read(tmp_path, **changes, output_train_benign=None, output_test_benign=None).predictions
    assert raw.views["benign"]["train"].margin(np.array([0, 1, 1])).tolist() == [2, 3, 0]


def test_a_files_own_warnings_and_what_reading_told_are_kept_together(tmp_path):
    rows = np.array([["attack", "", "3 of 4 nowhere"]])
    found = read(tmp_path, warnings=rows, output_train_benign=np.full((3, 2), 0.499, np.float32)).predictions
    assert [(each.topic, each.view) for each in found.warnings] == [("attack", None), ("output", "benign")]


def test_percentages_are_read_as_such_under_either_name(tmp_path):
    draw = np.random.default_rng(0)
    shares = {split: draw.dirichlet(np.ones(3), n).astype(np.float32) for split, n in (("train", 9), ("test", 6))}
    labels = {f"{split}_label": np.arange(len(own)) % 3 for split, own in shares.items()}
    for kind in ("output", "logits"):
        np.savez(tmp_path / "p.npz", **labels, **{f"{kind}_{split}_benign": 100 * own for split, own in shares.items()})
        found = prediction_files.load(tmp_path / "p.npz")
        assert np.allclose(found.views["benign"]["train"].probabilities, shares["train"], atol=1e-6)
        assert f"{kind}_train_benign sums to 100 in every row and was read as percentages" in found.warnings[0].message


def test_probabilities_that_are_not_those_of_the_logits_beside_them_are_told(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {"train_label": np.arange(9) % 3, "test_label": np.arange(6) % 3}
    for split, size in (("train", 9), ("test", 6)):
        arrays[f"logits_{split}_benign"] = 3 * draw.normal(size=(size, 3)).astype(np.float32)
        arrays[f"output_{split}_benign"] = predictions.Answers.from_logits(
            arrays[f"logits_{split}_benign"]
        ).probabilities
    np.savez(tmp_path / "same.npz", **arrays)
    assert prediction_files.load(tmp_path / "same.npz").warnings == ()
    arrays["output_train_benign"] = np.roll(arrays["output_train_benign"], 1, axis=0)
    np.savez(tmp_path / "other.npz", **arrays)
    (warning,) = prediction_files.load(tmp_path / "other.npz").warnings
    assert "rows of output_train_benign are not the softmax of logits_train_benign" in warning.message
