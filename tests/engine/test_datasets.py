import gzip
import hashlib
import pickle
import shutil
import struct
import sys
import tarfile
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import datafiles, datasets
from engine.datafiles import DatasetError
from engine.datasets.folder import folder
from engine.datasets.images import shrink
from engine.datasets.pool import select
from engine.datasets.yale import paper_split, read_pgm
from engine.spec import Data

YALE_TOTALS = [64] * 10 + [60, 59, 60, 63, 62, 63, 63] + [64] * 21


def refusal(call, *arguments, **keywords) -> str:
    with pytest.raises(DatasetError) as caught:
        call(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(left: datasets.Split, right: datasets.Split) -> bool:
    return all(torch.equal(getattr(left, name), getattr(right, name)) for name in ("images", "labels", "index"))


# --- choosing images


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
    assert draws[0, 0] == DRAWN


DRAWN = (2, 13, 22, 24, 30, 63, 65, 66, 69, 83)


# --- images as tensors


def test_pixels_divide_bytes_by_255_and_leave_floats_alone():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(datasets.pixels(images), images.float() / 255)
    assert images.dtype == torch.uint8
    floats = torch.rand(2, 1, 4, 4)
    assert datasets.pixels(floats) is floats


def test_shrinking_takes_the_mean_of_each_area_across_chunks(monkeypatch):
    monkeypatch.setattr("engine.datasets.images.CHUNK", 2)
    images = torch.randint(0, 256, (5, 3, 6, 8), dtype=torch.uint8)
    expected = images.numpy().reshape(5, 3, 3, 2, 2, 4).mean((3, 5)) / 255
    np.testing.assert_allclose(shrink(images, (3, 2)).numpy(), expected, atol=1e-6)
    assert torch.equal(shrink(images, (6, 8)), datasets.pixels(images))


@given(st.integers(0, 255), st.integers(1, 9), st.integers(1, 9))
def test_shrinking_one_colour_gives_that_colour(value, height, width):
    images = torch.full((1, 1, 7, 9), value, dtype=torch.uint8)
    torch.testing.assert_close(shrink(images, (height, width)), torch.full((1, 1, height, width), value / 255))


# --- digits


def test_digits_are_those_of_scikit_learn_in_a_fixed_split():
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


def test_a_fingerprint_that_does_not_fit_is_refused():
    data = Data(name="digits", fingerprint=datafiles.fingerprint(Data(name="digits"), Path()))
    assert len(datasets.load(data, Path()).train) == 600
    assert "have changed" in refusal(datasets.load, Data(name="digits", fingerprint="0" * 32), Path())


def test_a_data_set_moves_to_a_device_with_everything():
    data = datasets.load(Data(name="digits"), Path()).to("meta")
    for split in (data.train, data.test):
        assert {split.images.device.type, split.labels.device.type, split.index.device.type} == {"meta"}


# --- yale


def pgm(face: np.ndarray, header: str = "P5\n{1} {0}\n255\n") -> bytes:
    return header.format(*face.shape).encode() + face.astype(np.uint8).tobytes()


def face(person: int, number: int) -> np.ndarray:
    image = np.zeros((192, 168), np.uint8)
    image[0, :2] = person, number
    image[190, 3] = 200
    return image


@pytest.fixture
def yale_root(tmp_path) -> Path:
    for person, total in ((1, 52), (3, 51)):
        folder = tmp_path / "CroppedYale" / f"yaleB{person:02}"
        folder.mkdir(parents=True)
        for number in range(total):
            (folder / f"yaleB{person:02}_P00A{number:+04}.pgm").write_bytes(pgm(face(person, number)))
    return tmp_path


def test_the_papers_split_follows_from_the_class_totals_alone():
    labels = np.repeat(np.arange(38), YALE_TOTALS)
    train, test = paper_split(labels)
    assert (len(train), len(test)) == (1900, 514)
    assert sorted([*train, *test]) == list(range(2414))
    assert np.bincount(labels[train]).tolist() == [50] * 38
    # Protocol D: the first training rows before shuffling are 1353, 651, 1380, 915, 545, fifty to a person; of the
    # test rows 251, 472, 235, 301, 143.
    assert labels[train[:5]].tolist() == [row // 50 for row in (1353, 651, 1380, 915, 545)]
    owners = np.repeat(np.arange(38), np.array(YALE_TOTALS) - 50)
    assert labels[test[:5]].tolist() == owners[[251, 472, 235, 301, 143]].tolist()


@pytest.mark.parametrize("model", ["natural", "pgd", "ibp"])
def test_the_papers_split_has_the_published_labels(shared, model):
    labels = np.repeat(np.arange(38), YALE_TOTALS)
    train, test = paper_split(labels)
    published = np.load(shared / "data" / "golden" / f"yale-{model}.npz")
    np.testing.assert_array_equal(labels[train], published["train_label"])
    np.testing.assert_array_equal(labels[test], published["test_label"])


def test_the_real_faces_load_with_the_published_labels(shared, tmp_path):
    with tarfile.open(shared / "data" / "yale" / "CroppedYale.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    data = datasets.load(Data(name="yale"), tmp_path)
    published = np.load(shared / "data" / "golden" / "yale-natural.npz")
    np.testing.assert_array_equal(data.train.labels, published["train_label"])
    np.testing.assert_array_equal(data.test.labels, published["test_label"])
    assert data.train.images.shape == (1900, 1, 192, 168)
    assert data.train.images.dtype == torch.uint8
    assert data.class_names[12:14] == ("yaleB13", "yaleB15")


def test_faces_come_from_the_tree_in_the_order_of_the_split(yale_root):
    data = datasets.load(Data(name="yale"), yale_root)
    assert data.class_names == ("yaleB01", "yaleB03")
    faces = [face(1, number) for number in range(52)] + [face(3, number) for number in range(51)]
    train, test = paper_split(np.repeat([0, 1], [52, 51]))
    assert np.array_equal(data.train.images[:, 0], np.stack(faces)[train])
    assert np.array_equal(data.test.images[:, 0], np.stack(faces)[test])
    assert (data.image_size, data.in_channels, data.num_classes) == ((192, 168), 1, 2)
    assert torch.equal(data.train.index, torch.arange(100, dtype=torch.int32))


def test_the_authors_file_gives_what_the_tree_gives(yale_root):
    from scipy.io import savemat

    tree = datasets.load(Data(name="yale"), yale_root)
    people, numbers = np.repeat([1, 3], [52, 51]), [*range(52), *range(51)]
    columns = np.stack([face(*who).ravel(order="F") for who in zip(people, numbers, strict=True)], axis=1)
    shutil.rmtree(yale_root / "CroppedYale")
    for stored in (columns, columns.astype(float)):
        savemat(yale_root / "YALEBXF.mat", {"X": stored, "Y": people[:, None]})
        mat = datasets.load(Data(name="yale"), yale_root)
        assert same(mat.train, tree.train)
        assert same(mat.test, tree.test)
        assert mat.class_names == ("1", "3")
    savemat(yale_root / "YALEBXF.mat", {"X": columns + 0.5, "Y": people[:, None]})
    torch.testing.assert_close(
        datasets.load(Data(name="yale"), yale_root).test.images, (tree.test.images.float() + 0.5) / 255
    )
    savemat(yale_root / "YALEBXF.mat", {"X": columns[:-1], "Y": people[:, None]})
    assert "expected (32256, 103)" in refusal(datasets.load, Data(name="yale"), yale_root)
    savemat(yale_root / "YALEBXF.mat", {"X": columns})
    assert "cannot read X and Y" in refusal(datasets.load, Data(name="yale"), yale_root)
    (yale_root / "YALEBXF.mat").write_bytes(b"no matrix")
    assert "cannot read X and Y" in refusal(datasets.load, Data(name="yale"), yale_root)


def test_faces_of_another_size_are_passed_over(yale_root):
    person = yale_root / "CroppedYale" / "yaleB01"
    before = datasets.load(Data(name="yale"), yale_root)
    (person / "yaleB01_P00A-001.pgm").write_bytes(pgm(np.zeros((480, 640))))
    (person / "yaleB01_P00_Ambient.pgm").write_bytes(pgm(face(9, 9)))
    (person / "yaleB01_P00A-002.pgm.bad").write_bytes(b"bad")
    assert same(datasets.load(Data(name="yale"), yale_root).train, before.train)


def test_too_few_faces_of_a_person_are_refused(yale_root):
    for path in list((yale_root / "CroppedYale" / "yaleB03").iterdir())[:1]:
        path.unlink()
    assert "yaleB03 has 50 usable images" in refusal(datasets.load, Data(name="yale"), yale_root)
    for path in yale_root.rglob("*.pgm"):
        path.write_bytes(pgm(np.zeros((2, 2))))
    assert "no image of 168x192" in refusal(datasets.load, Data(name="yale"), yale_root)


def test_yale_loads_where_there_is_only_torch_and_numpy(yale_root, monkeypatch):
    for name in ("torchvision", "PIL", "sklearn", "scipy"):
        for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
            monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, name, None)
    data = datasets.load(Data(name="yale", size="48x42"), yale_root)
    assert data.train.images.shape == (100, 1, 48, 42)
    assert data.train.images.dtype == torch.float32
    assert "torchvision" in refusal(datasets.download, Data(name="cifar10"), yale_root)


gaps = st.lists(st.sampled_from([" ", "\n", "\t", "\r\n", "# made by hand 5 5\n", "#\n"]), min_size=1, max_size=4)


@given(st.integers(1, 5), st.integers(1, 5), gaps, gaps, gaps, st.sampled_from([" ", "\n", "\t"]), st.data())
def test_a_pgm_is_read_whatever_space_and_comments_its_header_has(
    tmp_path_factory, height, width, first, second, third, end, data
):
    # Bytes that look like space or a comment may begin the pixels.
    values = data.draw(
        st.lists(st.sampled_from([0, 10, 32, 35, 49, 255]), min_size=height * width, max_size=height * width)
    )
    image = np.array(values, np.uint8).reshape(height, width)
    header = f"P5{''.join(first)}{width}{''.join(second)}{height}{''.join(third)}255{end}"
    path = tmp_path_factory.mktemp("pgm") / "face.pgm"
    path.write_bytes(header.encode() + image.tobytes())
    assert np.array_equal(read_pgm(path), image)


@pytest.mark.parametrize(
    ("content", "needle"),
    [
        (b"", "not a binary PGM"),
        (b"P2\n1 1\n255\n7", "not a binary PGM"),
        (b"P5\n2 2\n65535\n" + bytes(8), "white level 65535"),
        (b"P5\n2 2\n255\n" + bytes(3), "damaged"),
    ],
)
def test_a_pgm_that_cannot_be_read_is_named(tmp_path, content, needle):
    path = tmp_path / "face.pgm"
    path.write_bytes(content)
    message = refusal(read_pgm, path)
    assert needle in message
    assert str(path) in message
    assert "cannot read" in refusal(read_pgm, tmp_path / "absent.pgm")


# --- Fashion-MNIST and CIFAR-10


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def fashion_root(tmp_path) -> Path:
    raw = tmp_path / datafiles.FASHION_FOLDER
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

    folder = tmp_path / datafiles.CIFAR_FOLDER
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


def test_fashion_mnist_with_fewer_labels_than_images_is_refused(fashion_root):
    (fashion_root / datafiles.FASHION_FOLDER / "t10k-labels-idx1-ubyte").write_bytes(idx(np.arange(19) % 10))
    assert "20 images but 19 labels" in refusal(datasets.load, Data(name="fashion-mnist"), fashion_root)
    images = fashion_root / datafiles.FASHION_FOLDER / "t10k-images-idx3-ubyte"
    images.write_bytes(idx(np.arange(19)))
    assert "cannot read the files" in refusal(datasets.load, Data(name="fashion-mnist"), fashion_root)


def test_the_real_fashion_mnist_loads_whole(shared, tmp_path):
    raw = tmp_path / datafiles.FASHION_FOLDER
    raw.mkdir(parents=True)
    for name in datafiles.FASHION_FILES:
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


def test_a_changed_cifar10_is_refused(cifar_root):
    with open(cifar_root / datafiles.CIFAR_FOLDER / "test_batch", "ab") as stream:
        stream.write(b"x")
    assert "corrupted" in refusal(datasets.load, Data(name="cifar10"), cifar_root)


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_a_failed_download_is_one_clear_line(name, tmp_path, monkeypatch):
    def no_network(*_arguments, **_keywords):
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    message = refusal(datasets.load, Data(name=name), tmp_path, download=True)
    assert message.startswith(f"{name}: the download into {tmp_path} failed: ")


def test_what_is_there_is_not_downloaded_and_what_cannot_be_is_left_alone(fashion_root, tmp_path):
    datasets.download(Data(name="fashion-mnist"), fashion_root)
    for name in ("digits", "yale", "folder:nowhere"):
        datasets.download(Data(name=name), tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


# --- image folders


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


def test_one_tree_is_split_by_class_and_seed(tmp_path):
    top = tree(tmp_path / "pets")
    data = datasets.load(at(top, test_share=0.3), Path())
    assert torch.bincount(data.test.labels).tolist() == [3, 3]
    together = torch.cat([data.train.images, data.test.images])[:, 0, 0, 0]
    assert sorted(together.tolist()) == [*range(10), *range(100, 110)]
    assert same(datasets.load(at(top, test_share=0.3), Path()).test, data.test)
    other = datasets.load(at(top, test_share=0.3, split_seed=1), Path())
    assert not torch.equal(other.test.images, data.test.images)


def test_a_share_that_empties_a_class_is_refused(tmp_path):
    top = tree(tmp_path / "pets", 3)
    paint(top / "emu" / "only.png", 1)
    assert "leaves no image of 'emu'" in refusal(datasets.load, at(top), Path())


def test_only_chosen_images_are_decoded(pets):
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


def test_the_first_image_of_another_size_is_named_unless_a_size_is_given(pets):
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
def test_images_of_more_than_8_bits_are_refused_rather_than_clipped(pets, mode):
    path = paint((pets / "train" / "cat" / "00.tif"), 7, mode)
    message = refusal(datasets.load, at(pets), Path())
    assert "more than 8 bits" in message
    assert str(path) in message


def test_every_data_set_of_the_spec_can_be_loaded():
    from engine.spec import DATASETS

    assert set(datasets.POOLS) == {*DATASETS, "folder"}
