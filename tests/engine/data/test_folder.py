from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from engine.data import datasets, sources
from engine.data.folder import folder
from engine.spec.experiment import Data


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

    assert sources.IMAGE_SUFFIXES == IMG_EXTENSIONS
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
    files = sources.folder_splits(data)
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


def test_all_images_that_cannot_be_read_are_counted_and_the_first_five_named(pets, refusal):
    broken = [pets / "train" / kind / f"0{number}.png" for kind in ("cat", "dog") for number in range(3)]
    for path, length in zip(broken, (0, 10, 20, 30, 40, 50), strict=True):
        path.write_bytes(path.read_bytes()[:length])
    deep = paint(pets / "test" / "dog" / "00.tif", 7, "I;16")
    message = refusal(datasets.load, at(pets), Path())
    assert "cannot read 7 of 31 files: " in message
    assert all(str(path) in message for path in broken[:5])
    assert f"{broken[0]} (not an image)" in message
    assert message.endswith("and 2 more; repair or remove them")
    for path in broken:
        path.unlink()
    assert f"cannot read 1 of 25 files: {deep} (more than 8 bits" in refusal(datasets.load, at(pets), Path())


def held(top: Path, orientation: int, suffix: str) -> Path:
    """A folder in which each first image was taken with the camera held so."""
    drawn = np.random.default_rng(0).integers(0, 256, (8, 5, 5, 3), np.uint8)
    for number, image in enumerate(drawn):
        path = top / ("train", "test")[number // 4] / ("cat", "dog")[number % 2] / f"{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = orientation if number in (0, 1) else 1
        Image.fromarray(image).save(path, exif=exif)
    return top


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_exif_says_and_it_is_said(tmp_path, orientation):
    top = held(tmp_path / "held", orientation, ".png")
    data = datasets.load(at(top), Path())
    for image, name in zip(data.train.images, data.train.files, strict=True):
        expected = np.asarray(ImageOps.exif_transpose(Image.open(top / name)))
        assert np.array_equal(image.permute(1, 2, 0), expected)
    assert data.warnings == ()
    assert data.notes == (() if orientation == 1 else ("turned as their EXIF orientation says: 2 of 8 images",))


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_every_format_is_turned_once(tmp_path, suffix):
    top = held(tmp_path / "held", 6, suffix)
    data = datasets.load(at(top), Path())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(top / data.train.files[0])))
    assert np.array_equal(data.train.images[0].permute(1, 2, 0), expected)
    assert data.notes == ("turned as their EXIF orientation says: 2 of 8 images",)


def test_an_exif_that_cannot_be_read_turns_nothing(tmp_path):
    top = held(tmp_path / "held", 6, ".jpg")
    expected = np.asarray(Image.open(top / "train" / "cat" / "0.jpg"))
    for path in top.rglob("*.jpg"):
        content = path.read_bytes()
        start = content.index(b"Exif\0\0") + 6
        path.write_bytes(content[:start] + b"MM\0\x2a\0\0\xff\xf8" + content[start + 8 :])
    data = datasets.load(at(top), Path())
    assert (data.warnings, data.notes) == ((), ())
    assert np.array_equal(data.train.images[0].permute(1, 2, 0), expected)


def test_images_know_their_files_and_a_folder_of_copies_is_said_to_be_one(pets):
    paint(pets / "test" / "dog" / "00.png", 55)
    data = datasets.load(at(pets), Path())
    assert data.train.files[10] == "train/dog/00.png"
    assert data.test.files[-5] == "test/dog/00.png"
    said = {warning.topic: warning.message for warning in data.warnings}
    assert said["membership"].startswith(
        "9 of 10 test images are also training images (test/cat/00.png equals train/cat/00.png)"
    )
