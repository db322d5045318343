from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import datasets, sources
from engine.data.images import shrink
from engine.data.pool import select
from engine.spec.experiment import Data


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=80),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.integers(0, 2**70),
)
def test_every_class_gives_its_share_and_a_smaller_share_is_part_of_a_larger(labels, share, other, seed):
    labels = np.array(labels)
    low, high = sorted((share, other))
    few, many = select(labels, low, seed, 0), select(labels, high, seed, 0)
    assert set(few) <= set(many)
    assert list(few) == sorted(set(few))
    for label in set(labels):
        assert (labels[few] == label).sum() == max(1, round(low * (labels == label).sum()))
    assert list(select(labels, 1.0, seed, 0)) == list(range(len(labels)))


def test_seeds_and_purposes_draw_differently_and_the_draw_never_changes():
    labels = np.repeat(np.arange(2), 50)
    draws = {(seed, purpose): tuple(select(labels, 0.1, seed, purpose)) for seed in (0, 1) for purpose in (0, 1)}
    assert len(set(draws.values())) == 4
    assert draws[0, 0] == (10, 14, 17, 29, 44, 51, 73, 84, 89, 92)


def test_pixels_divide_bytes_by_255_and_leave_floats_alone():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(datasets.pixels(images), images.float() / 255)
    assert images.dtype == torch.uint8
    floats = torch.rand(2, 1, 4, 4)
    assert datasets.pixels(floats) is floats


def test_shrinking_takes_the_mean_of_each_area_across_chunks(monkeypatch):
    monkeypatch.setattr("engine.data.images.CHUNK", 2)
    images = torch.randint(0, 256, (5, 3, 6, 8), dtype=torch.uint8)
    expected = images.numpy().reshape(5, 3, 3, 2, 2, 4).mean((3, 5)) / 255
    np.testing.assert_allclose(shrink(images, (3, 2)).numpy(), expected, atol=1e-6)
    assert torch.equal(shrink(images, (6, 8)), datasets.pixels(images))


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(1, 7), st.integers(1, 9))
def test_shrinking_one_colour_gives_that_colour(value, height, width):
    images = torch.full((1, 1, 7, 9), value, dtype=torch.uint8)
    shrunk = shrink(images, (height, width))
    assert shrunk.shape == (1, 1, height, width)
    assert (shrunk - value / 255).abs().max() < 1e-6


def test_a_fraction_keeps_order_labels_and_place_in_the_whole_split():
    whole = datasets.load(Data(name="digits"), Path())
    part = datasets.load(Data(name="digits", train_fraction=0.25, test_fraction=0.001, split_seed=3), Path())
    assert torch.bincount(part.train.labels).tolist() == [15] * 10
    assert torch.bincount(part.test.labels).tolist() == [1] * 10
    for name in ("train", "test"):
        few, all_of_them = getattr(part, name), getattr(whole, name)
        assert few.index.dtype == torch.int32
        assert few.labels.dtype == torch.int64
        assert torch.equal(few.images, all_of_them.images[few.index])
        assert torch.equal(few.labels, all_of_them.labels[few.index])
        assert torch.equal(few.index, few.index.sort().values)


def test_a_fingerprint_that_does_not_fit_is_refused(refusal):
    data = Data(name="digits", fingerprint=sources.fingerprint(Data(name="digits"), Path()))
    assert len(datasets.load(data, Path()).train) == 600
    assert "have changed" in refusal(datasets.load, Data(name="digits", fingerprint="0" * 32), Path())


def test_a_data_set_moves_to_a_device_with_everything():
    data = datasets.load(Data(name="digits"), Path()).to("meta")
    for split in (data.train, data.test):
        assert {split.images.device.type, split.labels.device.type, split.index.device.type} == {"meta"}
