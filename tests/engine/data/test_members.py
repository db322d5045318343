"""Who is a member where the run's seed draws it."""

from pathlib import Path

import numpy as np
import pytest

from engine.data import datasets
from engine.data.datasets import Dataset
from engine.data.pool import members
from engine.spec.experiment import Data
from engine.validation import SpecError

LABELS = np.repeat(np.arange(5), [10, 11, 12, 13, 14])


def digits(seed: int, **settings) -> Dataset:
    return datasets.load(Data(name="digits", **settings), Path(), seed)


def test_consecutive_seeds_draw_halves_that_share_nothing():
    for pair in range(4):
        even, odd = (members(LABELS, "random", 0.5, 2 * pair + which) for which in (0, 1))
        assert (even ^ odd).all()
        assert all(abs(int(even[label == LABELS].sum()) - int(odd[label == LABELS].sum())) <= 1 for label in range(5))
    assert (members(LABELS, "random", 0.5, 0) != members(LABELS, "random", 0.5, 2)).any()


def test_any_even_number_of_seeds_has_each_image_inside_as_often_as_outside():
    drawn = np.stack([members(LABELS, "random", 0.5, seed) for seed in range(6)])
    assert (drawn.sum(axis=0) == 3).all()


def test_another_share_is_that_of_every_class():
    drawn = members(LABELS, "random", 0.3, 7)
    assert [int(drawn[label == LABELS].sum()) for label in range(5)] == [3, 3, 4, 4, 4]


def test_coins_are_each_images_own():
    labels = np.zeros(4000, int)
    drawn = np.stack([members(labels, "bernoulli", 0.5, seed) for seed in range(20)])
    counts = drawn.sum(axis=1)
    assert len(set(counts.tolist())) > 10  # a fixed size would be no coin
    assert abs(counts - 2000).max() < 5 * np.sqrt(1000)
    assert abs(np.corrcoef(drawn)[np.triu_indices(20, 1)]).max() < 5 / np.sqrt(4000)


def test_members_train_and_every_image_keeps_its_name():
    even, odd = digits(0, split="random"), digits(1, split="random")
    assert sorted(even.train.index.tolist() + even.test.index.tolist()) == list(range(1797))
    assert set(even.train.index.tolist()) == set(odd.test.index.tolist())
    place = odd.test.index.tolist().index(int(even.train.index[5]))
    assert (odd.test.images[place] == even.train.images[5]).all()
    assert odd.test.labels[place] == even.train.labels[5]


def test_members_are_drawn_of_the_images_that_are_used():
    used = digits(3, split="random", train_fraction=0.2, test_fraction=0.1)
    again = digits(8, split="random", train_fraction=0.2, test_fraction=0.1)
    both = [sorted(each.train.index.tolist() + each.test.index.tolist()) for each in (used, again)]
    assert both[0] == both[1]
    assert len(both[0]) < 300


def test_the_papers_split_does_not_heed_the_seed():
    assert digits(0).train.index.tolist() == digits(5).train.index.tolist() == list(range(600))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"split": "lots"}, "split: 'lots'.*paper, random, bernoulli"),
        ({"member_share": 0.3}, "member_share: 0.3.*split = 'paper'"),
        ({"split": "random", "member_share": 1.0}, "member_share: 1.0.*above 0, below 1"),
    ],
)
def test_splits_that_mean_nothing_are_refused_in_one_line(settings, words):
    with pytest.raises(SpecError, match=words):
        Data(name="digits", **settings)
