"""Answers as CSV and Parquet tables: what columns mean, and what is refused."""

import duckdb
import numpy as np
import pytest

from engine.evaluation import prediction_files
from engine.evaluation.prediction_files import PredictionsError

PLAIN = """split,label,p0,p1
train,0,0.75,0.25
train,1,0.5,0.5
test,1,0.25,0.75
"""


@pytest.fixture(params=["csv", "parquet"])
def read(request, tmp_path):
    """A function that reads a table written as text, from CSV or from Parquet; names with a pattern in them too."""

    def reading(content):
        path = tmp_path / "answers[1].csv"
        path.write_text(content)
        if request.param == "parquet":
            (tmp_path / "plain.csv").write_text(content)
            path = tmp_path / "answers[1].parquet"
            copy = f"COPY (SELECT * FROM read_csv('{tmp_path}/plain.csv')) TO '{path}' (FORMAT parquet)"
            duckdb.execute(copy)
        return prediction_files.read(path)

    return reading


def rows(found, split, view="benign"):
    return found.predictions.views[view][split].probabilities.tolist()


def test_a_row_is_an_example_and_a_column_a_class(read):
    found = read(PLAIN)
    assert {split: own.tolist() for split, own in found.predictions.labels.items()} == {"train": [0, 1], "test": [1]}
    assert (rows(found, "train"), rows(found, "test")) == ([[0.75, 0.25], [0.5, 0.5]], [[0.25, 0.75]])
    assert (found.notes, found.predictions.warnings, found.predictions.class_names) == ((), (), ())


def test_classes_may_have_names_and_other_columns_are_skipped_beside_marked_ones(read):
    found = read("""member,file,label,p_dog,p_cat
1,a.png,cat,0.25,0.75
0,b.png,dog,0.5,0.5
0,c.png,dog,1,0
""")
    assert found.predictions.class_names == ("dog", "cat")
    assert {split: own.tolist() for split, own in found.predictions.labels.items()} == {"train": [1], "test": [0, 0]}
    assert found.notes == ("skipped, for they are no columns of classes: file",)


def test_bare_names_are_classes_where_none_is_marked(read):
    found = read("label,dog,cat,split\n1,0.25,0.75,Training\n0,0.5,0.5,val\n")
    assert found.predictions.class_names == ("dog", "cat")
    assert found.predictions.labels["train"].tolist() == [1]


def test_classes_may_be_numbered_from_one(read):
    found = read(
        PLAIN.replace("p1", "p2").replace("p0", "p1").replace("n,1", "n,2").replace("t,1", "t,2").replace("n,0", "n,1")
    )
    assert found.predictions.labels["train"].tolist() == [0, 1]
    assert found.predictions.class_names == ("1", "2")


def test_logits_are_told_by_their_columns(read):
    found = read("split,label,logit0,logit1\ntrain,0,3,1\ntest,1,-2,0.5\n")
    assert found.predictions.views["benign"]["train"].logits.tolist() == [[3, 1]]


def test_one_column_is_of_class_1(read):
    found = read("split,label,p\ntrain,0,0.25\ntest,1,0.5\n")
    assert rows(found, "train") == [[0.75, 0.25]]
    assert found.predictions.labels["test"].tolist() == [1]


def test_views_stand_below_each_other(read):
    adversarial = "\n".join(f"{row},adversarial" for row in PLAIN.splitlines()[1:]).replace("0.75,0.25", "0.5,0.5")
    benign = "\n".join(f"{row},benign" for row in PLAIN.splitlines()[1:])
    found = read(f"split,label,p0,p1,view\n{adversarial}\n{benign}\n")
    assert list(found.predictions.views) == ["benign", "adversarial"]
    assert rows(found, "train", "adversarial") == [[0.5, 0.5], [0.5, 0.5]]
    assert found.predictions.labels["train"].tolist() == [0, 1]


def test_rounded_rows_are_treated_as_those_of_an_npz(read):
    (warning,) = read(PLAIN.replace("0.75,0.25", "0.749,0.249")).predictions.warnings
    assert warning.message.startswith("1 of 2 rows of output_train_benign sum to one only within 0.002")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            PLAIN.replace("split", "part"),
            "needs a column split (train, test) or one member (1, 0); it has part, label, p0",
        ),
        (PLAIN.replace("label", "y"), "needs a column label with the true class; it has split, y, p0, p1"),
        ("split,label\ntrain,1\n", "needs a column for each class: p0, p1, … or p_NAME, or logit0"),
        (PLAIN.replace("p1", "logit1"), "has columns of probabilities and of logits; one kind is needed"),
        (PLAIN.replace("train,1", "learn,1"), "split row 1 is neither train nor test"),
        (PLAIN.replace("test,", "train,"), "column split names no test rows"),
        (PLAIN.replace("test,1", "test,2"), "label row 2 is '2', none of the classes: 0, 1"),
        (
            PLAIN.replace("0.25,0.75", "0.25,0.5"),
            "output_test_benign row 0 does not sum to one: to 0.75, allowed is 0.01",
        ),
        (PLAIN.replace("0.25,0.75", "-1,2"), "log-probabilities belong in columns logit0, … or logit_NAME"),
        (
            PLAIN.replace("split,label,p0", "split,label,view").replace("train,0,0.75", "train,0,sideways"),
            "view row 0 is none",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(read, content, said):
    with pytest.raises(PredictionsError) as caught:
        read(content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "needs a column split"),
        (b"split,label,p0,p1\n", "holds no rows"),
        (b"split,label,p0,p0\n", "has a column twice"),
        (b"split,label,p0,p1\ntrain,0,0.5\n", "line 2 has 3 fields, not 4"),
        (b"split,label,p0,p1\ntrain,0,0.5,half\n", "line 2, column p1: 'half' is no number"),
        (b"split,label,view,p0,p1\ntrain,0,targeted,0.5,0.5\n", "the targeted view has an answer for each wrong class"),
        (b"\xff\xfe,label\n", "not a readable CSV file"),
        (b'split,label,p0,p1\ntrain,0,"0.5,0.5\n', "not a readable CSV file"),
    ],
)
def test_a_csv_that_is_none_is_refused_in_one_line(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(PredictionsError) as caught:
        prediction_files.load(tmp_path / "a.csv")
    assert said in str(caught.value)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_marks_of_byte_order_are_no_hindrance(tmp_path, delimiter):
    (tmp_path / "a.tsv").write_text("\ufeff" + PLAIN.replace(",", delimiter))
    assert rows(prediction_files.read(tmp_path / "a.tsv"), "test") == [[0.25, 0.75]]


def test_a_damaged_parquet_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(PredictionsError, match="not a readable Parquet file") as caught:
        prediction_files.load(tmp_path / "a.parquet")
    assert "\n" not in str(caught.value)
    assert "/dev" not in str(caught.value)
    with pytest.raises(PredictionsError, match="No such file"):
        prediction_files.load(tmp_path / "absent.parquet")


def test_numbers_come_from_parquet_as_they_are(tmp_path):
    values = np.random.default_rng(0).dirichlet([1, 1, 1], size=8)
    lines = [
        f"{'train' if place < 5 else 'test'},{place % 3},{','.join(map(repr, row.tolist()))}"
        for place, row in enumerate(values)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["split,label,p0,p1,p2", *lines]))
    duckdb.execute(f"COPY (FROM read_csv('{tmp_path}/a.csv')) TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    for suffix in ("csv", "parquet"):
        assert np.array_equal(
            prediction_files.load(tmp_path / f"a.{suffix}").views["benign"]["train"].probabilities, values[:5]
        )
