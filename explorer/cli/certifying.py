"""The command that bounds a run's worst case once more: certify."""

import click

from engine.registry import CERTIFICATIONS
from engine.service import protocol
from engine.service.project import Project
from explorer.cli import completion, options
from explorer.cli.watching import come_back, engine_at_work, wait
from explorer.project.result_source import ResultSource, find_run, results
from explorer.project.submitting import TIGHTER, certified, request_like, trained_anew
from explorer.results import over_seeds


@click.command()
@click.argument("name", metavar="RUN", shell_complete=completion.runs)
@click.option(
    "--method",
    type=click.Choice(CERTIFICATIONS),
    default=TIGHTER,
    show_default=True,
    help="How the model's answers are bounded, the cheapest first; none is looser than ibp.",
)
@options.project
@options.on_instead
@options.detach
@options.plain
def certify(name: str, method: str, project: Project, on: str | None, detach: bool, plain: bool) -> int:
    """Certify a run by another method: a run of its own beside it, which takes over its weights where they are kept.

    RUN may be any part of its name that is unique. The new run asks the same model the same questions, and for
    certified answers by METHOD; a run that is not trained yet is trained first. On stdout both, as in `show views`.
    """
    with results(project) as asked:
        run = find_run(asked, name)
    other = certified(run.spec, method)
    command = protocol.Submit(sweep=run.sweep or run.name, runs=[request_like(other, run, on)])
    missing = trained_anew(project, run)
    with engine_at_work(project) as client:
        queued = client.call(command).run_ids
        known = "" if queued else ", known already"
        click.echo(f"{other.run_id}: {run.run_id} certified by {method}{known}", err=True)
        if queued and missing:
            click.echo(f"warning: {run.run_id}: {missing}", err=True)
        if detach:
            click.echo(come_back(project), err=True)
            return 0
        code = wait(client, project, [other], plain)
        if code == 0:
            rows = ResultSource(client.call).query("views", run_id=[run.run_id, other.run_id])
            click.echo(f"\n{over_seeds.TABLES['views'].as_text(rows, options.width())}")
    return code
