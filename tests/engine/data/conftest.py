"""What the tests of data sets share."""

from collections.abc import Callable

import pytest
import torch

from engine.data.datasets import Split
from engine.data.sources import DatasetError


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Calls something that has to raise `DatasetError` and gives its one line."""

    def call(function, *arguments, **keywords) -> str:
        with pytest.raises(DatasetError) as caught:
            function(*arguments, **keywords)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


@pytest.fixture
def same() -> Callable[[Split, Split], bool]:
    """Whether two splits hold the same images, labels and places."""

    def compare(left: Split, right: Split) -> bool:
        return all(torch.equal(getattr(left, name), getattr(right, name)) for name in ("images", "labels", "index"))

    return compare
