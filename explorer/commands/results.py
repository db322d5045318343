"""Commands that show and export results: ls, show, export, audit."""

import csv
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import click

from engine.control.project import Project
from engine.spec import INFERENCE_ATTACKS, Inference
from explorer import options, text
from explorer.project.access import Row, find_run, results
from store.queries import TABLES

LEAKAGE_COLUMNS = (
    *("run_id", "dataset", "network", "capacity", "defense", "epsilon", "seed", "attack", "view", "class_label"),
    *("threshold_rule", "metric", "value", "ci_low", "ci_high", "n_member", "n_nonmember"),
)


@click.command()
@options.project
@click.option("--sweep", help="Only the runs of this sweep.")
@click.option("--state", help="Only runs in this state: queued, running, done, failed, diverged, cancelled.")
def ls(project: Project, sweep: str | None, state: str | None) -> None:
    """List the project's runs with their headline numbers in percent."""
    with results(project) as asked:
        rows = asked.query("runs", sweep=sweep, state=state)
    numbers = {
        "test": "benign_test_accuracy",
        "adv-test": "adversarial_test_accuracy",
        "I_B": "benign_inference_accuracy",
        "I_A": "adversarial_inference_accuracy",
    }
    lines = [
        [row["run_id"], row["sweep"], row["state"], *(text.percent(row[name]) for name in numbers.values()), _took(row)]
        for row in rows
    ]
    click.echo(text.table(["run", "sweep", "state", *numbers, "took"], lines) if lines else "no runs", err=not lines)


@click.command()
@click.argument("run", metavar="RUN")
@options.project
def show(run: str, project: Project) -> None:
    """Show one run: settings, accuracies, leakage. RUN may be any part of its name that is unique."""
    with results(project) as asked:
        found = find_run(asked, run)
        accuracies = asked.query("accuracies", run_id=found["run_id"])
        leakage = asked.query("leakage", run_id=found["run_id"])
    click.echo(f"{found['run_id']}  {found['state']}{': ' + found['error'] if found['error'] else ''}")
    click.echo(f"sweeps   {found['sweeps']}\ndevice   {found['device'] or '-'}   took {_took(found) or '-'}")
    click.echo(f"files    {project.run_folder(found['run_id'])}")
    click.echo(f"versions {found['versions'] or '-'}\nspec     {json.dumps(json.loads(found['spec']))}\n")
    lines = [[row["view"], row["split"], text.percent(row["accuracy"]), row["n"]] for row in accuracies]
    click.echo(text.table(["view", "split", "accuracy %", "n"], lines) + "\n")
    click.echo(leakage_table([row for row in leakage if row["class_label"] is None]))


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
                        shutil.copyfileobj(stream, sys.stdout.buffer)
            else:
                rows = asked.export(table, format, Path(path).absolute(), filters)
                click.echo(f"{path}: {rows} rows of {table}", err=True)


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE.npz")
@click.option("--csv", "csv_path", metavar="PATH|-", help="Write every number as CSV there; - is stdout.")
@click.option("--per-class", default=500, show_default=True, help="Members and non-members a class threshold sees.")
@click.option("--seed", default=0, show_default=True, help="Draws the examples of held-out thresholds.")
def audit(path: Path, csv_path: str | None, per_class: int, seed: int) -> None:
    """Run the inference attacks on anybody's prediction file; nothing is trained.

    \b
    The npz holds output_train_VIEW and output_test_VIEW (softmax; rows are examples), train_label and test_label,
    with VIEW benign and, if there is one, adversarial.
    """  # noqa: D301
    from engine import inference, predictions

    answers = predictions.load(path)
    settings = Inference(attacks=INFERENCE_ATTACKS, per_class=per_class, seed=seed)
    rows = [asdict(fact) for fact in inference.audit(answers, settings)]
    if csv_path != "-":
        missing = {"benign", "adversarial"} - answers.views.keys()
        click.echo(leakage_table([row for row in rows if row["class_label"] is None]))
        if missing:
            click.echo(f"not in the file, so not audited: the {', '.join(sorted(missing))} view", err=True)
    if csv_path == "-":
        _write_leakage(rows, path.stem, sys.stdout)
    elif csv_path:
        with open(csv_path, "w", newline="", encoding="utf-8") as stream:
            _write_leakage(rows, path.stem, stream)
        click.echo(f"{csv_path}: {len(rows)} rows", err=True)


def leakage_table(rows: list[Row]) -> str:
    """Attacks on all classes together, one line per attack, view and threshold rule."""
    lines = []
    for row in rows:
        if row["metric"] == "inference_accuracy":
            same = [
                other for other in rows if all(other[key] == row[key] for key in ("attack", "view", "threshold_rule"))
            ]
            found = {other["metric"]: other["value"] for other in same}
            interval = f"{text.percent(row['ci_low'])} to {text.percent(row['ci_high'])}"
            shares = [text.percent(found[metric]) for metric in ("advantage", "tpr", "fpr")]
            head = [row["attack"], row["view"], row["threshold_rule"], text.percent(row["value"]), interval]
            lines.append([*head, *shares, row["n_member"], row["n_nonmember"]])
    columns = ["attack", "view", "threshold", "accuracy %", "95 % interval", "advantage", "TPR", "FPR"]
    return text.table([*columns, "members", "non-members"], lines)


def _write_leakage(rows: list[Row], name: str, stream: TextIO) -> None:
    writer = csv.DictWriter(stream, LEAKAGE_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value is None else value for key, value in row.items()} | {"run_id": name})


def _took(row: Row) -> str | None:
    if row["started"] is None or row["ended"] is None:
        return None
    seconds = row["ended"] - row["started"]
    return text.duration(seconds.total_seconds() if hasattr(seconds, "total_seconds") else seconds)


COMMANDS = (ls, show, export, audit)
