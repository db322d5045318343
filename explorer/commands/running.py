"""Commands that start work and watch it: demo, run, presets."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from engine import sweeps
from engine.control import protocol
from engine.control.client import EngineUnreachable, SyncClient
from engine.control.project import Project
from engine.control.settings import EngineSettings
from engine.place import Place
from engine.recipes import SCALES
from explorer import options, text
from explorer.project.access import EngineResults, ensure
from explorer.project.board import Board
from explorer.project.submitting import place_here, submission
from explorer.tables import facts

PLAIN_SECONDS = 5.0
"""A plain progress report at most this often, apart from the ends of runs."""
EXPORTED = ("runs", "capacity", "epsilon", "classes", "accuracies", "leakage")
"""Tables written as CSV at the end of a watched sweep."""


@click.command()
@click.argument("source", metavar="PRESET|FILE.toml")
@options.scale
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; see the examples.")
@options.project
@options.data_root
@click.option("--download", is_flag=True, help="Fetch fashion-mnist or cifar10 into the data root first.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--threads", default=1, show_default=True, help="CPU threads of each job, if this call starts the engine."
)
@click.option("--priority", default=0, show_default=True, help="Runs of higher priority start first.")
@click.option("--detach", is_flag=True, help="Return at once; the engine works on.")
@click.option("--plain", is_flag=True, help="Lines instead of a live display.")
def run(
    source: str,
    scale: str,
    overrides: tuple[str, ...],
    project: Project,
    data_root: Path,
    download: bool,
    device: str,
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
    root = options.data_folder(data_root)
    if download:
        _download(table, scale, overrides, root)
    sweep = sweeps.plan(table, scale, overrides, root)
    place = place_here(root, device)
    ensure(project, EngineSettings(threads=threads))
    with SyncClient(project) as client:
        client.call(protocol.Subscribe())
        fresh = _submit(client, sweep, place, priority)
        names = [experiment.run_id for experiment in sweep.experiments]
        click.echo(f"{sweep.name} ({scale}): {len(names)} runs, {len(fresh)} of them new, in {project.root}", err=True)
        if detach:
            click.echo(_come_back(project), err=True)
            return 0
        board = _board(client, sweep)
        try:
            (_watch_plain if plain or not sys.stderr.isatty() else _watch_live)(client, board)
        except KeyboardInterrupt:
            click.echo(f"\n{_come_back(project)}", err=True)
            return 130
        if not board.over:
            raise EngineUnreachable(f"{project.root}: the engine is gone; the same command starts it and goes on")
        click.echo(board.headline(), err=True)
        for ended in board.runs.values():
            if ended.state in ("failed", "diverged", "cancelled"):
                click.echo(f"{board.line(ended)}\n  again: mia-explore retry {ended.run_id}", err=True)
        _report(client, project, sweep, names)
    return 1 if board.count("failed", "diverged", "cancelled") else 0


@click.command()
@options.project
@click.option("--detach", is_flag=True, help="Return at once; the engine works on.")
@click.option("--plain", is_flag=True, help="Lines and tables instead of the app.")
@click.pass_context
def demo(context: click.Context, project: Project, detach: bool, plain: bool) -> int:
    """Train, attack and compare natural and robust models on small digits: minutes, no data needed.

    On a terminal the app opens and shows it live; without one, or with --plain, lines tell how far it is.
    """
    from explorer.opening import Opening, open_app, terminal_problem

    if not plain and not detach and sys.stdin.isatty() and sys.stdout.isatty() and not terminal_problem():
        return open_app(Opening(project=project, begin="engine.demo"))
    return context.invoke(run, source="demo", project=project, detach=detach, plain=plain)


@click.command()
def presets() -> None:
    """List the packaged sweeps with their number of runs."""
    rows = [
        [name, table["dataset"], *(sweeps.runs_of(table, scale) for scale in SCALES), table["description"]]
        for name, table in sweeps.presets().items()
    ]
    click.echo(text.table(["preset", "dataset", *(f"runs, {scale}" for scale in SCALES), "what it shows"], rows))


COMMANDS = (demo, run, presets)


def _submit(client: SyncClient, sweep: sweeps.Sweep, place: Place, priority: int) -> list[str]:
    return client.call(submission(sweep, place, priority)).run_ids


def _board(client: SyncClient, sweep: sweeps.Sweep) -> Board:
    """Every run's state as it is now; pushes keep it up to date from here on."""
    kinds = {
        run.run_id: f"{run.data.label} {run.defense} {run.capacity} {run.recipe.steps}" for run in sweep.experiments
    }
    status = client.call(protocol.GetStatus())
    if obstacle := "paused; `mia-explore engine resume` goes on" if status.paused else status.hold:
        click.echo(f"! engine: no run starts: {obstacle}", err=True)
    board = Board(kinds, sum(device.slots for device in status.devices))
    for row in EngineResults(client).query("runs", run_id=list(kinds)):
        board.put_state(row["run_id"], row["state"], row["error"])
    return board


