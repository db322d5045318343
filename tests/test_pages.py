"""The pages for people: their commands parse, their files can be planned, their links and numbers lead somewhere."""

import re
import shlex
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest

from engine.spec import sweeps
from explorer.app import actions
from explorer.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "explorer" / "reproduction" / "results" / "README.md"
NOTES = ROOT / "explorer" / "reproduction" / "notes.md"
"""Not a page, but the end of the results."""
PAGES = [
    README,
    *(path for package in ("engine", "explorer", "store") for path in sorted((ROOT / package).rglob("*.md"))),
]
STANDS_FOR = {"COMMAND": "run", "TABLE": "runs", "FILE": "answers.npz"}
"""Words in capitals that a page writes where a reader puts his own, by one that fits."""
FILES = ("answers.npz", "predictions.npz", "out.jsonl")
"""What commands ask to be there."""
TOP = {"LICENSE", "README.md", "engine", "explorer", "pyproject.toml", "store", "tests"}


def shown(path):
    return path.relative_to(ROOT).as_posix()


def commands(text):
    """Every call of the command line: to the end of an indented line or of a comment, elsewhere between backticks."""
    yield from re.findall(r"^(?: {4}|# ).*?\bmia-explore\b(.*)", text, re.M)
    yield from re.findall(r"`mia-explore\b([^`\n]*)`", text)


def parse(words):
    """Parse a call as the command line does, without carrying it out."""
    context = cli.make_context("mia-explore", list(words), resilient_parsing=False)
    command, rest = cli, context.protected_args + context.args
    while rest and isinstance(command, click.Group):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        rest = context.protected_args + context.args if isinstance(command, click.Group) else []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_the_commands_parse(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).touch()
    for text in commands(path.read_text(encoding="utf-8")):
        words = [STANDS_FOR.get(word, word) for word in shlex.split(text, comments=True)]
        try:
            parse(words)
        except click.exceptions.Exit:  # `--help` was asked for
            continue
        except click.ClickException as error:
            pytest.fail(f"mia-explore{text}: {error.format_message()}")


@pytest.mark.parametrize("path", [README, ROOT / "explorer" / "manual.md"], ids=shown)
def test_the_files_can_be_used(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = re.findall(r"```(?:toml|python)\n(# .*?)```", path.read_text(encoding="utf-8"), re.S)
    assert files
    for block in files:
        if ".py" in block.splitlines()[0]:
            compile(block, "mynetwork.py", "exec")
        else:
            settled, _ = sweeps.settle({"name": "own", **tomllib.loads(block)}, "quick")
            assert settled["grid"]


def test_every_link_leads_to_a_file():
    lost = [
        f"{shown(path)}: {link}"
        for path in PAGES
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        if not link.startswith("http") and not (path.parent / link).exists()
    ]
    assert not lost


def test_every_page_can_be_reached_from_the_readme():
    reached, coming = set(), [README]
    while coming:
        path = coming.pop().resolve()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        coming += [path.parent / link for link in links if not link.startswith("http")]
    assert set(PAGES) - reached <= {NOTES}


def test_the_readme_is_short_and_shows_eight_keys():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    known = {actions.shown(key) for action in actions.ACTIONS for key in action.keys.split(",")}
    keys = re.findall(r"^\| `(\S+)` \|", text.partition("## Eight keys")[2].partition("\n## ")[0], re.M)
    assert len(keys) == 8
    assert set(keys) <= known


def test_the_readmes_numbers_are_those_of_the_results():
    results, number = RESULTS.read_text(encoding="utf-8"), r"\d+\.\d \[\d+\.\d, \d+\.\d\]"
    numbers = re.findall(number, README.read_text(encoding="utf-8"))
    assert len(numbers) > 10
    assert [each for each in numbers if each not in results] == []


def test_nothing_is_told_on_two_pages():
    told = Counter()
    for path in set(PAGES) - {NOTES}:
        prose = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
        prose = re.sub(r"^( {4}|\||#).*$", "\n", prose, flags=re.M)
        sentences = {" ".join(each.split()) for each in re.split(r"(?<=[.:;])\s|\n\n", prose)}
        told.update(each for each in sentences if len(each.split()) >= 8)
    assert [sentence for sentence, pages in told.items() if pages > 1] == []


def test_the_top_level_holds_the_packages_and_nothing_to_read_but_the_readme():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    # Where the sources came without their history, only what is there can be looked at.
    names = listed.stdout.splitlines() or [path.name for path in ROOT.iterdir() if path.suffix == ".md"]
    assert {name.split("/")[0] for name in names if not name.startswith(".")} <= TOP
