import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import datasets
from engine.data.yale import paper_split, read_pgm
from engine.spec.experiment import Data

YALE_TOTALS = [64] * 10 + [60, 59, 60, 63, 62, 63, 63] + [64] * 21


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


def test_the_authors_file_gives_what_the_tree_gives(yale_root, refusal, same):
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


def test_faces_of_another_size_are_passed_over(yale_root, same):
    person = yale_root / "CroppedYale" / "yaleB01"
    before = datasets.load(Data(name="yale"), yale_root)
    (person / "yaleB01_P00A-001.pgm").write_bytes(pgm(np.zeros((480, 640))))
    (person / "yaleB01_P00_Ambient.pgm").write_bytes(pgm(face(9, 9)))
    (person / "yaleB01_P00A-002.pgm.bad").write_bytes(b"bad")
    after = datasets.load(Data(name="yale"), yale_root)
    assert same(after.train, before.train)
    assert [warning.message for warning in before.warnings] == []
    assert [warning.message for warning in after.warnings] == ["1 of 104 files left out: not 168x192 pixels"]


def test_all_faces_that_cannot_be_read_are_named_at_once(yale_root, refusal):
    broken = sorted((yale_root / "CroppedYale" / "yaleB01").iterdir())[:6]
    for path in broken:
        path.write_bytes(path.read_bytes()[:-1])
    message = refusal(datasets.load, Data(name="yale"), yale_root)
    assert "yale: cannot read 6 of 103 files: " in message
    assert all(str(path) in message for path in broken[:5])
    assert message.count("damaged: it ends before its 168x192 pixels do") == 5
    assert "and 1 more" in message


def test_a_face_under_two_peoples_names_is_named(yale_root):
    mine, yours = (sorted((yale_root / "CroppedYale" / f"yaleB0{person}").iterdir())[0] for person in (1, 3))
    shutil.copy(mine, yours)
    (warning,) = (each for each in datasets.load(Data(name="yale"), yale_root).warnings if each.topic == "data")
    assert "1 of 103 images has another label than an equal one" in warning.message
    assert all(f"{path.parent.name}/{path.name}" in warning.message for path in (mine, yours))


def test_too_few_faces_of_a_person_are_refused(yale_root, refusal):
    for path in list((yale_root / "CroppedYale" / "yaleB03").iterdir())[:1]:
        path.unlink()
    assert "yaleB03 has 50 usable images" in refusal(datasets.load, Data(name="yale"), yale_root)
    for path in yale_root.rglob("*.pgm"):
        path.write_bytes(pgm(np.zeros((2, 2))))
    assert "no image of 168x192" in refusal(datasets.load, Data(name="yale"), yale_root)


def test_yale_loads_where_there_is_only_torch_and_numpy(yale_root, monkeypatch, refusal):
    for name in ("torchvision", "PIL", "sklearn", "scipy"):
        for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
            monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, name, None)
    data = datasets.load(Data(name="yale", size="48x42"), yale_root)
    assert data.train.images.shape == (100, 1, 48, 42)
    assert data.train.images.dtype == torch.float32
    assert "torchvision" in refusal(datasets.download, Data(name="cifar10"), yale_root)


gaps = st.lists(st.sampled_from([" ", "\n", "\t", "\r\n", "# made by hand 5 5\n", "#\n"]), min_size=1, max_size=4)


@settings(deadline=None)
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
        (b"P5\n2 2\n65535\n" + bytes(8), "white level is 65535"),
        (b"P5\n2 2\n255\n" + bytes(3), "damaged"),
        (b"P5\n" + b"9" * 5000 + b" 2\n255\n", "not a binary PGM"),
    ],
)
def test_a_pgm_that_cannot_be_read_is_named(tmp_path, content, needle, refusal):
    path = tmp_path / "face.pgm"
    path.write_bytes(content)
    message = refusal(read_pgm, path)
    assert needle in message
    assert str(path) in message
    assert "cannot read" in refusal(read_pgm, tmp_path / "absent.pgm")