def _take(board: Board, push: protocol.Push) -> str | None:
    """Note what the engine tells; a line worth printing, if it is one."""
    if isinstance(push, protocol.StateChange):
        if board.put_state(push.run_id, push.state, push.error) and push.state in ("done", "failed", "diverged"):
            return board.line(board.runs[push.run_id])
    elif isinstance(push, protocol.RunProgress):
        board.put_progress(push.run_id, push.phase, push.label, push.fraction, push.rate)
    elif isinstance(push, protocol.Note) and (push.run_id is None or push.run_id in board.runs):
        return f"! {push.run_id or 'engine'}: {push.message}"
    return None


def _watch(client: SyncClient, board: Board, on_line: Callable[[str], None], on_push: Callable[[], None]) -> None:
    if board.over:
        return
    for push in client.pushes():
        if line := _take(board, push):
            on_line(line)
        on_push()
        if board.over:
            return


def _watch_plain(client: SyncClient, board: Board) -> None:
    """A line for each end of a run, and every few seconds how far the others are."""
    said = -PLAIN_SECONDS

    def report() -> None:
        nonlocal said
        if time.monotonic() - said < PLAIN_SECONDS:
            return
        said = time.monotonic()
        running = [board.line(run) for run in board.runs.values() if run.state == "running" and run.label]
        click.echo("\n".join([board.headline(), *(f"  {line}" for line in running)]), err=True)

    _watch(client, board, lambda line: click.echo(line, err=True), report)


def _watch_live(client: SyncClient, board: Board) -> None:
    """The same lines above a display of the running runs that is drawn in place."""
    console = Console(stderr=True)

    def display() -> Group:
        running = [Text(board.line(run, console.width)) for run in board.runs.values() if run.state == "running"]
        return Group(*running, Text(board.headline(), style="bold"))

    with Live(get_renderable=display, console=console, refresh_per_second=2, transient=True) as live:
        _watch(client, board, lambda line: live.console.print(Text(line)), lambda: None)


def _report(client: SyncClient, project: Project, sweep: sweeps.Sweep, names: list[str]) -> None:
    """The sweep's tables on stdout, and all of it as CSV files in the project."""
    results = EngineResults(client)
    for table, title in facts.TITLES.items():
        rows = results.query(table, sweep=sweep.name, run_id=names, **facts.SHOWN[table])
        if rows:
            click.echo(f"\n{title}\n\n{facts.FOLDS[table](rows)}")
    click.echo(f"\n{facts.LEGEND}")
    folder = project.root / "csv" / sweep.name
    folder.mkdir(parents=True, exist_ok=True)
    for table in EXPORTED:
        results.export(table, "csv", folder / f"{table}.csv", {"run_id": names})
    click.echo(f"\nCSV files: {folder} ({', '.join(EXPORTED)})")


def _come_back(project: Project) -> str:
    folder = "" if project.root == Path("mia-results").resolve() else f" --project {project.root}"
    return (
        f"The engine goes on by itself. Watch again: the same command; list: mia-explore ls{folder}; "
        f"end it: mia-explore engine stop{folder}"
    )


def _download(table: dict, scale: str, overrides: tuple[str, ...], root: Path) -> None:
    """Fetch the data set in a process of its own, for only that needs torchvision."""
    import subprocess

    _, data = sweeps.settle(table, scale, overrides)
    answer = subprocess.run([sys.executable, "-m", "engine.datasets", data.name, str(root)], check=False)
    if answer.returncode:
        raise click.exceptions.Exit(2)
