"""Waiting for runs that were asked for on the command line: how far they are on stderr, until all have ended."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from engine.printing import within
from engine.run_states import FAILED, FINISHED, RETRIED
from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.launch import ensure_engine
from engine.service.project import Project
from engine.service.settings import EngineSettings
from engine.spec.experiment import Experiment
from engine.text import printable
from explorer.project import places
from explorer.project.planning.cost import kind_of
from explorer.project.result_source import ResultSource
from explorer.project.run_tracking import RunTracker, unfinished_attacks

PLAIN_SECONDS = 5.0
"""A plain progress report at most this often, apart from the ends of runs."""
INTERRUPTED = 130
"""The exit code after Control-C, which leaves the engine at work."""


@contextmanager
def engine_at_work(project: Project, settings: EngineSettings | None = None) -> Iterator[SyncClient]:
    """A client that hears all news of the project's engine, which is started, with these settings, where none runs."""
    ensure_engine(project, settings)
    with SyncClient(project) as client:
        client.call(protocol.Subscribe())
        yield client


def wait(client: SyncClient, project: Project, experiments: Sequence[Experiment], plain: bool) -> int:
    """Watch runs until all have ended, and say which of them failed; the exit code of the command.

    client: subscribed before the runs were asked for. EngineUnreachable where the engine goes away meanwhile.
    """
    tracker = _tracker(client, experiments)
    watch = _watch_plain if plain or not sys.stderr.isatty() else _watch_live
    try:
        watch(client, tracker)
        while tracker.over:
            _note_attacks(client, tracker, experiments)  # some begin only when the run has ended
            if tracker.over:
                break
            watch(client, tracker)
    except KeyboardInterrupt:
        click.echo(f"\n{come_back(project)}", err=True)
        return INTERRUPTED
    if not tracker.over:
        raise EngineUnreachable(f"{project.root}: the engine is gone; the same command starts it and goes on")
    click.echo(tracker.headline(), err=True)
    for ended in tracker.runs.values():
        if ended.state in RETRIED:
            click.echo(f"{tracker.line(ended)}\n  again: mia-explore retry {ended.run_id}", err=True)
    return 1 if tracker.count(*RETRIED) else 0


def come_back(project: Project) -> str:
    """How to look at the work again, and how to end it."""
    folder = "" if project.root == Path("mia-results").resolve() else f" --project {printable(str(project.root))}"
    return (
        f"The engine goes on by itself. Watch again: the same command; list: mia-explore ls{folder}; "
        f"end it: mia-explore engine stop{folder}"
    )


def _tracker(client: SyncClient, experiments: Sequence[Experiment]) -> RunTracker:
    """Every run's state as it is now; pushes keep it up to date from here on."""
    kinds = {run.run_id: kind_of(run) for run in experiments}
    status = client.call(protocol.GetStatus())
    if obstacle := "paused; `mia-explore engine resume` goes on" if status.paused else status.hold:
        click.echo(f"! engine: no run starts: {obstacle}", err=True)
    tracker = RunTracker(kinds, places.slots(status.devices))
    for row in ResultSource(client.call).query("runs", run_id=list(kinds)):
        tracker.put_state(row.run_id, row.state, row.error)
    _note_attacks(client, tracker, experiments)
    return tracker


def _note_attacks(client: SyncClient, tracker: RunTracker, experiments: Sequence[Experiment]) -> None:
    """How far the attacks asked for are of runs that are done; one that failed while its run was at work among them."""
    asked = {run.run_id: run.inference.attacks for run in experiments}
    found = ResultSource(client.call).query("inferences", run_id=list(asked))
    for run_id, (state, error) in unfinished_attacks(one for one in found if one.attack in asked[one.run_id]).items():
        tracker.put_attacks(run_id, state, error)


def _take(tracker: RunTracker, push: protocol.Push) -> str | None:
    """Note what the engine tells; a line worth printing, if it is one."""
    if isinstance(push, protocol.StateChange):
        if tracker.put_state(push.run_id, push.state, push.error) and push.state in ("done", *FAILED):
            return tracker.line(tracker.runs[push.run_id])
    elif isinstance(push, protocol.AttacksChange):
        if tracker.put_attacks(push.run_id, push.state, push.error) and push.state in FINISHED:
            return tracker.line(tracker.runs[push.run_id])
    elif isinstance(push, protocol.RunProgress):
        tracker.put_progress(push.run_id, push.phase, push.label, push.fraction, push.rate)
    elif isinstance(push, protocol.Note) and push.warning:
        tracker.put_warning(push.run_id, push.message)
    elif isinstance(push, protocol.Note) and (push.run_id is None or push.run_id in tracker.runs):
        return f"! {push.run_id or 'engine'}: {push.message}"
    return None


def _watch(
    client: SyncClient, tracker: RunTracker, on_line: Callable[[str], None], on_push: Callable[[], None]
) -> None:
    if tracker.over:
        return
    for push in client.pushes():
        if line := _take(tracker, push):
            on_line(line)
        on_push()
        if tracker.over:
            return


def _watch_plain(client: SyncClient, tracker: RunTracker) -> None:
    """A line for each end of a run, and every few seconds how far the others are."""
    said = -PLAIN_SECONDS

    def report() -> None:
        nonlocal said
        if time.monotonic() - said < PLAIN_SECONDS:
            return
        said = time.monotonic()
        running = [tracker.line(run) for run in tracker.runs.values() if run.state == "running" and run.label]
        click.echo("\n".join([tracker.headline(), *(f"  {line}" for line in running)]), err=True)

    _watch(client, tracker, lambda line: click.echo(line, err=True), report)


def _watch_live(client: SyncClient, tracker: RunTracker) -> None:
    """The same lines above a display of the running runs that is drawn in place."""
    console = Console(file=within(sys.stderr))

    def display() -> Group:
        running = [
            Text(printable(tracker.line(run, console.width))) for run in tracker.runs.values() if run.state == "running"
        ]
        return Group(*running, Text(tracker.headline(), style="bold"))

    with Live(get_renderable=display, console=console, refresh_per_second=2, transient=True) as project:
        _watch(client, tracker, lambda line: project.console.print(Text(printable(line))), lambda: None)
