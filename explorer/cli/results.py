"""Commands that show and export results: ls, show, scores, export."""

import json
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import click

from engine.printing import within
from engine.service.project import Project
from engine.text import printable
from explorer.cli import options
from explorer.project.access import Results, find_run, results
from explorer.results import attack_table, curve_table, exposed_table, marks, text, views_table
from explorer.results.run_folder import EXPOSED
from store.errors import StoreError
from store.queries import TABLES
from store.rows import Run

LINE = 100
"""Cells of a line of words below a table."""


@click.command()
@options.project
@click.option("--sweep", help="Only the runs of this sweep.")
@click.option("--state", help="Only runs in this state: queued, running, done, failed, diverged, cancelled.")
def ls(project: Project, sweep: str | None, state: str | None) -> None:
    """List the project's runs with their headline numbers in percent."""
    with results(project) as asked:
        rows = asked.query("runs", sweep=sweep, state=state)
    if not rows:
        click.echo("no runs", err=True)
        return
    columns = {
        "run": [row["run_id"] for row in rows],
        "sweep": [row["sweep"] for row in rows],
        **({"setting": [row["setting"] for row in rows]} if any(row["setting"] for row in rows) else {}),
        "state": [row["state"] for row in rows],
        "test": _accuracies(rows, "benign"),
        "adv-test": _accuracies(rows, "adversarial"),
        "I_B": _marked(rows, "benign"),
        "I_A": _marked(rows, "adversarial"),
        "took": [_took(row) for row in rows],
    }
    click.echo(text.table(list(columns), list(zip(*columns.values(), strict=True))))
    if any(row[f"{view}_leaks"] is False for row in rows for view in ("benign", "adversarial")):
        click.echo(f"{marks.NOT_TOLD_APART} {marks.LIKE_GUESS}", err=True)
    if any(row[f"{view}_inference_accuracy"] is not None for row in rows for view in ("benign", "adversarial")):
        click.echo(marks.FLOOR, err=True)
    for row in rows:
        for message in marks.messages([row]):
            click.echo(f"{marks.WARNED} {row['run_id']}: {message}", err=True)


@click.command()
@click.argument("what", metavar="RUN|TABLE")
@options.project
def show(what: str, project: Project) -> None:
    """Show one run: settings, accuracies, leakage. RUN may be any part of its name that is unique.

    \b
    Or a table over the seeds of all finished runs:
    views      accuracy and leakage of each view, beside the paper's own: its Tables 8 to 10
    capacity   accuracy and leakage over capacity
    epsilon    the same over epsilon
    classes    leakage class by class
    """  # noqa: D301
    with results(project) as asked:
        if what in curve_table.FOLDS:
            _show_table(asked.query(what, **curve_table.SHOWN[what]), what)
        else:
            _show_run(asked, find_run(asked, what), project)


def _show_table(rows: list[Run], table: str) -> None:
    if not rows:
        click.echo("no finished runs", err=True)
        return
    legend = textwrap.fill(views_table.LEGEND, LINE, break_on_hyphens=False) if table == "views" else curve_table.LEGEND
    click.echo(f"{curve_table.TITLES[table]}\n\n{curve_table.FOLDS[table](rows)}\n\n{legend}")


def _show_run(asked: Results, found: Run, project: Project) -> None:
    accuracies = asked.query("accuracies", run_id=found["run_id"])
    leaks = asked.query("leakage", run_id=found["run_id"])
    click.echo(f"{found['run_id']}  {found['state']}{': ' + found['error'] if found['error'] else ''}")
    click.echo(f"sweeps   {found['sweeps']}\ndevice   {found['device'] or '-'}   took {_took(found) or '-'}")
    click.echo(f"files    {printable(str(project.run_folder(found['run_id'])))}")
    click.echo(f"versions {found['versions'] or '-'}\nspec     {json.dumps(json.loads(found['spec']))}\n")
    _tell_warnings(found)
    shares = marks.even([text.percent(row["accuracy"]) + marks.mark(None, marks.is_warned(row)) for row in accuracies])
    lines = [[row["view"], row["split"], share, row["n"]] for row, share in zip(accuracies, shares, strict=True)]
    click.echo(text.table(["view", "split", "accuracy %", "n"], lines) + "\n")
    click.echo(attack_table.table(leaks))


def _tell_warnings(run: Run) -> None:
    if said := marks.lines(marks.messages([run]), LINE):
        click.echo("\n".join(said) + "\n")


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--top", default=20, show_default=True, type=click.IntRange(min=1), help="So many images.")
@click.option("--view", type=click.Choice(text.VIEWS), help="Only this view, ranked by its risk.")
@options.project
def scores(run: str, top: int, view: str | None, project: Project) -> None:
    """Show the training images that a run exposes most. RUN may be any part of its name that is unique.

    The most exposed first: by the highest risk of all views, or by the risk in --view. All of them, complete and at
    full precision: mia-explore export exposed --run RUN
    """
    with results(project) as asked:
        found = find_run(asked, run)
        rows = exposed_table.most_exposed(asked.query, found["run_id"], top, view)
    if nothing := exposed_table.why_none(rows, found["state"]):
        click.echo(f"{found['run_id']} ({found['state']}): {nothing}", err=True)
        return
    there = exposed_table.views(rows)
    if view is not None and view not in there:
        raise StoreError(f"{found['run_id']} has no {view} view; it has {', '.join(there)}")
    shown = [view] if view else there
    click.echo(f"{found['run_id']}: its most exposed training images\n")
    _tell_warnings(found)
    click.echo(f"{exposed_table.table(rows, shown)}\n\n{exposed_table.legend(shown)}")
    pictures = project.run_folder(found["run_id"]) / EXPOSED
    if pictures.is_dir():
        click.echo(f"pictures of the first of them: {pictures}")


@click.command()
@click.argument("table", type=click.Choice(TABLES))
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
    """Export a table, complete and at full precision, one row per fact. Without a path: CSV on stdout."""
    wanted = {"csv": csv_path, "parquet": parquet_path, "json": json_path}
    targets = {format: path for format, path in wanted.items() if path is not None} or {"csv": "-"}
    with results(project) as asked:
        filters = {"sweep": sweep, "run_id": find_run(asked, run_id)["run_id"] if run_id else None}
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


def _accuracies(rows: list[Run], view: str) -> list[str]:
    """The view's test accuracies, marked where a warning speaks of them."""
    shares = [text.percent(row[f"{view}_test_accuracy"]) for row in rows]
    return marks.even(
        [
            "-" if share is None else share + marks.mark(None, marks.is_warned(row, view))
            for row, share in zip(rows, shares, strict=True)
        ]
    )


def _marked(rows: list[Run], view: str) -> list[str | None]:
    """The view's inference accuracies, marked where they are like a guess or a warning speaks of them."""
    values = [row[f"{view}_inference_accuracy"] for row in rows]
    cells = [
        "-" if value is None else text.percent(value) + marks.mark(row[f"{view}_leaks"], marks.is_warned(row, view))
        for row, value in zip(rows, values, strict=True)
    ]
    return marks.even(cells)


def _took(row: Run) -> str | None:
    if row["started"] is None or row["ended"] is None:
        return None
    seconds = row["ended"] - row["started"]
    return text.duration(seconds.total_seconds() if hasattr(seconds, "total_seconds") else seconds)


COMMANDS = (ls, show, scores, export)
