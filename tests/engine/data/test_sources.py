import math
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import patience

from engine.data import sources
from engine.data.sources import DatasetError, fingerprint
from engine.spec.experiment import Data
from engine.validation import SpecError


def refusal(call, *arguments) -> str:
    with pytest.raises(SpecError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fill(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def pets(tmp_path) -> Path:
    images = {f"{split}/{kind}/{kind}1.png": split.encode() for split in ("train", "test") for kind in ("cat", "dog")}
    return fill(tmp_path / "pets", images)


@pytest.fixture
def faces(tmp_path) -> Path:
    names = ("yaleB01/yaleB01_P00A+000E+00.pgm", "yaleB02/yaleB02_P00A+000E+00.pgm")
    return fill(tmp_path / "data" / "CroppedYale", {name: name.encode() for name in names}).parent


def of(folder: Path) -> str:
    return fingerprint(Data(name=f"folder:{folder}"), Path())


def idx(*sides: int) -> bytes:
    return struct.pack(f">BBBB{len(sides)}I", 0, 0, 8, len(sides), *sides) + bytes(math.prod(sides))


@pytest.fixture
def fashion(tmp_path) -> Path:
    parts = {name: idx(2, 28, 28) if "images" in name else idx(2) for name in sources.FASHION_FILES}
    fill(tmp_path / sources.FASHION_FOLDER, parts)
    return tmp_path


def test_neither_torch_nor_numpy_nor_sklearn_is_imported():
    code = (
        "import sys; from pathlib import Path; from engine.data import sources;"
        "from engine.spec.experiment import Data;"
        "print(sources.fingerprint(Data(name='digits'), Path()));"
        "print(sorted({'torch', 'numpy', 'sklearn', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=patience(60)
    )
    digest, imported = done.stdout.split()
    assert imported == "[]"
    assert digest == fingerprint(Data(name="digits"), Path("anywhere"))


def test_the_digits_are_sought_in_scikit_learn(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "scikit-learn" in refusal(fingerprint, Data(name="digits"), Path())


def test_a_data_set_counts_by_content_and_not_by_place(pets, tmp_path):
    copy = shutil.copytree(pets, tmp_path / "elsewhere")
    assert of(copy) == of(pets)
    (copy / "notes.txt").write_text("not an image")
    (copy / "train" / ".cache").mkdir()
    assert of(copy) == of(pets)


@pytest.mark.parametrize("change", ["content", "name", "removal", "class"])
def test_every_change_of_the_files_changes_the_fingerprint(pets, change):
    before = of(pets)
    image = pets / "train" / "cat" / "cat1.png"
    if change == "content":
        image.write_bytes(b"other")
    elif change == "name":
        image.rename(image.with_name("cat2.png"))
    elif change == "removal":
        shutil.copy(image, image.with_name("cat3.png"))
    else:
        for split in ("train", "test"):
            (pets / split / "cat").rename(pets / split / "cow")
    assert of(pets) != before


@settings(deadline=None)
@given(st.binary(max_size=20), st.integers(0, 20))
def test_moving_bytes_from_one_file_to_the_next_changes_the_fingerprint(tmp_path_factory, content, cut):
    def digest(first: bytes, second: bytes) -> str:
        folder = tmp_path_factory.mktemp("tree")
        return of(fill(folder, {"a/1.png": first, "a/2.png": second, "b/1.png": b""}))

    cut = min(cut, len(content))
    same = (content[:cut], content[cut:]) == (content, b"")
    assert (digest(content[:cut], content[cut:]) == digest(content, b"")) == same


@pytest.mark.parametrize("place", ["CroppedYale", "yale/CroppedYale", "."])
def test_yale_is_found_in_each_usual_place(faces, tmp_path, place):
    root = tmp_path / "other"
    target = (root / place).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    expected = fingerprint(Data(name="yale"), faces)
    shutil.copytree(faces / "CroppedYale", target)
    assert fingerprint(Data(name="yale"), root) == expected


def test_ambient_and_bad_files_of_yale_do_not_count(faces):
    before = fingerprint(Data(name="yale"), faces)
    person = faces / "CroppedYale" / "yaleB01"
    fill(person, {"yaleB01_P00_Ambient.pgm": b"x", "yaleB01_P00A+120E+00.pgm.bad": b"x", "yaleB01.info": b"x"})
    (faces / "CroppedYale" / "yaleB14").mkdir()
    assert fingerprint(Data(name="yale"), faces) == before
    assert list(sources.yale_people(faces / "CroppedYale")) == ["yaleB01", "yaleB02"]


def test_the_authors_file_of_yale_serves_where_there_is_no_tree(tmp_path, faces):
    fill(tmp_path / "mat", {sources.YALE_MAT: b"matrix"})
    assert sources.yale_source(tmp_path / "mat").name == sources.YALE_MAT
    fill(faces, {sources.YALE_MAT: b"matrix"})
    assert sources.yale_source(faces).name == "CroppedYale"


@pytest.mark.parametrize(
    ("name", "needle"),
    [("yale", "CroppedYale"), ("fashion-mnist", "train-images-idx3-ubyte"), ("cifar10", "data_batch_1")],
)
def test_missing_files_are_named_with_the_place_and_the_remedy(tmp_path, name, needle):
    message = refusal(fingerprint, Data(name=name), tmp_path)
    assert needle in message
    assert str(tmp_path) in message
    assert "--data-root" in message
    assert "MIA_DATA" in message
    assert ("--download" in message) == (name != "yale")


def test_fashion_files_of_the_length_in_their_header_are_taken(fashion):
    assert len(fingerprint(Data(name="fashion-mnist"), fashion)) == 32


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08\3", idx(2, 28, 28)[:-1], idx(2, 28, 28) + b"x", b"<html>" * 9],
    ids=["empty", "header only", "short", "long", "another format"],
)
def test_damaged_fashion_files_are_named(fashion, content):
    path = fashion / sources.FASHION_FOLDER / "t10k-images-idx3-ubyte"
    path.write_bytes(content)
    message = refusal(fingerprint, Data(name="fashion-mnist"), fashion)
    assert str(path) in message
    assert "damaged" in message


def test_folders_that_cannot_be_used_are_refused(pets, tmp_path):
    assert "no folder" in refusal(of, tmp_path / "absent")
    assert "path is missing" in refusal(fingerprint, Data(name="folder:"), Path())
    (tmp_path / "flat").mkdir()
    assert "at least two classes" in refusal(of, tmp_path / "flat")
    shutil.rmtree(pets / "test" / "dog")
    assert "at least two classes" in refusal(of, pets)
    fill(pets, {"test/cow/1.png": b"x"})
    assert "'cow' is not in both train and test" in refusal(of, pets)
    fill(pets, {"train/cow/readme.txt": b"x"})
    assert "no image in" in refusal(of, pets)


def test_an_unreadable_file_is_named(pets):
    path = pets / "train" / "cat" / "broken.png"
    path.symlink_to(pets / "nowhere.png")
    assert str(path) in refusal(of, pets)


def test_val_stands_in_for_test_and_a_class_may_be_called_train(pets, tmp_path):
    (pets / "test").rename(pets / "val")
    assert len(sources.folder_splits(Data(name=f"folder:{pets}"))) == 2
    vehicles = fill(tmp_path / "vehicles", {"train/1.png": b"", "bus/1.png": b""})
    assert [list(split) for split in sources.folder_splits(Data(name=f"folder:{vehicles}"))] == [["bus", "train"]]


def test_dataset_errors_are_setting_errors():
    assert issubclass(DatasetError, SpecError)
