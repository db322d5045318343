import asyncio
import threading

import pytest
from waiting import patience

from engine.control.project import Project
from explorer.machine import checks
from explorer.machine.checks import Checkup, Finding


async def over(checkup):
    ended = asyncio.Event()
    checkup.watchers.add(lambda: checkup.over and ended.set())
    checkup.start()
    await asyncio.wait_for(ended.wait(), patience(10))


def fine():
    yield Finding(True, "disk", "70 GB free")
    yield Finding(True, "project", "here")


def broken():
    yield Finding(False, "yale", "not here", "unpack it")
    raise PermissionError("no entry")


async def test_findings_come_in_the_order_of_the_checks_whichever_ends_first():
    gate = threading.Event()

    def slow():
        gate.wait(10)
        yield Finding(True, "torch", "2.15")

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


@pytest.mark.parametrize("make", [True, False])
def test_a_project_that_can_be_written_is_fine_whether_it_is_there_or_not(tmp_path, make):
    project = Project.at(tmp_path / "project")
    if make:
        project.root.mkdir()
    assert all(finding.works for finding in checks.disk(project) if finding.subject == "project")
    assert next(checks.engine_at_work(project)).said.startswith("not running")


def test_a_torch_that_cannot_be_imported_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(checks, "PROBE", "raise ImportError('libcudart is missing')")
    (finding,) = checks.compute()
    assert not finding.works
    assert "libcudart is missing" in finding.said
    assert "reinstall" in finding.remedy
