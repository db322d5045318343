"""Commands about this machine: check and locate."""

from pathlib import Path

import click

from engine import datafiles
from engine.control.client import EngineUnreachable, socket_of
from engine.control.project import Project
from explorer import options
from explorer.machine import checks


@click.command()
@options.project
@options.data_root
def check(project: Project, data_root: Path) -> int:
    """Check GPU, torch, data, disk and terminal: what works, what does not, and the remedy."""
    for each in checks.all_checks(project, options.data_folder(data_root)):
        for finding in each():
            mark, remedy = "✔" if finding.works else "✗", f"; {finding.remedy}" if finding.remedy else ""
            click.echo(f"{mark} {finding.subject:13s} {finding.said}{remedy}")
    return 0


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
