from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine import datafiles, datasets
from engine.datasets.folder import folder
from engine.spec import Data


def paint(path: Path, value: int, mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("1", "L", "I;16", "F") else (value, 0, 255)).save(path)
    return path


def tree(top: Path, count: int = 10, mode: str = "RGB") -> Path:
    for label, kind in enumerate(("cat", "dog")):
        for number in range(count):
            paint(top / kind / f"{number:02}.png", 100 * label + number, mode)
    return top


@pytest.fixture
def pets(tmp_path) -> Path:
    tree(tmp_path / "pets" / "train")
    return tree(tmp_path / "pets" / "test", 5).parent


def at(path: Path, **settings) -> Data:
    return Data(name=f"folder:{path}", **settings)


def test_the_suffixes_and_the_order_are_those_of_torchvisions_image_folder(pets):
    from torchvision.datasets import ImageFolder
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert datafiles.IMAGE_SUFFIXES == IMG_EXTENSIONS
    paint(pets / "train" / "cat" / "deep" / "A.PNG", 5)
    paint(pets / "train" / "cat" / "B.png", 6)
    (pets / "train" / "cat" / "notes.txt").write_text("not an image")
    original = ImageFolder(pets / "train")
    data = datasets.load(at(pets), Path())
    assert list(data.class_names) == original.classes
    assert data.train.labels.tolist() == original.targets
    expected = np.stack([np.asarray(image) for image, _ in original]).transpose(0, 3, 1, 2)
    assert np.array_equal(data.train.images, expected)


def test_a_folder_with_train_and_test_keeps_its_own_split(pets):
    data = datasets.load(at(pets), Path())
    assert data.train.images.shape == (20, 3, 4, 6)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images[:, 0, 0, 0].tolist() == [*range(10), *range(100, 110)]
    assert data.test.labels.tolist() == [0] * 5 + [1] * 5
    assert (data.image_size, data.in_channels, data.class_names) == ((4, 6), 3, ("cat", "dog"))


def test_one_tree_is_split_by_class_and_seed(tmp_path, same):
    top = tree(tmp_path / "pets")
    data = datasets.load(at(top, test_share=0.3), Path())
    assert torch.bincount(data.test.labels).tolist() == [3, 3]
    together = torch.cat([data.train.images, data.test.images])[:, 0, 0, 0]
    assert sorted(together.tolist()) == [*range(10), *range(100, 110)]
    assert same(datasets.load(at(top, test_share=0.3), Path()).test, data.test)
    other = datasets.load(at(top, test_share=0.3, split_seed=1), Path())
    assert not torch.equal(other.test.images, data.test.images)


def test_a_share_that_empties_a_class_is_refused(tmp_path, refusal):
    top = tree(tmp_path / "pets", 3)
    paint(top / "emu" / "only.png", 1)
    assert "leaves no image of 'emu'" in refusal(datasets.load, at(top), Path())


def test_only_chosen_images_are_decoded(pets, refusal, same):
    data = at(pets, train_fraction=0.3, test_fraction=0.2)
    before = datasets.load(data, Path())
    pool = folder(data, Path())
    files = datafiles.folder_splits(data)
    for split, chosen in zip(files, (before.train.index, before.test.index), strict=True):
        for row, path in enumerate(path for group in split.values() for path in group):
            if row not in chosen:
                path.write_bytes(b"damaged")
    after = datasets.load(data, Path())
    assert same(after.train, before.train)
    assert same(after.test, before.test)
    assert "cannot read" in refusal(pool.read, np.arange(20))


def test_grey_images_keep_one_channel_unless_one_is_coloured(tmp_path):
    top = tree(tmp_path / "grey" / "train", mode="L").parent
    tree(top / "test", 2, mode="L")
    assert datasets.load(at(top), Path()).train.images[:, 0, 0, 0].tolist() == [*range(10), *range(100, 110)]
    assert datasets.load(at(top), Path()).in_channels == 1
    paint(top / "test" / "dog" / "99.png", 7)
    data = datasets.load(at(top), Path())
    assert data.in_channels == 3
    assert data.train.images[3, :, 0, 0].tolist() == [3, 3, 3]
    assert data.test.images[-1, :, 0, 0].tolist() == [7, 0, 255]
    assert datasets.load(at(top, size="2x3"), Path()).train.images.shape == (20, 3, 2, 3)


def test_the_first_image_of_another_size_is_named_unless_a_size_is_given(pets, refusal):
    odd = paint(pets / "test" / "cat" / "03.png", 9, size=(8, 4))
    paint(pets / "test" / "dog" / "00.png", 9, size=(9, 9))
    message = refusal(datasets.load, at(pets), Path())
    assert f"{odd} is 4x8" in message
    assert "size such as 4x6" in message
    data = datasets.load(at(pets, size="2x3"), Path())
    assert data.image_size == (2, 3)
    torch.testing.assert_close(data.train.images[:, 2], torch.ones(20, 2, 3))
    torch.testing.assert_close(data.train.images[:, 0, 0, 0], torch.tensor([*range(10), *range(100, 110)]) / 255)


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_images_of_more_than_8_bits_are_refused_rather_than_clipped(pets, mode, refusal):
    path = paint((pets / "train" / "cat" / "00.tif"), 7, mode)
    message = refusal(datasets.load, at(pets), Path())
    assert "more than 8 bits" in message
    assert str(path) in message
