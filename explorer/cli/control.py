"""Commands about the engine and its queue: engine start, stop, status, logs; cancel, retry, import."""

import time
from collections import deque
from pathlib import Path

import click

from engine.service import protocol
from engine.service.client import SyncClient
from engine.service.launch import ensure_engine
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.text import printable
from explorer.cli import completion, options
from explorer.project import places
from explorer.project.result_source import ResultSource, find_run
from explorer.project.submitting import as_planned, request_like
from explorer.results import text


@click.group()
def engine() -> None:
    """Start, stop and look at the project's engine, the service that does the work."""


@engine.command()
@options.project
@click.option("--threads", default=1, show_default=True, help="CPU threads of each job.")
@click.option("--cpu-jobs", default=0, help="Jobs at once on the CPU; 0: as many as the cores hold.")
@click.option("--jobs-per-gpu", default=1.0, show_default=True, help="Jobs at once on each GPU; 0.5: every other GPU.")
@click.option(
    "--idle-exit", default=600.0, show_default=True, help="Seconds of idleness after which it ends; 0: never."
)
@click.option(
    "--stack", default=EngineSettings.stack, show_default=True, help="Runs trained together at most; 1: each by itself."
)
def start(project: Project, **settings: float) -> None:
    """Start the engine; queued and interrupted runs go on."""
    started = ensure_engine(project, EngineSettings(**settings))
    click.echo(f"engine {'started' if started else 'already at work'}: {project.holder()}", err=True)


@engine.command()
@options.project
@click.option("--now", is_flag=True, help="Do not wait for last checkpoints.")
@click.option("--everywhere", is_flag=True, help="End what runs on clusters, too, which otherwise goes on.")
def stop(project: Project, now: bool, everywhere: bool) -> None:
    """Stop the engine; running runs write a checkpoint and go on with the next engine."""
    holder = project.holder()
    with SyncClient(project) as client:
        placed = client.call(protocol.GetStatus()).placed
        client.call(protocol.Subscribe())
        client.call(protocol.Stop(grace=0.0 if now else None, everywhere=everywhere))
        deque(client.pushes(), maxlen=0)
    while project.held and project.holder() == holder:  # it writes the last results and closes the database
        time.sleep(0.02)
    click.echo("engine stopped; `mia-explore engine start` goes on where it left off", err=True)
    if placed and not everywhere:
        click.echo(places.GO_ON, err=True)


@engine.command()
@options.project
def pause(project: Project) -> None:
    """Start no more runs; those that run go on."""
    with SyncClient(project) as client:
        client.call(protocol.Pause())


@engine.command()
@options.project
def resume(project: Project) -> None:
    """Start runs again after a pause."""
    with SyncClient(project) as client:
        client.call(protocol.Resume())


@engine.command()
@options.project
def status(project: Project) -> None:
    """Show what the engine is doing."""
    with SyncClient(project) as client:
        now = client.call(protocol.GetStatus())
    waiting = f"paused; {now.queued} queued" if now.paused else f"{now.queued} queued"
    click.echo(f"engine   pid {now.pid} on {now.host}, {waiting}{f', held: {now.hold}' if now.hold else ''}")
    click.echo(f"project  {now.project}, {text.size(now.disk_free)} free")
    for kind, words in places.device_lines(now):
        click.echo(f"{kind:8s} {words}")
    placed = {own.run_id: own for own in now.placed}
    for run in now.progress:
        if not (own := placed.get(run.run_id)) or not own.waits:
            place = f"  {places.job_and_node(own)}" if own else ""
            click.echo(f"running  {run.run_id}  {run.phase} {run.label}  {run.fraction:.0%}{place}")
    for own in now.placed:
        if not own.node or own.waits:
            click.echo(f"waiting  {own.run_id}  {places.job_and_node(own)}  {places.reason(own)}")


@engine.command()
@options.project
@click.option("-n", "--lines", default=50, show_default=True, help="Lines from the end.")
def logs(project: Project, lines: int) -> None:
    """Print the end of the engine's log."""
    with open(project.log, encoding="utf-8", errors="replace") as stream:
        click.echo("".join(deque(stream, maxlen=lines)), nl=False)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.runs)
@options.project
def cancel(runs: tuple[str, ...], project: Project) -> None:
    """Take runs out of the queue, or end them if they run."""
    with SyncClient(project) as client:
        ids = [find_run(ResultSource(client.call), run).run_id for run in runs]
        changed = client.call(protocol.Cancel(run_ids=ids)).run_ids
    click.echo(f"cancelled: {', '.join(changed) or 'none, they had already ended'}", err=True)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.runs)
@options.project
@options.on_instead
def retry(runs: tuple[str, ...], project: Project, on: str | None) -> None:
    """Queue failed, diverged or cancelled runs again; they go on from their last checkpoint."""
    ensure_engine(project)
    with SyncClient(project) as client:
        found = [find_run(ResultSource(client.call), run) for run in runs]
        for run in found if on else ():
            moved = request_like(as_planned(run), run, on)
            client.call(protocol.Submit(sweep=run.sweep or run.name, runs=[moved]))
        ids = [run.run_id for run in found]
        changed = client.call(protocol.Retry(run_ids=ids)).run_ids
    click.echo(f"queued again: {', '.join(changed) or 'none, they have not failed'}", err=True)


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="OUT.jsonl")
@options.project
def import_(path: Path, project: Project) -> int:
    """Bring home the runs of a bare GPU node: the JSON lines of `python -m engine`."""
    ensure_engine(project)
    with SyncClient(project) as client:
        answer = client.call(protocol.Import(path=str(path.absolute())))
    click.echo(f"{printable(str(path))}: {answer.events} events taken in", err=True)
    if answer.unreadable:
        lines = ", ".join(map(str, answer.unreadable[:5])) + (", …" if len(answer.unreadable) > 5 else "")
        said = f"{len(answer.unreadable)} lines left out ({lines}): torn, not an event, or of a run that no line begins"
        click.echo(f"warning: {printable(str(path))}: {said}", err=True)
    return 0
