import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import repeated_images
from engine.data.datasets import Split
from engine.data.images import shrink


def split(values, labels, dtype=torch.uint8, **names) -> Split:
    """One image of each value."""
    images = torch.tensor(values, dtype=dtype).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    return Split(images, torch.tensor(labels), torch.arange(len(values), dtype=torch.int32), **names)


def told(*splits, **more) -> dict[str, str]:
    return {warning.topic: warning.message for warning in repeated_images.warnings(*splits, **more)}


def test_images_that_differ_need_no_word():
    assert told(split([1, 2, 3], [0, 1, 0]), split([4, 5], [0, 1])) == {}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_members_among_the_non_members_are_counted(dtype):
    said = told(split([1, 2, 3], [0, 1, 0], dtype), split([4, 3, 2, 3], [0, 0, 1, 0], dtype))
    assert said == {
        "membership": "3 of 4 test images are also training images (test image 1 equals training image 2): "
        "members counted as non-members hide leakage",
        "data": "1 of 4 test images is a copy of another one",
    }


def test_copies_within_a_split_and_under_another_label_are_counted():
    train = split([1, 2, 1, 1], [0, 1, 0, 1], files=("a/1.png", "b/2.png", "a/3.png", "b/4.png"))
    said = told(train, split([7], [0], files=("a/7.png",)))
    assert said == {
        "data": "2 of 4 training images are copies of others; "
        "1 of 5 images has another label than an equal one (b/4.png equals a/1.png)"
    }


def test_what_was_done_to_the_images_is_said_with_it():
    left_out = ("2 of 5 images left out",)
    assert told(split([1], [0]), split([2], [0]), left_out=left_out) == {"data": left_out[0]}
    assert told(split([1, 1], [0, 0]), split([2], [0]), left_out=left_out)["data"].startswith(
        f"{left_out[0]}; 1 of 2 training images is a copy"
    )


def test_images_that_shrinking_makes_equal_are_equal_to_the_model():
    fine = torch.zeros(601, 1, 4, 4, dtype=torch.uint8)
    fine[0, 0, 0, 0] = fine[600, 0, 1, 1] = 8
    assert repeated_images.first_copies(fine[:1], fine[600:]).tolist() == [0, 1]
    coarse = shrink(fine, (2, 2))
    assert repeated_images.first_copies(coarse[:1], coarse[600:]).tolist() == [0, 0]


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.data())
def test_each_image_is_led_back_to_the_first_of_its_kind(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    assert np.array_equal(
        repeated_images.first_copies(images[:cut], images[cut:]), [values.index(value) for value in values]
    )
