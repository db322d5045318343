"""Commands that show and export results: ls, show, scores, export."""

import json
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import click

from engine.job_settings import LOCAL
from engine.printing import within
from engine.run_states import RETRIED
from engine.service.project import Project
from engine.text import printable
from engine.validation import require
from explorer.cli import completion, options
from explorer.project import places
from explorer.project.found import found
from explorer.project.result_source import ResultSource, find_run, results
from explorer.project.run_tracking import unfinished_attacks
from explorer.results import (
    accuracy_table,
    attack_table,
    betrayed_table,
    exposed_table,
    marks,
    over_seeds,
    population_risk,
    run_table,
    text,
)
from explorer.results.finding import LeakageFinding
from explorer.results.rendering import markdown as markdown_table
from explorer.results.rendering import plain
from explorer.results.run_folder import EXPOSED
from store.errors import StoreError
from store.queries import TABLES
from store.rows import ImageRisk, Run
from store.summaries import ClassRisk

FINDING, LONG = "finding", 200
"""What `show` calls it, and cells of its line where there is no terminal."""


@click.command()
@options.project
@click.option("--sweep", help="Only the runs of this sweep.")
@click.option("--state", help="Only runs in this state: queued, running, done, failed, diverged, cancelled.")
def ls(project: Project, sweep: str | None, state: str | None) -> None:
    """List the project's runs with their headline numbers in percent."""
    with results(project) as asked:
        runs = asked.query("runs", sweep=sweep, state=state)
        unfinished = unfinished_attacks(asked.query("inferences", run_id=[run.run_id for run in runs]))
        placed = asked.placed()
    states = {run.run_id: run.state for run in runs}
    states |= {run_id: f"{states[run_id]}, attacks {how_far}" for run_id, (how_far, _) in unfinished.items()}
    states |= {run_id: f"queued, {why}" for run_id, own in placed.items() if (why := places.reason(own))}
    away = any(run.places not in (None, LOCAL) for run in runs)
    where = [places.where(run, placed.get(run.run_id)) for run in runs] if away else []
    runs = [run._replace(state=states[run.run_id]) for run in runs]
    if not runs:
        click.echo("no runs", err=True)
        return
    click.echo(plain(run_table.table(runs, where), options.width()))
    if any(run.leaks.get(view) is False for run in runs for view in run_table.VIEWS):
        click.echo(f"{marks.NOT_TOLD_APART} {marks.LIKE_GUESS}", err=True)
    if any(run.inference_accuracy(view) is not None for run in runs for view in run_table.VIEWS):
        click.echo(marks.FLOOR, err=True)
    for run in runs:
        for message in run.warnings:
            click.echo(f"{marks.WARNED} {run.run_id}: {message}", err=True)


@click.command()
@click.argument(
    "what",
    metavar="RUN|TABLE|finding",
    shell_complete=completion.of_runs("run_id", words=(FINDING, *over_seeds.TABLES)),
)
@click.argument("of", metavar="[RUN|SWEEP]", required=False, shell_complete=completion.of_runs("sweep", "run_id"))
@click.option("--markdown", is_flag=True, help="The finding as Markdown, for a lab book.")
@options.project
def show(what: str, of: str | None, markdown: bool, project: Project) -> None:
    """Show one run: settings, accuracies, leakage. RUN may be any part of its name that is unique.

    \b
    Or the finding, of all finished runs, of a sweep or of a run beside its natural twin:
    finding    how much more a robust model leaks than a natural one: in words, and the table behind it

    \b
    Or a table over the seeds of all finished runs, or of a sweep's:
    views      accuracy and leakage of each view, beside the paper's own: its Tables 8 to 10
    capacity   accuracy and leakage over capacity
    epsilon    the same over epsilon
    classes    leakage class by class
    """  # noqa: D301
    with results(project) as asked:
        if what == FINDING:
            _show_finding(found(asked, of), markdown)
        elif what in over_seeds.TABLES:
            _show_table(asked, what, of)
        else:
            require(of is None, f"show {what}", of, "nothing more behind a run")
            known = (FINDING, *over_seeds.TABLES)
            _show_run(asked, find_run(asked, what, "run or table", known), project)


def _show_finding(told: LeakageFinding | None, as_markdown: bool) -> None:
    if told is None:
        click.echo("no finding: no attack to compare models by has ended, or all models have collapsed", err=True)
        return
    if as_markdown:
        words = [f"**{told.line(LONG)}**", " ".join(told.sentences()), markdown_table(told.table())]
    else:
        said = textwrap.fill(" ".join(told.sentences()), marks.LINE, break_on_hyphens=False)
        words = [told.line(options.width() or LONG), said, plain(told.table(), options.width())]
    click.echo("\n\n".join(words))


def _show_table(asked: ResultSource, what: str, of: str | None) -> None:
    table = over_seeds.TABLES[what]
    rows = asked.query(what, **table.asked, sweep=of)
    if not rows:
        click.echo("no finished runs", err=True)
        return
    words = [table.title, table.as_text(rows, options.width()), *([] if what == "views" else [over_seeds.LEGEND])]
    click.echo("\n\n".join(words))


