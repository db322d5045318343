"""Names, descriptions and errors that would command a terminal: none of them reaches one, nor a log, nor a CSV file."""

import csv
import sys

import numpy as np
import pytest
from textual.widgets import Static

from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project
from explorer.app.look import Printable
from explorer.cli import main

COMMAND = "\x1b]0;pwned\x07\x1b[2J\x9b2J"
NETWORK = f"""
import torch

def broken(in_channels, image_size, num_classes, capacity):
    print({COMMAND!r})
    raise ValueError("no weights\\n" + {COMMAND!r} if capacity > 1 else {COMMAND!r} + "no weights")

def working(in_channels, image_size, num_classes, capacity):
    pixels = in_channels * image_size[0] * image_size[1]
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(pixels, num_classes))
"""
SWEEP = """
name = "hostile"
description = "shows \\u001b]0;pwned\\u0007"
dataset = "folder:pictures"
network = "mine:NETWORK"
[grid]
defense = "natural"
capacity = [1, 2]
[recipe]
steps = 2
batch_size = 4
[evaluation]
views = ["benign"]
[inference]
attacks = ["gap", "confidence"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with everything in it that a stranger may have sent."""
    from PIL import Image

    found = tmp_path_factory.mktemp("person")
    chance = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in (f"cat{COMMAND}", "=1+1"):
            place = found / "pictures" / split / label
            place.mkdir(parents=True)
            for index in range(6):
                Image.fromarray(chance.integers(0, 256, (6, 6), np.uint8)).save(place / f"{index}{COMMAND}.png")
    (found / "mine.py").write_text(NETWORK)
    for network in ("broken", "working"):
        (found / f"{network}.toml").write_text(SWEEP.replace("NETWORK", network).replace("hostile", network))
    answers = {f"logits_{split}_benign": chance.normal(size=(40, 2)) for split in ("train", "test")}
    labels = {f"{split}_label": np.arange(40) % 2 for split in ("train", "test")}
    names = np.array([f"dog{COMMAND}", "-2+3"])
    np.savez(found / f"=model{COMMAND}.npz", **answers, **labels, class_names=names)
    np.savez(found / f"bad{COMMAND}.npz", **{COMMAND: np.arange(3)})
    (found / f"bad{COMMAND}.toml").write_text(f"x = {COMMAND}")
    yield found
    try:
        with SyncClient(Project.at(found / f"project{COMMAND}")) as client:
            client.call(protocol.Stop(grace=0.0))
            list(client.pushes())
    except EngineUnreachable:
        pass


@pytest.fixture
def mia(folder, capfdbinary, monkeypatch):
    """A function calling the command line in the hostile project; what it printed, which commands no terminal."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MIA_PROJECT", f"project{COMMAND}")

    def call(*arguments, code=0):
        streams = sys.stdout, sys.stderr
        monkeypatch.setattr(sys, "argv", ["mia-explore", *arguments])
        try:
            with pytest.raises(SystemExit) as ended:
                main.main()
        finally:
            sys.stdout, sys.stderr = streams
        printed = b"".join(capfdbinary.readouterr()).decode()
        assert harmless(printed), arguments
        assert ended.value.code == code, printed
        return printed

    return call


def harmless(text):
    return all(letter.isprintable() or letter in "\n\r" for letter in text)


def test_nothing_that_is_printed_logged_or_exported_commands_a_terminal(folder, mia):
    broken = mia("run", "broken.toml", "--plain", code=1)
    assert "no weights" in broken
    assert "accuracies in %" not in broken  # a legend without a table
    mia("run", "working.toml", "--plain")
    run = next(csv.DictReader(mia("export", "runs", "--sweep", "working").splitlines()))["run_id"]
    for command in (["ls"], ["show", run], ["show", "classes"], ["scores", run], ["locate"], ["engine", "status"]):
        assert mia(*command)
    assert "no weights" in mia("engine", "logs")
    for table in ("runs", "classes", "warnings", "accuracies"):
        mia("export", table, "--csv", "-")
        mia("export", table, "--csv", f"{table}{COMMAND}.csv")
    mia("engine", "stop")
    project = folder / f"project{COMMAND}"
    texts = [*folder.glob("*.csv"), *project.rglob("*.csv"), *project.rglob("*.log"), project / "engine.stderr"]
    assert len(texts) > 10
    for path in texts:
        assert harmless(path.read_text()), path


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", f"bad{COMMAND}.toml"],
        ["run", f"none{COMMAND}.toml"],
        ["run", "digits", "--set", f"name={COMMAND}"],
        ["run", "demo", "--set", f"grid.{COMMAND}=1"],
        ["run", "demo", "--set", f"dataset=folder:{COMMAND}"],
        ["show", COMMAND],
        ["cancel", COMMAND],
        [COMMAND],
        ["--project", "mine.py", "ls"],
        ["audit", f"bad{COMMAND}.npz"],
        ["import", f"none{COMMAND}.jsonl"],
    ],
)
def test_a_refusal_quotes_nothing_that_commands_a_terminal(mia, arguments):
    printed = mia(*arguments, code=3 if arguments[0] == "cancel" else 2)
    assert "Traceback" not in printed


def test_cells_of_text_compute_nothing_and_numbers_stay_numbers(mia, folder):
    mia("audit", f"=model{COMMAND}.npz", "--attack", "gap", "--csv", "audit.csv")
    rows = list(csv.DictReader((folder / "audit.csv").read_text().splitlines()))
    assert {row["run_id"] for row in rows} == {"'=model�]0;pwned��[2J�2J"}
    assert all(float(row["value"]) is not None for row in rows)
    assert any(row["value"].startswith("-") for row in rows)


async def test_the_app_paints_no_command(make_app, screen_text):
    app = make_app()
    async with app.run_test() as pilot:
        await app.screen.mount(Static(f"a{COMMAND}b", markup=False))
        app.notify(f"c{COMMAND}d", markup=False)
        await pilot.pause()
        painted = "".join(screen_text(app))
    assert harmless(painted)
    assert "a]0;pwned[2J2Jb" in painted


def test_the_screens_gate_leaves_what_is_harmless_as_it_is():
    from rich.segment import Segment

    line = [Segment("ä 写"), Segment("\x1b[2J", None, [])]
    assert Printable().apply(line, None)[0] == line[0]
