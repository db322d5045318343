"""What a stranger's data set may not give, said in one line, by a run and by `check` alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import datasets
from engine.data.check import look
from engine.data.pool import Pool, reader
from engine.registry import DATASETS, DatasetRow
from engine.spec.experiment import Data
from engine.validation import SpecError

ROWS = np.arange(40)
GIVEN = Pool(ROWS % 2, ROWS[:20], ROWS[20:], ("lying", "standing"), reader(torch.rand(40, 1, 8, 8)))
ROW = DatasetRow(
    name="own",
    words="noise",
    code="own:noise",
    network="small-cnn",
    capacity=1.0,
    epsilon=0.1,
    recipes="digits",
    examples=(20, 20),
    image_size=(8, 8),
    classes=2,
)


def given(monkeypatch, pool):
    """Let the data set `own` be a pool."""
    monkeypatch.setitem(DATASETS.rows, "own", ROW)
    monkeypatch.setattr(DatasetRow, "load", lambda _row: lambda _data, _root: pool)


def images(change):
    """The pool with its images changed."""
    return replace(GIVEN, read=reader(change(torch.rand(40, 1, 8, 8))))


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ({"images": 1}, "own: code: gave a dict; allowed: an engine.data.pool.Pool"),
        (replace(GIVEN, labels=GIVEN.labels + 1), "own: labels: from 1 to 2; allowed: 0 to 1, for there are 2 classes"),
        (replace(GIVEN, labels=GIVEN.labels - 1), "own: labels: from -1 to 0; allowed: 0 to 1"),
        (replace(GIVEN, labels=GIVEN.labels * 1.0), "own: labels: an ndarray of float64 (40,); allowed: a numpy array"),
        (replace(GIVEN, labels=[0, 1] * 20), "own: labels: a list; allowed: a numpy array (n,) of whole numbers"),
        (replace(GIVEN, test=ROWS[20:] + 1), "own: test: from 21 to 40; allowed: 0 to 39"),
        (replace(GIVEN, test=ROWS[:0]), "own: test: none; allowed: at least one"),
        (replace(GIVEN, read=lambda rows: rows), "own: read: gave an ndarray of int64 (40,); allowed: images and a"),
        (
            replace(GIVEN, read=lambda rows: (rows, ())),
            "own: images: an ndarray of int64 (40,); allowed: a torch tensor",
        ),
        (images(lambda x: x * 255), "; allowed: 0 to 1; divide by 255"),
        (images(lambda x: x - 1), "; allowed: 0 to 1"),
        (images(lambda x: torch.where(x > 0.9, torch.nan, x)), "own: images: NaN among the pixels; allowed: 0 to 1"),
        (images(torch.Tensor.double), "own: images: a tensor of float64 (40, 1, 8, 8); allowed: uint8, or float32 in"),
        (images(lambda x: x[:, 0]), "own: images: a tensor of float32 (40, 8, 8); allowed: (40, channels, height, wid"),
    ],
)
def test_what_no_run_could_use_is_refused_by_runs_and_check(monkeypatch, tmp_path, pool, words):
    given(monkeypatch, pool)
    with pytest.raises(SpecError) as refused:
        datasets.load(Data(name="own"), tmp_path)
    assert words in str(refused.value)
    assert look(Data(name="own"), tmp_path) == {"refused": str(refused.value)}


def test_labels_of_any_whole_number_and_bytes_pass(monkeypatch, tmp_path):
    given(monkeypatch, replace(images(lambda x: (x * 255).byte()), labels=GIVEN.labels.astype(np.uint8)))
    found = datasets.load(Data(name="own"), tmp_path)
    assert found.train.labels.dtype == torch.int64
    assert found.notes == ()


def test_numbers_of_the_row_that_are_not_those_of_the_images_are_said(monkeypatch, tmp_path):
    given(monkeypatch, images(lambda x: x.permute(0, 2, 3, 1)))
    (said,) = look(Data(name="own"), tmp_path)["notes"]
    assert said.startswith("its row says image_size = (8, 8), its code gives (8, 1);")