def _show_run(asked: ResultSource, run: Run, project: Project) -> None:
    accuracies = accuracy_table.of_run(asked.query("accuracies", run_id=run.run_id), run.run_id)
    attacks = attack_table.attacks(asked.query("leakage", run_id=run.run_id))
    took = "-" if run.duration is None else text.duration(run.duration)
    click.echo(f"{run.run_id}  {run.state}{': ' + run.error if run.error else ''}")
    click.echo(f"sweeps   {' '.join(run.sweeps)}\ndevice   {run.device or '-'}   took {took}")
    click.echo(f"files    {printable(str(project.run_folder(run.run_id)))}")
    click.echo(f"versions {json.dumps(run.versions) if run.versions else '-'}\nspec     {json.dumps(run.spec)}\n")
    for how_far, error in unfinished_attacks(asked.query("inferences", run_id=run.run_id)).values():
        again = f"; mia-explore retry {run.run_id}" if how_far in RETRIED else ""
        click.echo(f"attacks  {how_far}{': ' + error if error else ''}{again}\n")
    _tell_warnings(run)
    click.echo(f"accuracy %\n\n{plain(accuracy_table.table(accuracies), options.width())}\n")
    click.echo(plain(attack_table.table(attacks), options.width()))


def _tell_warnings(run: Run) -> None:
    if run.warnings:
        click.echo("\n".join(marks.lines(run.warnings, marks.LINE)) + "\n")


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completion.runs)
@click.option("--top", default=20, show_default=True, type=click.IntRange(min=1), help="So many images.")
@click.option("--view", type=click.Choice(text.VIEWS), help="Only this view, ranked by its risk.")
@options.project
def scores(run: str, top: int, view: str | None, project: Project) -> None:
    """Show the training images that a run exposes most. RUN may be any part of its name that is unique.

    The most exposed first: by the highest risk of all views, or by the risk in --view. All of them, complete and at
    full precision: mia-explore export exposed --run RUN. Of a run in a population also the images that an attack with
    references finds in more of its models than luck would; all: mia-explore export image_risks --run RUN
    """
    with results(project) as asked:
        own = find_run(asked, run)
        rows = exposed_table.most_exposed(asked.query, own.run_id, top, view)
        risks = asked.query("class_risks", run_id=own.run_id, view=view) if own.population else []
        strongest = population_risk.strongest(risks)
        of_it = population_risk.images_of(strongest) if strongest else {}
        betrayed = asked.query("image_risks", run_id=own.run_id, **of_it) if strongest else []
    if nothing := exposed_table.why_none(rows, own.state):
        click.echo(f"{own.run_id} ({own.state}): {nothing}", err=True)
        return
    there = exposed_table.views(rows)
    if view is not None and view not in there:
        raise StoreError(f"{own.run_id} has no {view} view; it has {', '.join(there)}")
    shown = [view] if view else there
    click.echo(f"{own.run_id}: its most exposed training images\n")
    _tell_warnings(own)
    click.echo(plain(exposed_table.table(rows, shown), options.width()))
    pictures = project.run_folder(own.run_id) / EXPOSED
    if pictures.is_dir():
        click.echo(f"pictures of the first of them: {pictures}")
    if strongest:
        _show_betrayed(population_risk.singled_out(betrayed, strongest)[:top], strongest)


def _show_betrayed(rows: list[ImageRisk], by: ClassRisk) -> None:
    """What tells better who is exposed than a single model's answers do."""
    if not rows:
        click.echo(f"\n{population_risk.nothing_found(by)}")
        return
    click.echo(f"\nfound by {population_risk.said(by)}: the images that the population betrays beyond luck\n")
    click.echo(plain(betrayed_table.table(rows), options.width()))


@click.command()
@click.argument("table", type=options.KnownWord(TABLES), metavar="TABLE")
@click.option("--csv", "csv_path", metavar="PATH|-", help="Write CSV there; - is stdout.")
@click.option("--parquet", "parquet_path", metavar="PATH", help="Write Parquet there.")
@click.option("--json", "json_path", metavar="PATH|-", help="Write JSON there; - is stdout.")
@click.option("--sweep", help="Only this sweep.")
@click.option("--run", "run_id", help="Only this run.")
@options.project
def export(
    table: str,
    csv_path: str | None,
    parquet_path: str | None,
    json_path: str | None,
    sweep: str | None,
    run_id: str | None,
    project: Project,
) -> None:
    """Export a TABLE, complete and at full precision, one row per fact. Without a path: CSV on stdout.

    TABLE is one of runs, capacity, epsilon, classes, views, accuracies, leakage, warnings, history, scores, exposed,
    image_risks, class_risks, roc and published.
    """
    wanted = {"csv": csv_path, "parquet": parquet_path, "json": json_path}
    targets = {format: path for format, path in wanted.items() if path is not None} or {"csv": "-"}
    with results(project) as asked:
        filters = {"sweep": sweep, "run_id": find_run(asked, run_id).run_id if run_id else None}
        filters = {name: value for name, value in filters.items() if value is not None}
        for format, path in targets.items():
            if path == "-":
                with tempfile.TemporaryDirectory() as folder:
                    passing = Path(folder, f"{table}.{format}")
                    asked.export(table, format, passing, filters)
                    with open(passing, "rb") as stream:
                        shutil.copyfileobj(stream, within(sys.stdout).buffer)
            else:
                rows = asked.export(table, format, Path(path).absolute(), filters)
                click.echo(f"{printable(str(path))}: {rows} rows of {table}", err=True)
    if table in marks.OF_LEAKAGE:
        click.echo(marks.FLOOR, err=True)
