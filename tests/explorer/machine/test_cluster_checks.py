import pytest

from engine.service import trial
from engine.service.executors import Placed
from engine.service.executors import slurm_commands as slurm
from engine.service.project import Project
from engine.validation import SpecError
from explorer.cli.main import run
from explorer.machine import cluster_checks, diagnostics

SEEN = {"host": "n7", "python": "3.11.7", "cores": 4, "torch": "2.15.0+cu132", "gpus": [], "data": True}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A function giving the findings on a cluster that is as told."""
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setattr(diagnostics, "release", lambda package: "2.15.0")
    monkeypatch.setattr(cluster_checks, "release", lambda package: "2.15.0")
    project = Project.at(tmp_path / "project")
    project.root.mkdir()
    (tmp_path / "data").mkdir()

    def found(*news, settings="", refusal="", missing=()):
        def prepare(*_):
            if refusal:
                raise SpecError(refusal)

        monkeypatch.setattr(trial, "prepare", prepare)
        monkeypatch.setattr(trial, "trial", lambda *_: iter(news))
        for name in {*slurm.NEEDED} - {*missing}:
            (commands / name).touch(mode=0o755)
        (project.root / "project.toml").write_text(f"[cluster]\n{settings}\n")
        findings = list(cluster_checks.cluster(project, tmp_path / "data", "slurm"))
        return {finding.subject: finding for finding in findings}

    return found


def placed(**fields):
    return Placed("check", **{"job": "slurm 12"} | fields)


def test_all_that_works_is_told_of_the_place_and_of_its_node(cluster):
    news = (placed(waits="handed over"), placed(waits="Resources"), placed(node="n7"), SEEN)
    found = cluster(*news, settings='partition = "gpu"\ntime = 30')
    assert all(finding.works for finding in found.values())
    assert found["settings"].said == "slurm: Slurm, gpu, 30 at most"
    assert found["queue"].said == "slurm 12: for free nodes"
    assert found["job"].said.startswith("slurm 12 on n7, over after ")
    assert found["folder"].said.startswith("n7 sees ")
    assert found["torch"].said == "2.15.0+cu132"
    assert [*found][-1] == "data"


@pytest.mark.parametrize(
    ("given", "subject", "said", "remedy"),
    [
        ({"settings": "tme = 3"}, "settings", "tme", "mend project.toml"),
        ({"missing": ["squeue"]}, "squeue", "not on this machine", "login node"),
        ({"refusal": "on: slurm: invalid partition"}, "cluster", "invalid partition", "project.toml"),
        ({"news": [placed(node="n7"), "it said no"]}, "job", "slurm 12 on n7: it said no", "`python`"),
        ({"news": [placed(node="n7"), SEEN], "settings": "gpus = 1"}, "GPU", "asks for 1", "`constraint`"),
        ({"news": [placed(node="n7"), SEEN | {"data": False}]}, "data", "not there on n7", "--data-root"),
    ],
)
def test_the_first_thing_that_does_not_work_comes_with_the_remedy(cluster, given, subject, said, remedy):
    found = cluster(*given.pop("news", ()), **given)
    (wrong,) = (finding for finding in found.values() if not finding.works)
    assert wrong.subject == subject
    assert said in wrong.said
    assert remedy in wrong.remedy


def test_another_torch_is_told(cluster):
    assert "2.15.0 here" in cluster(placed(), SEEN | {"torch": "2.14.1"})["torch"].said


def test_the_command_tells_by_its_exit_code(cluster, tmp_path, capsys):
    cluster(missing=slurm.NEEDED)
    assert run(["check", "--on", "slurm", "--project", str(tmp_path / "project")]) == 1
    assert "✗ sbatch        not on this machine; work on a login node" in capsys.readouterr().out
