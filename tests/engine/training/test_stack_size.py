"""Stacks are as large as is fastest, and of one where that is faster or they cannot be."""

import pytest
import torch
from torch import nn

from engine.training import stack_size
from tests.engine.training.test_together import data, equal, experiment, small, trainees


@pytest.fixture
def timed(monkeypatch):
    """Work takes as long as a table says, by the number of runs; it is done once."""

    def use(table):
        times = iter(table)

        def seconds(work, _):
            work()
            return next(times)

        monkeypatch.setattr(stack_size, "seconds", seconds)

    return use


def found(tmp_path, count, make=small, **recipe):
    return trainees(tmp_path, make, [experiment("pgd", seed, **recipe) for seed in range(count)])


@pytest.mark.parametrize(
    ("times", "size"),
    [
        ([1.0, 1.6], 8),  # alone 1; all eight 0.2 each: halves are tried too, and slower
        ([1.0, 8.0, 4.1, 2.2], 1),
        ([1.0, 7.0, 2.0, 1.1], 4),
        ([1.0, 7.7, 3.9, 1.98], 1),  # less than a twentieth is no gain
    ],
)
def test_the_fastest_size_is_taken(tmp_path, timed, times, size):
    timed([*times, *[9.0] * 3])
    assert stack_size.best_size(found(tmp_path, 8)) == size


def test_nothing_is_changed_by_measuring(tmp_path):
    all_ = found(tmp_path, 3)
    before = [small(place) for place in range(3)]
    assert stack_size.best_size(all_) in (1, 3)
    assert all(equal(one, each.model) for one, each in zip(before, all_, strict=True))


class Branching(nn.Module):
    """A network whose code asks a number for the way."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 4)

    def forward(self, x):
        return self.last(x.flatten(1)) if x.sum() > -1 else x


def test_a_network_that_cannot_be_stacked_is_trained_alone_and_why_is_said(tmp_path):
    def make(seed):
        torch.manual_seed(seed)
        return Branching()

    all_ = found(tmp_path, 4, make)
    assert stack_size.best_size(all_) == 1
    (said,) = all_[0].watcher.notices
    assert said.startswith("not trained together with others: RuntimeError: ")
    assert not any(each.watcher.notices for each in all_[1:])


def test_without_memory_for_all_some_are_taken(tmp_path, timed, monkeypatch):
    class Small(stack_size.StackedState):
        def __init__(self, own):
            if len(own) > 2:
                raise torch.OutOfMemoryError
            super().__init__(own)

    monkeypatch.setattr(stack_size, "StackedState", Small)
    timed([1.0, 0.5])
    all_ = found(tmp_path, 4)
    assert stack_size.best_size(all_) == 2
    assert not all_[0].watcher.notices


def test_batches_of_two_sizes_and_robust_images_drawn_by_seed_are_not_stacked(tmp_path):
    short = trainees(tmp_path, small, [experiment("pgd", seed) for seed in range(2)], sizes=(50, 10))
    assert stack_size.best_size(short) == 1
    assert stack_size.best_size(found(tmp_path, 2, robust_share=0.5, share_of="data")) == 1
    assert len(data(0).train) == 50
