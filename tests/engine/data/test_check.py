from pathlib import Path

from engine.data.check import look
from engine.spec.experiment import Data


def test_what_a_data_set_holds_is_told_as_a_run_uses_it():
    said = look(Data(name="digits", size="4x4", test_fraction=0.5), Path())
    assert (said["train"], said["classes"], said["size"]) == (600, 10, (4, 4))
    assert said["equal"] == said["warnings"] == []


def test_shrinking_may_make_images_equal_and_each_is_paired_with_the_first():
    said = look(Data(name="digits", size="1x1"), Path())
    assert len(said["equal"]) > 1000
    later, first = said["equal"][0]
    assert later.startswith("training image ")
    assert int(first.split()[-1]) < int(later.split()[-1])
    assert any("test images are also training images" in warning for warning in said["warnings"])


def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path):
    assert look(Data(name="yale"), tmp_path)["refused"].startswith("yale: neither CroppedYale")
