"""What the command line says of typing mistakes, and what it completes."""

from types import SimpleNamespace

import pytest
from command_line import call

from explorer.cli.main import COMPLETING, cli
from explorer.project.submitting import data_folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rn"], "no such command: 'rn' (did you mean 'run'?)"),
        (["export", "leakge"], "(did you mean 'leakage'?)"),
        (["show", "capcity"], "no run or table matches (did you mean 'capacity'?)"),
        (["show", "finding", "smal"], "(did you mean 'small'?)"),
        (["figure", "--chart", "rcc", "-o", "x.svg"], "(did you mean 'roc'?)"),
        (["run", "tabel8"], "(did you mean 'table8'?)"),
        (["run", "demo", "--set", "recipe.stepz=5"], "allowed: steps, attack_step_size, attack_steps and 4"),
        (["run", "demo", "--set", "capacity=1,2"], "a list stands in brackets: --set 'capacity=[1,2]'"),
        (["run", "demo", "--set", "defense=natural, pgd"], """--set 'defense=["natural","pgd"]'"""),
        (["run", "demo", "--set", "recipe.milestones=10,20"], "--set 'recipe.milestones=[10,20]'"),
        (["--project", "x", "ls"], "--project goes behind the command: mia-explore ls --project"),
        (["--data-root", "x", "check"], "--data-root goes behind the command"),
    ],
)
def test_a_typing_mistake_is_one_line_with_what_was_meant(told, arguments, said):
    answer = call(told, *arguments, check=2)
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("sh", ["show"]),
        ("run population-y", ["population-yale"]),
        ("show fi", ["finding"]),
        ("show finding sm", ["small"]),
        ("export leak", ["leakage"]),
        ("run mine.tom", ["mine.tom"]),
    ],
)
def test_a_shell_completes_commands_presets_tables_and_sweeps(told, monkeypatch, capsys, typed, completed):
    words = f"mia-explore {typed}"
    monkeypatch.chdir(told)
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv(COMPLETING, "bash_complete")
    with pytest.raises(SystemExit):
        cli.main([], prog_name="mia-explore")
    found = [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]
    assert found == completed


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("", ["local", "short", "slurm"]), ("s", ["short", "slurm"]), ("local,sl", ["local,slurm"])],
)
def test_places_are_completed_from_the_projects_settings(tmp_path, monkeypatch, capsys, typed, completed):
    (tmp_path / "project.toml").write_text('[cluster]\n[cluster.short]\npartition = "short"\n')
    monkeypatch.setenv(COMPLETING, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"mia-explore run demo --project {tmp_path} --on {typed}")
    monkeypatch.setenv("COMP_CWORD", "6")
    with pytest.raises(SystemExit):
        cli.main([], prog_name="mia-explore")
    assert [line.removeprefix("plain,") for line in capsys.readouterr().out.split()] == completed


def test_runs_are_completed_by_their_ids_and_none_where_there_is_no_project(told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COMP_WORDS", "mia-explore cancel digits-nat")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv(COMPLETING, "bash_complete")
    counts = []
    for folder in (told, tmp_path):
        monkeypatch.chdir(folder)
        with pytest.raises(SystemExit):
            cli.main([], prog_name="mia-explore")
        counts.append(capsys.readouterr().out.count("digits-natural-c"))
    assert counts == [6, 0]


def test_the_app_takes_the_folder_of_the_data(tmp_path, monkeypatch):
    terminal = SimpleNamespace(isatty=lambda: True)
    opened = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIA_DATA", "elsewhere")
    monkeypatch.setattr("explorer.cli.main.sys", SimpleNamespace(stdin=terminal, stdout=terminal))
    monkeypatch.setattr("explorer.app.launch.open_app", lambda _: opened.append(data_folder()))
    cli.main(["--data-root", "mine"], prog_name="mia-explore", standalone_mode=False)
    assert opened == [tmp_path / "mine"]
