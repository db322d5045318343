import asyncio
import subprocess
import threading

import pytest
from PIL import Image
from waiting import patience

from engine.service.project import Project
from engine.spec.experiment import Data
from explorer.cli.main import run
from explorer.machine import checks
from explorer.machine.checks import CheckFinding, Checkup


async def over(checkup):
    ended = asyncio.Event()
    checkup.watchers.add(lambda: checkup.over and ended.set())
    checkup.start()
    await asyncio.wait_for(ended.wait(), patience(10))


def fine():
    yield CheckFinding(True, "disk", "70 GB free")
    yield CheckFinding(True, "project", "here")


def broken():
    yield CheckFinding(False, "yale", "not here", "unpack it")
    raise PermissionError("no entry")


async def test_findings_come_in_the_order_of_the_checks_whichever_ends_first():
    gate = threading.Event()

    def slow():
        gate.wait(10)
        yield CheckFinding(True, "torch", "2.15")

    checkup = Checkup(lambda: (slow, fine))
    seen = []
    checkup.watchers.add(lambda: (seen.append(len(checkup.findings)), len(seen) > 2 and gate.set()))
    await over(checkup)
    assert [finding.subject for finding in checkup.findings] == ["torch", "disk", "project"]
    assert seen[0] == 1


async def test_a_check_that_breaks_off_says_so_and_ends():
    checkup = Checkup(lambda: (broken, fine))
    await over(checkup)
    assert "no entry" in checkup.findings[1].said
    assert not checkup.findings[1].works


async def test_starting_twice_makes_the_checks_once():
    made = []
    checkup = Checkup(lambda: (made.append(1), (fine,))[1])
    checkup.start()
    await over(checkup)
    assert made == [1]
    await over(checkup)
    assert made == [1, 1]


def test_data_sets_that_are_missing_come_with_a_remedy(tmp_path):
    found = {finding.subject: finding for finding in checks.data_sets(tmp_path)}
    assert found["digits"].works
    assert str(tmp_path) in found["yale"].said
    assert "MIA_DATA" in found["yale"].remedy
    assert not found["cifar10"].works
    assert "check folder:PATH" in found["images"].said


def test_equal_images_of_a_folder_are_listed(tmp_path, capsys):
    for at, name in enumerate(("train/cat/1", "train/dog/2", "test/cat/3", "test/dog/4")):
        path = tmp_path / "pets" / f"{name}.pgm"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"P5 2 2 255\n" + bytes([at % 3] * 4))
    assert run(["check", f"folder:{tmp_path / 'pets'}"]) == 0
    counted, members, label, pair = (line[2:].partition(" ") for line in capsys.readouterr().out.splitlines())
    assert {counted[0], members[0], label[0], pair[0]} == {"folder-pets"}
    assert counted[2].strip() == "2 training and 2 test images (2x2) of 2 classes"
    assert "1 of 2 test images is also a training image" in members[2]
    assert "another label" in label[2]
    assert pair[2].strip() == "test/dog/4.pgm equals train/cat/1.pgm"


def test_images_that_were_turned_are_no_failure(tmp_path, capsys):
    exif = Image.Exif()
    exif[0x0112] = 6
    for at, name in enumerate(("train/cat/1", "train/dog/2", "test/cat/3", "test/dog/4")):
        path = tmp_path / "held" / f"{name}.png"
        path.parent.mkdir(parents=True)
        Image.new("L", (4, 4), at).save(path, exif=exif)
    assert run(["check", f"folder:{tmp_path / 'held'}"]) == 0
    counted, turned = capsys.readouterr().out.splitlines()
    assert turned[0] == counted[0]
    assert turned.endswith("turned as their EXIF orientation says: 4 of 4 images")


def test_data_sets_are_looked_at_in_the_order_they_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(checks, "images", lambda data, root: iter([CheckFinding(True, data.name, str(root))]))
    assert run(["check", "yale", "digits", "cifar10", "--data-root", str(tmp_path)]) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [
        [name, str(tmp_path)] for name in ("yale", "digits", "cifar10")
    ]


def test_data_that_cannot_be_looked_at_are_refused_in_one_line(tmp_path, capsys, monkeypatch):
    assert run(["check", "yalee"]) == 2
    assert "did you mean 'yale'" in capsys.readouterr().err
    monkeypatch.setattr(
        "subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 0, '{"refused": "yale: no; unpack it"}')
    )
    (finding,) = checks.images(Data(name="yale"), tmp_path)
    assert (finding.works, finding.said, finding.remedy) == (False, "no", "unpack it")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", "one\nKilled\n"))
    (finding,) = checks.images(Data(name="yale"), tmp_path)
    assert finding.said == "cannot be read: Killed"


@pytest.mark.parametrize("make", [True, False])
def test_a_project_that_can_be_written_is_fine_whether_it_is_there_or_not(tmp_path, make):
    project = Project.at(tmp_path / "project")
    if make:
        project.root.mkdir()
    assert all(finding.works for finding in checks.disk(project) if finding.subject == "project")
    assert next(checks.engine_at_work(project)).said.startswith("not running")


def test_a_torch_that_cannot_be_imported_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(checks, "PROBE", ("-c", "raise ImportError('libcudart is missing')"))
    (finding,) = checks.compute()
    assert not finding.works
    assert "libcudart is missing" in finding.said
    assert "reinstall" in finding.remedy


def test_a_library_that_only_some_methods_need_is_named_with_the_remedy(monkeypatch):
    (there,) = checks.certification()
    assert there.works
    monkeypatch.setattr(checks.requirements, "MODULES", ("no_such_module",))
    (finding,) = checks.certification()
    assert not finding.works
    assert finding.said == "not installed: crown-ibp, crown, alpha-crown need it, nothing else does"
    assert "pip install --no-deps auto-LiRPA" in finding.remedy
