"""Which files of an image folder count: those that an owner would call images, each once."""

import os
import unicodedata
from pathlib import Path

import pytest

from engine.data import sources
from engine.data.sources import DatasetError, fingerprint
from engine.spec.experiment import Data

CAFE = "café"
APART = unicodedata.normalize("NFD", CAFE)


def fill(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def of(folder: Path) -> str:
    return fingerprint(Data(name=f"folder:{folder}"), Path())


def refusal(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        of(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def pets(tmp_path) -> Path:
    names = [
        f"{split}/{kind}/{number}.png" for split in ("train", "test") for kind in ("cat", "dog") for number in "12"
    ]
    return fill(tmp_path / "pets", {name: name.encode() for name in names})


def inside(folder: Path) -> list[dict[str, list[str]]]:
    """Split -> class -> the files, as names from the folder on."""
    splits = sources.folder_splits(Data(name=f"folder:{folder}"))
    return [{kind: [str(path.relative_to(folder)) for path in found[kind]] for kind in found} for found in splits]


@pytest.mark.parametrize(
    "hidden",
    [
        "__MACOSX/cat/._1.png",
        "train/.ipynb_checkpoints/1-checkpoint.png",
        "train/__MACOSX/1.png",
        "train/cat/._1.png",
        "train/cat/.DS_Store",
        "train/cat/.ipynb_checkpoints/1-checkpoint.png",
        "test/dog/deep/.thumbnails/1.png",
        "test/dog/deep/__MACOSX/1.png",
        "test/dog/@eaDir/1.png",
    ],
)
def test_hidden_names_are_passed_over_at_every_depth(pets, hidden):
    before, files = of(pets), inside(pets)
    fill(pets, {hidden: b"not the owner's"})
    assert inside(pets) == files
    assert of(pets) == before


def test_hidden_names_are_passed_over_among_the_faces(tmp_path):
    fill(tmp_path, {"CroppedYale/yaleB01/yaleB01_P00A+000E+00.pgm": b"x"})
    before = sources.files(Data(name="yale"), tmp_path)
    fill(tmp_path, {"CroppedYale/yaleB01/._yaleB01_P00A+000E+00.pgm": b"x", "CroppedYale/._yaleB01": b"x"})
    assert sources.files(Data(name="yale"), tmp_path) == before


@pytest.mark.parametrize("target", ["..", ".", "../cat", "../../..", "deep"])
def test_a_link_that_leads_up_or_to_a_folder_of_the_class_adds_nothing(pets, target):
    fill(pets, {"train/cat/deep/3.png": b"x"})
    files = [path.read_bytes() for path in sources.files(Data(name=f"folder:{pets}"), Path()).values()]
    (pets / "train" / "cat" / "link").symlink_to(target)
    linked = [path.read_bytes() for path in sources.files(Data(name=f"folder:{pets}"), Path()).values()]
    assert sorted(linked) == sorted(files)


def test_a_class_that_is_a_link_to_a_folder_above_it_is_none(pets):
    files = inside(pets)
    (pets / "train" / "loop").symlink_to("..")
    (pets / "test" / "self").symlink_to(".")
    assert inside(pets) == files


def test_what_two_links_lead_to_is_entered_once(pets, tmp_path):
    fill(tmp_path / "more", {"8.png": b"8", "9.png": b"9"})
    for name in ("x", "y"):
        (pets / "train" / "cat" / name).symlink_to(tmp_path / "more")
    cats = inside(pets)[0]["cat"]
    assert cats == ["train/cat/1.png", "train/cat/2.png", "train/cat/x/8.png", "train/cat/x/9.png"]


@pytest.mark.parametrize("link", ["train/cats", "train/dog/more"])
def test_a_folder_of_two_classes_is_refused(pets, link):
    (pets / link).symlink_to(pets / "train" / "cat")
    message = refusal(pets)
    assert f"{pets / 'train' / 'cat'} belongs to both classes 'cat' and" in message
    assert "by a link" in message


def test_accents_composed_or_apart_are_one_class(tmp_path):
    fill(tmp_path / "mixed", {f"train/{CAFE}/1.png": b"1", "train/tea/1.png": b"2"})
    fill(tmp_path / "mixed", {f"train/{APART}/2.png": b"3", f"test/{APART}/1.png": b"4", "test/tea/1.png": b"5"})
    train, test = inside(tmp_path / "mixed")
    assert list(train) == list(test) == [CAFE, "tea"]
    assert train[CAFE] == [f"train/{CAFE}/1.png", f"train/{APART}/2.png"]


def test_a_folder_counts_the_same_however_its_accents_are_composed(tmp_path):
    names = [f"{CAFE}/é.png", f"{CAFE}/f.png", "cafz/1.png", "cafz/é/1.png", "cafz/f/1.png"]
    whole = fill(tmp_path / "whole", {name: name.encode() for name in names})
    apart = fill(tmp_path / "apart", {unicodedata.normalize("NFD", name): name.encode() for name in names})
    assert of(whole) == of(apart)
    contents = [
        [path.read_bytes() for path in sources.files(Data(name=f"folder:{top}"), Path()).values()]
        for top in (whole, apart)
    ]
    assert contents[0] == contents[1]


def test_names_that_are_no_text_are_taken_and_cannot_command_a_terminal(tmp_path):
    top = fill(tmp_path / "odd", {os.fsdecode(b"caf\xe9/1.png"): b"1", "tea/1.png": b"2"})
    assert len(of(top)) == 32
    (top / "\x1b]0;title\x07").mkdir()
    assert "\x1b" not in refusal(top)


def test_all_unreadable_files_are_counted_and_the_first_five_named(pets):
    for number in range(7):
        (pets / "train" / "cat" / f"broken{number}.png").symlink_to(pets / "nowhere.png")
    message = refusal(pets)
    assert "cannot read 7 of 15 files: " in message
    assert all(f"broken{number}.png (No such file or directory)" in message for number in range(5))
    assert "and 2 more; repair or remove them" in message
    assert "broken5" not in message


def test_a_pipe_is_named_and_not_waited_for(pets):
    os.mkfifo(pets / "train" / "cat" / "pipe.png")
    assert f"cannot read 1 of 9 files: {pets / 'train' / 'cat' / 'pipe.png'} (not a file)" in refusal(pets)


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(pets, monkeypatch):
    listed = os.scandir

    def scandir(place):
        if os.path.basename(place) == "dog":
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    assert f"cannot read the folder {pets / 'train' / 'dog'}: Permission denied" in refusal(pets)
