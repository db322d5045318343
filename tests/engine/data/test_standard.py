import gzip
import hashlib
import pickle
import shutil
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import datasets, sources
from engine.spec.experiment import Data


def test_digits_are_those_of_scikit_learn_in_a_fixed_split(same):
    from sklearn.datasets import load_digits

    original = load_digits()
    data = datasets.load(Data(name="digits"), Path("unused"))
    assert (data.in_channels, data.image_size, data.num_classes) == (1, (8, 8), 10)
    assert (len(data.train), len(data.test)) == (600, 1197)
    assert torch.bincount(data.train.labels).tolist() == [60] * 10
    assert data.train.images.dtype == torch.float32
    given_images = {
        image.tobytes() + bytes([label]) for image, label in zip(original.data, original.target, strict=True)
    }
    for split in (data.train, data.test):
        rows = (split.images * 16).double().view(-1, 64).numpy()
        assert {row.tobytes() + bytes([label]) for row, label in zip(rows, split.labels, strict=True)} <= given_images
    order = [row.tobytes() for row in original.data]
    places = [order.index(row.tobytes()) for row in (data.train.images * 16).double().view(-1, 64).numpy()]
    assert places == sorted(set(places))
    reseeded = datasets.load(Data(name="digits", split_seed=5), Path("unused"))
    assert same(reseeded.train, data.train)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def fashion_root(tmp_path) -> Path:
    raw = tmp_path / sources.FASHION_FOLDER
    raw.mkdir(parents=True)
    for split, total in (("train", 30), ("t10k", 20)):
        images = np.arange(total)[:, None, None] * np.ones((1, 28, 28))
        (raw / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(idx(np.arange(total) % 10))
    return tmp_path


@pytest.fixture
def cifar_root(tmp_path, monkeypatch) -> Path:
    """A small CIFAR-10 in the original format, with torchvision's checksums set to fit it."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / sources.CIFAR_FOLDER
    folder.mkdir()

    def store(name: str, content: dict) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch(start: int) -> dict:
        data = np.arange(start, start + 10, dtype=np.uint8)[:, None] * np.ones((1, 3072), np.uint8)
        data[:, 1:3] = 250, 251
        return {"data": data, "labels": list(range(10))}

    names = [f"data_batch_{number}" for number in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", [[name, store(name, batch(10 * at))] for at, name in enumerate(names)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", store("test_batch", batch(100))]])
    digest = store("batches.meta", {"label_names": [f"thing{label}" for label in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": digest})
    return tmp_path


def test_fashion_mnist_is_read_from_its_usual_files(fashion_root):
    data = datasets.load(Data(name="fashion-mnist"), fashion_root)
    assert data.train.images.shape == (30, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images[:, 0, 5, 5].tolist() == list(range(30))
    assert data.test.labels.tolist() == [*range(10)] * 2
    assert data.class_names[:2] == ("T-shirt/top", "Trouser")


def test_fashion_mnist_with_fewer_labels_than_images_is_refused(fashion_root, refusal):
    (fashion_root / sources.FASHION_FOLDER / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(19) % 10))
    assert "20 images but 19 labels" in refusal(datasets.load, Data(name="fashion-mnist"), fashion_root)
    images = fashion_root / sources.FASHION_FOLDER / "t10k-images-idx3-ubyte"
    images.write_bytes(idx(np.arange(19)))
    assert "cannot read the files" in refusal(datasets.load, Data(name="fashion-mnist"), fashion_root)


def test_the_real_fashion_mnist_loads_whole(shared, tmp_path):
    raw = tmp_path / sources.FASHION_FOLDER
    raw.mkdir(parents=True)
    for name in sources.FASHION_FILES:
        (raw / name).write_bytes(gzip.decompress((shared / "data" / "fashion-mnist" / f"{name}.gz").read_bytes()))
    data = datasets.load(Data(name="fashion-mnist", train_fraction=0.5), tmp_path)
    assert torch.bincount(data.train.labels).tolist() == [3000] * 10
    assert torch.bincount(data.test.labels).tolist() == [1000] * 10


def test_cifar10_is_read_from_its_original_files(cifar_root):
    data = datasets.load(Data(name="cifar10"), cifar_root)
    assert data.train.images.shape == (50, 3, 32, 32)
    assert data.train.images.is_contiguous()
    assert data.train.images[:, 2, 31, 31].tolist() == list(range(50))
    assert data.train.images[0, 0, 0, :4].tolist() == [0, 250, 251, 0]
    assert data.test.images[:, 0, 0, 0].tolist() == list(range(100, 110))
    assert data.class_names[9] == "thing9"


def test_a_changed_cifar10_is_refused(cifar_root, refusal):
    with open(cifar_root / sources.CIFAR_FOLDER / "test_batch", "ab") as stream:
        stream.write(b"x")
    assert "corrupted" in refusal(datasets.load, Data(name="cifar10"), cifar_root)


@pytest.fixture
def cifar_copy(tmp_path, monkeypatch) -> Path:
    """Two training images and one test image of each class, saved one by one; the training ones get brighter."""
    from PIL import Image

    monkeypatch.setattr(sources, "CIFAR_PER_CLASS", (2, 1))
    for at, (split, label, number) in enumerate(
        (split, label, number)
        for split, count in (("train", 2), ("test", 1))
        for label in sources.CIFAR_CLASSES
        for number in range(count)
    ):
        path = tmp_path / "cifar10" / split / label / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (at, 250, 251)).save(path)
    return tmp_path


def test_cifar10_is_read_from_a_copy_saved_image_by_image(cifar_copy):
    data = datasets.load(Data(name="cifar10"), cifar_copy)
    assert data.train.images.shape == (20, 3, 32, 32)
    assert data.train.images[:, :, 5, 5].tolist() == [[at, 250, 251] for at in range(20)]
    assert data.train.labels.tolist() == [label for label in range(10) for _ in range(2)]
    assert data.test.images[:, 0, 0, 0].tolist() == list(range(20, 30))
    assert data.class_names == sources.CIFAR_CLASSES


def test_the_original_cifar10_goes_before_a_copy(cifar_copy, cifar_root):
    assert cifar_copy == cifar_root
    assert datasets.load(Data(name="cifar10"), cifar_root).class_names[9] == "thing9"


def test_a_copy_of_cifar10_that_is_not_whole_is_refused(cifar_copy, refusal):
    (cifar_copy / "cifar10" / "test" / "frog" / "0000.png").rename(cifar_copy / "cifar10" / "test" / "frog.png")
    assert "no image in" in refusal(datasets.load, Data(name="cifar10"), cifar_copy)
    (cifar_copy / "cifar10" / "test" / "frog.png").rename(cifar_copy / "cifar10" / "test" / "cat" / "0001.png")
    shutil.copy(cifar_copy / "cifar10" / "train" / "frog" / "0000.png", cifar_copy / "cifar10" / "test" / "frog")
    message = refusal(datasets.load, Data(name="cifar10"), cifar_copy)
    assert "needs 1 images each of airplane" in message
    assert "cat 2" in message


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_a_failed_download_is_one_clear_line(name, tmp_path, monkeypatch, refusal):
    def no_network(*_arguments, **_keywords):
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    message = refusal(datasets.download, Data(name=name), tmp_path)
    assert message.startswith(f"{name}: the download into {tmp_path} failed: ")


def test_what_is_there_is_not_downloaded_and_what_cannot_be_is_left_alone(fashion_root, tmp_path):
    datasets.download(Data(name="fashion-mnist"), fashion_root)
    for name in ("digits", "yale", "folder:nowhere"):
        datasets.download(Data(name=name), tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
