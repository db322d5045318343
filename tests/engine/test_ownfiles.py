import os

import pytest

from engine.ownfiles import LinkError, refuse_links, replacing


def test_a_file_appears_whole_in_the_place_of_the_one_before(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    with replacing(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["weights"]


@pytest.mark.parametrize("place", ["weights", "weights.partial"])
def test_what_a_link_in_its_place_points_to_is_not_touched(tmp_path, place):
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / place).symlink_to(target)
    with replacing(tmp_path / "weights") as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"precious"
    assert (tmp_path / "weights").read_bytes() == b"new"
    assert not (tmp_path / "weights").is_symlink()


def test_links_are_named_with_what_they_point_to(tmp_path):
    (tmp_path / "link").symlink_to("/elsewhere")
    refuse_links([tmp_path / "absent", tmp_path])
    with pytest.raises(LinkError, match="link: is a link to /elsewhere; files of a project are never links: remove it"):
        refuse_links([tmp_path, tmp_path / "link"])
