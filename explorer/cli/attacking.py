"""The command that asks more inference attacks of answers that runs have kept: attack."""

import click

from engine.service import protocol
from engine.service.project import Project
from engine.spec import sweeps
from explorer.cli import completion, options
from explorer.cli.watching import INTERRUPTED, come_back, engine_at_work, wait
from explorer.project.result_source import ResultSource, find_run, results
from explorer.project.submitting import inferred, request_like
from explorer.results import attack_table
from explorer.results.rendering import plain as plain_table


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completion.runs)
@click.option("--attacks", default=None, help="Which, with commas between them; else all there are.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A setting of [inference]: splits=50.")
@options.project
@options.detach
@options.plain
def attack(
    runs: tuple[str, ...], attacks: str | None, overrides: tuple[str, ...], project: Project, detach: bool, plain: bool
) -> int:
    """Ask inference attacks of runs: what they have under the same settings stays, the rest is computed.

    RUN may be any part of its name that is unique. Nothing is trained and no model is asked again: a finished run keeps
    its answers, and only what the attacks find in them is new. On stdout what they found.
    """
    table: dict = {}
    for override in overrides:
        sweeps.apply_override(table, f"inference.{override.removeprefix('inference.')}")
    with results(project) as asked:
        found = [find_run(asked, name) for name in runs]
    wanted = [inferred(run, () if attacks is None else attacks.split(","), table.get("inference", {})) for run in found]
    requests = [request_like(experiment, run) for experiment, run in zip(wanted, found, strict=True)]
    with engine_at_work(project) as client:
        queued = {
            run_id
            for run, request in zip(found, requests, strict=True)
            for run_id in client.call(protocol.Submit(sweep=run.sweep or run.name, runs=[request])).run_ids
        }
        for experiment in wanted:
            known = "" if experiment.run_id in queued else ", nothing queued"
            click.echo(f"{experiment.run_id}: {', '.join(experiment.inference.attacks)}{known}", err=True)
        if detach:
            click.echo(come_back(project), err=True)
            return 0
        code = wait(client, project, wanted, plain)
        for experiment in wanted if code != INTERRUPTED else ():
            asked_for = {"run_id": experiment.run_id, "attack": list(experiment.inference.attacks)}
            found_by = attack_table.attacks(ResultSource(client.call).query("leakage", **asked_for))
            if found_by:
                click.echo(f"{experiment.run_id}\n")
                click.echo(plain_table(attack_table.table(found_by), options.width()))
    return code
