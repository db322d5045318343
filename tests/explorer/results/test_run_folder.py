import pytest
import torch

from engine.models import tensorfile
from explorer.results import run_folder
from explorer.results.picture import Picture
from explorer.results.run_folder import JobLog

CHAINED = """\
Traceback (most recent call last):
  File "/x/mine.py", line 1, in <module>
    import notthere
ModuleNotFoundError: No module named 'notthere'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/engine/job.py", line 41, in run_job
    _run(job, emit, stop)
    ^^^^^^^^^^^^^^^^^^^^^
  File "/x/engine/networks.py", line 210, in build
    raise SpecError(text)
engine.validation.SpecError: network mine:build: ModuleNotFoundError: No module named 'notthere'
"""
OLD = CHAINED.replace("notthere", "gone")


def log_of(text):
    return JobLog(tuple(text.splitlines()), len(text.splitlines()))


def test_a_folder_that_is_not_there_has_no_files(tmp_path):
    folder = run_folder.read(tmp_path / "no")
    assert folder.files == ()
    assert folder.checkpoint is None


def test_the_newest_readable_checkpoint_tells_its_step(tmp_path):
    for name, step in (("checkpoint-previous", 100), ("checkpoint", 200)):
        tensorfile.write(tmp_path / f"{name}.safetensors", {"x": torch.zeros(3)}, {"step": str(step)})
    assert run_folder.read(tmp_path).checkpoint.step == 200
    (tmp_path / "checkpoint.safetensors").write_bytes(b"torn")
    assert run_folder.read(tmp_path).checkpoint.step == 100


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, (5).to_bytes(8, "little") + b"[1,2]"])
def test_what_is_no_checkpoint_is_none(tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    assert run_folder.checkpoint(path) is None


@pytest.mark.parametrize("text", ["", "one", "one\n", "one\ntwo\n", "x" * 200_000 + "\nlast\n"])
def test_every_line_of_the_log_is_counted(tmp_path, text):
    (tmp_path / "job.log").write_text(text)
    log = run_folder.read_log(tmp_path / "job.log")
    assert log.count == len(text.splitlines())
    assert log.lines[-1:] == tuple(text.splitlines()[-1:])


def test_the_first_cause_is_told():
    error = "network mine:build: ModuleNotFoundError: No module named 'notthere'"
    lines = run_folder.last_error(log_of(OLD + CHAINED), error)
    assert lines[0].strip() == 'File "/x/mine.py", line 1, in <module>'
    assert lines[-1] == "ModuleNotFoundError: No module named 'notthere'"


def test_marks_under_the_code_are_left_out():
    text = CHAINED.split("\n\n")[2].replace("raise SpecError(text)", "raise SpecError(text)\n    ~~~~^^^^")
    lines = run_folder.last_error(log_of(text), "network mine:build: ModuleNotFoundError: No module named 'notthere'")
    assert [line.strip() for line in lines[:2]] == [
        'File "/x/engine/networks.py", line 210, in build',
        "raise SpecError(text)",
    ]


@pytest.mark.parametrize("text", ["", "hello\n", OLD, "Traceback (most recent call last):\n"])
def test_a_traceback_of_an_earlier_failure_is_not_this_ones(text):
    assert run_folder.last_error(log_of(text), "diverged at step 3: the loss is nan") == ()


def test_a_full_disk_is_recognised():
    frame = '  File "a.py", line 1, in f\n    g()\n'
    text = f"Traceback (most recent call last):\n{frame}OSError: [Errno 28] No space left on device\n"
    assert len(run_folder.last_error(log_of(text), "the disk is full; make room and retry the run")) == 3


def test_the_pictures_of_exposed_images_are_read_and_nothing_else(tmp_path):
    place = tmp_path / "exposed"
    place.mkdir()
    (place / "17-image.pgm").write_bytes(b"P5\n2 1\n255\n\x00\xff")
    (place / "17-adversarial.ppm").write_bytes(b"P6\n1 1\n255\nabc")
    (place / "3-image.pgm").write_bytes(b"P5\n2 1\n255\ntorn"[:-3])
    for other in ("notes.txt", "17-image.png", "x-image.pgm", "4-image.pgm.partial"):
        (place / other).write_bytes(b"P5\n2 1\n255\n\x00\xff")
    (place / "5-image.pgm").mkdir()
    pictures = run_folder.read(tmp_path).pictures
    assert pictures == {
        "17-image": Picture(2, 1, b"\x00\xff"),
        "17-adversarial": Picture(1, 1, b"abc"),
        "3-image": None,
        "5-image": None,
    }


def test_a_folder_without_pictures_has_none(tmp_path):
    assert run_folder.read(tmp_path).pictures == {}
    (tmp_path / "exposed").write_text("not a folder")
    assert run_folder.read(tmp_path).pictures == {}


def test_only_so_many_pictures_are_read(tmp_path):
    (tmp_path / "exposed").mkdir()
    for example in range(run_folder.PICTURES + 5):
        (tmp_path / "exposed" / f"{example}-image.pgm").write_bytes(b"")
    assert len(run_folder.read(tmp_path).pictures) == run_folder.PICTURES
