"""Commands about this machine: check and locate."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import click

from engine.job_settings import LOCAL, RunOptions
from engine.registry import DATASETS
from engine.service.client import EngineUnreachable, socket_of
from engine.service.project import Project
from engine.spec import sweeps
from engine.spec.experiment import Data
from engine.text import printable
from explorer.cli import options
from explorer.machine import checks
from explorer.machine.cluster_checks import cluster
from explorer.project.submitting import data_folder


@click.command()
@click.argument("data", nargs=-1)
@options.project
@options.data_root
@options.on
def check(data: tuple[str, ...], project: Project, data_root: Path, on: str) -> int:
    """Check GPU, torch, data, disk and terminal: what works, what does not, and the remedy.

    With DATA, data sets (yale, folder:PATH) or sweeps, read all their images instead and list those that are equal.
    With --on, try a cluster instead: its commands, its settings, and a small job that tells what a node sees.
    """
    root = data_folder(data_root)
    if away := [name for name in RunOptions(data_root="", on=on).places if name != LOCAL]:
        findings = list(map(_told, chain.from_iterable(cluster(project, root, name) for name in away)))
        return 0 if all(finding.works for finding in findings) else 1
    if named := [_data(name) for name in data]:
        for finding in chain.from_iterable(checks.images(each, root) for each in named):
            _tell(finding)
        return 0
    first, *others = checks.all_checks(project, root)
    with ThreadPoolExecutor(1) as aside:  # the first takes longer than the others together
        found = aside.submit(lambda: list(first()))
        for finding in chain.from_iterable(each() for each in others):
            _tell(finding)
        for finding in found.result():
            _tell(finding)
    return 0


def _told(finding: checks.CheckFinding) -> checks.CheckFinding:
    _tell(finding)
    return finding


def _tell(finding: checks.CheckFinding) -> None:
    mark, remedy = "✔" if finding.works else "✗", f"; {finding.remedy}" if finding.remedy else ""
    click.echo(f"{mark} {finding.subject:13s} {finding.said}{remedy}")


def _data(name: str) -> Data:
    """A data set by its own name or by that of a sweep, whose size and shares then count."""
    if name.partition(":")[0] in DATASETS:
        return Data(name=name)
    return sweeps.settle(sweeps.read(name), "quick", ())[1]


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
        "data": data_folder(data_root),
        "presets": Path(sweeps.__file__).parent / "presets",
    }
    for name, path in places.items():
        click.echo(f"{name:9s} {printable(str(path))}{'' if path.exists() else '   (not there)'}")
    try:
        click.echo(f"{'socket':9s} {socket_of(project)}")
    except EngineUnreachable:
        click.echo(f"{'socket':9s} no engine runs")
