"""Commands that start work and watch it: demo, run, presets."""

import sys
from pathlib import Path

import click

from engine.registry import DATASETS
from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.spec import sweeps
from engine.text import printable
from explorer.cli import completion, options
from explorer.cli.watching import INTERRUPTED, come_back, engine_at_work, wait
from explorer.project.places import room
from explorer.project.planning import Cost, cost
from explorer.project.result_source import ResultSource, results
from explorer.project.submitting import data_folder, place_here, submission
from explorer.results import finding, over_seeds, text
from explorer.results.marks import LINE
from explorer.results.rendering import plain
from explorer.results.table import of_rows
from store.errors import StoreError
from store.rows import Run

FETCHED = " or ".join(name for name, row in DATASETS.items() if row.download)
EXPORTED = ("runs", "capacity", "epsilon", "classes", "views", "accuracies", "leakage")
"""Tables written as CSV at the end of a watched sweep."""


@click.command()
@click.argument("source", metavar="PRESET|FILE.toml", shell_complete=completion.presets)
@options.scale
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; see the examples.")
@options.project
@options.data_root
@click.option("--download", is_flag=True, help=f"Fetch {FETCHED} into the data root first.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@options.on
@click.option(
    "--threads", default=1, show_default=True, help="CPU threads of each job, if this call starts the engine."
)
@click.option("--priority", default=0, show_default=True, help="Runs of higher priority start first.")
@options.detach
@options.plain
def run(
    source: str,
    scale: str,
    overrides: tuple[str, ...],
    project: Project,
    data_root: Path,
    download: bool,
    device: str,
    on: str,
    threads: int,
    priority: int,
    detach: bool,
    plain: bool,
) -> int:
    """Run a preset or a sweep file; runs that are already done are not computed again.

    \b
    mia-explore run yale --data-root ~/data
    mia-explore run figure3 --scale paper --detach
    mia-explore run mine.toml --set capacity=[1,2,4] --set recipe.steps=500 --set data.size=48x42
    """  # noqa: D301
    sys.path.insert(0, str(Path.cwd()))  # where a network of one's own may lie
    table = sweeps.read(source)
    root = data_folder(data_root)
    if download:
        _download(table, scale, overrides, root)
    sweep = sweeps.plan(table, scale, overrides, root)
    asked = submission(sweep, place_here(root, device, on), priority)  # refused before an engine is started
    with engine_at_work(project, EngineSettings(threads=threads)) as client:
        fresh = client.call(asked).run_ids
        names = [experiment.run_id for experiment in sweep.experiments]
        click.echo(
            f"{sweep.name} ({scale}): {len(names)} runs, {len(fresh)} of them new, in {printable(str(project.root))}",
            err=True,
        )
        if detach:
            click.echo(come_back(project), err=True)
            return 0
        code = wait(client, project, sweep.experiments, plain)
        if code != INTERRUPTED:
            _report(client, project, sweep, names)
    return code


@click.command()
@options.project
@options.detach
@click.option("--plain", is_flag=True, help="Lines and tables instead of the app.")
@click.pass_context
def demo(context: click.Context, project: Project, detach: bool, plain: bool) -> int:
    """Train, attack and compare natural and robust models on small digits: minutes, no data needed.

    On a terminal the app opens and shows it live; without one, or with --plain, lines tell how far it is.
    """
    from explorer.app.launch import Launch, open_app, terminal_problem

    if not plain and not detach and sys.stdin.isatty() and sys.stdout.isatty() and not terminal_problem():
        return open_app(Launch(project=project, begin="engine.demo"))
    return context.invoke(run, source="demo", project=project, detach=detach, plain=plain)


@click.command()
@options.scale
@options.project
def presets(scale: str, project: Project) -> None:
    """List the packaged sweeps: runs, time until the last one ends on this machine, disk, and what each shows.

    Times come from runs like these that have finished in the project: unknown until the first has run; > where that is
    so of some of them.
    """
    finished = _finished(project)
    slots, gpu = _slots(project)
    rows = []
    for name, table in sweeps.presets().items():
        price = cost(sweeps.expand(*sweeps.settle(table, scale), scale=scale), finished, slots, gpu)
        rows.append([name, table["dataset"], price.runs, _time(price), text.size(price.disk), table["description"]])
    names = ("preset", "dataset", "runs", "time", "disk", "what it shows")
    click.echo(plain(of_rows(names, rows)))


def _time(price: Cost) -> str:
    if price.runs == price.known:
        return "done"
    return f"{'> ' * bool(price.untimed)}{text.duration(price.seconds)}" if price.timed else "unknown"


def _finished(project: Project) -> list[Run]:
    """The project's finished runs, if it has any."""
    try:
        with results(project) as asked:
            return asked.query("runs", state="done")
    except StoreError:
        return []


def _slots(project: Project) -> tuple[int, bool]:
    """Runs at once, and whether on GPUs: the engine's devices where one runs, else this machine's cores."""
    try:
        with SyncClient(project) as client:
            return room(client.call(protocol.GetStatus()), project.root)
    except EngineUnreachable:
        return room(None, project.root)


def _report(client: SyncClient, project: Project, sweep: sweeps.Sweep, names: list[str]) -> None:
    """The sweep's tables on stdout, and all of it as CSV files in the project."""
    results = ResultSource(client.call)
    told = False
    for name, table in over_seeds.TABLES.items():
        rows = results.query(name, sweep=sweep.name, run_id=names, **table.asked)
        if rows and (name != "views" or any(row.certification for row in rows)):  # else the first tables say it all
            click.echo(f"\n{table.title}\n\n{table.as_text(rows, options.width())}")
            told = True
    if told:
        click.echo(f"\n{over_seeds.LEGEND}")
    if one := finding.finding(results.query(finding.QUERY, run_id=names, **finding.ASKED)):
        click.echo(f"\nThe finding: {one.line(LINE)}")
    folder = project.root / "csv" / sweep.name
    folder.mkdir(parents=True, exist_ok=True)
    for table in EXPORTED:
        results.export(table, "csv", folder / f"{table}.csv", {"run_id": names})
    click.echo(f"\nCSV files: {printable(str(folder))} ({', '.join(EXPORTED)})")


def _download(table: dict, scale: str, overrides: tuple[str, ...], root: Path) -> None:
    """Fetch the data set in a process of its own, for only that needs torchvision."""
    import subprocess

    _, data = sweeps.settle(table, scale, overrides)
    answer = subprocess.run([sys.executable, "-m", "engine.data", data.name, str(root)], check=False)
    if answer.returncode:
        raise click.exceptions.Exit(2)
