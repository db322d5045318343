"""Commands about this machine: check and locate."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from engine import datafiles
from engine.control.client import EngineUnreachable, SyncClient, socket_of
from engine.control.project import Project
from engine.spec import DATASETS, Data
from engine.validation import SpecError
from explorer import options, text

PROBE = """
import json, torch
said = {"torch": torch.__version__, "gpus": []}
for index in range(torch.cuda.device_count()):
    free, total = torch.cuda.mem_get_info(index)
    said["gpus"].append([torch.cuda.get_device_name(index), free, total])
said["mps"] = torch.backends.mps.is_available()
for name in ("torchvision", "sklearn"):
    try:
        __import__(name)
        said[name] = "ok"
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}".splitlines()[0]
print(json.dumps(said))
"""
"""Run in a process of its own, for this one never imports torch."""

Finding = tuple[bool, str, str]
"""Whether it works, what it is about, and what was found or how to mend it."""


@click.command()
@options.project
@options.data_root
def check(project: Project, data_root: Path) -> int:
    """Check GPU, torch, data, disk and terminal: what works, what does not, and the remedy."""
    root = options.data_folder(data_root)
    found = [*_compute(), *_disk(project), *_engine(project), *_data(root), *_terminal()]
    for works, subject, said in found:
        click.echo(f"{'✔' if works else '✗'} {subject:13s} {said}")
    return 0


def _compute() -> Iterator[Finding]:
    answer = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield False, "torch", f"cannot be imported: {reason}; reinstall torch and torchvision together"
        return
    said = json.loads(answer.stdout.splitlines()[-1])
    yield True, "torch", f"{said['torch']} on Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    for index, (name, free, total) in enumerate(said["gpus"]):
        yield True, f"cuda:{index}", f"{name}, {text.size(free)} of {text.size(total)} free"
    if not said["gpus"]:
        yield (
            True,
            "GPU",
            "Apple's, through mps" if said["mps"] else "none seen; runs use the CPU, quick scale suits it",
        )
    for name, remedy in (
        ("torchvision", "install it together with torch, from the same place"),
        ("sklearn", "needed for the digits"),
    ):
        works = said[name] == "ok"
        yield works, name, "ok" if works else f"{said[name]}; {remedy}"


def _disk(project: Project) -> Iterator[Finding]:
    folder = next(parent for parent in (project.root, *project.root.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    yield free > 5 * 2**30, "disk", f"{text.size(free)} free at {folder}" + ("" if free > 5 * 2**30 else "; make room")
    writable = os.access(folder, os.W_OK)
    yield (
        writable,
        "project",
        f"{project.root}" if writable else f"{folder} cannot be written; choose another --project",
    )


def _engine(project: Project) -> Iterator[Finding]:
    try:
        with SyncClient(project, timeout=5.0):
            yield True, "engine", f"at work: {project.holder()}"
    except EngineUnreachable:
        yield True, "engine", "not running; `mia-explore run` starts it"


def _data(root: Path) -> Iterator[Finding]:
    for name in DATASETS:
        try:
            count = len(datafiles.files(Data(name=name), root))
            yield True, name, f"{count} file{'s' if count > 1 else ''}" + (f" in {root}" if name != "digits" else "")
        except SpecError as error:
            yield False, name, str(error).removeprefix(f"{name}: ")


def _terminal() -> Iterator[Finding]:
    size = shutil.get_terminal_size()
    encoding = (sys.stdout.encoding or "").lower()
    unicode = encoding.startswith("utf")
    yield (
        unicode,
        "terminal",
        (
            f"{size.columns}x{size.lines}, {os.environ.get('TERM', 'no TERM')}, {encoding}"
            + ("" if unicode else "; set LANG to a UTF-8 locale for lines and marks")
        ),
    )


@click.command()
@options.project
@options.data_root
def locate(project: Project, data_root: Path) -> None:
    """Print where everything lies."""
    places = {
        "project": project.root,
        "database": project.database,
        "runs": project.runs,
        "csv": project.root / "csv",
        "log": project.log,
        "data": options.data_folder(data_root),
        "presets": Path(datafiles.__file__).parent / "presets",
    }
    for name, path in places.items():
        click.echo(f"{name:9s} {path}{'' if path.exists() else '   (not there)'}")
    try:
        click.echo(f"{'socket':9s} {socket_of(project)}")
    except EngineUnreachable:
        click.echo(f"{'socket':9s} no engine runs")


COMMANDS = (check, locate)
