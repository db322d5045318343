"""Commands about prediction files: audit attacks anybody's, answers copies those of a population."""

import csv
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click

from engine.job_settings import ANSWERS
from engine.registry import attacks_on
from engine.service.project import Project
from engine.spec.experiment import Experiment, Inference
from engine.text import csv_text, printable
from explorer.cli import completion, options
from explorer.cli.audit_process import Audited, audited
from explorer.cli.options import width
from explorer.project.result_source import find_run, results
from explorer.results import accuracy_table, attack_table, class_rows, classes_table, marks, text
from explorer.results.class_rows import PAPERS, Strategy
from explorer.results.rendering import plain
from store.errors import StoreError
from store.rows import BETWEEN_WARNINGS, LeakageFact

STRATEGIES_TITLE = "Class by class: the strategies of the paper's Table 7, held-out inference accuracy in percent"
STRATEGIES_WORDS = (
    "conf: a threshold on the confidence; model: an inference network that reads the whole answer; B, A, T, V: benign, "
    "adversarial, targeted and certified answers; ±: half of the 95 % interval; a dash: too few examples of the class"
)
OPTIMISTIC = (
    "The oracle is optimistic, the more so the fewer examples: its threshold was chosen on the very examples it is "
    "reported on. Believe the held-out numbers."
)
ACCURACY_TITLE = "Accuracy in percent [95 % interval]"
BY_CLASS_TITLE = "Accuracy class by class, in percent of train/test examples"


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--attack",
    "attacks",
    multiple=True,
    type=click.Choice(attacks_on("random")),
    help="Only this attack; may be given several times.  [default: all that there are the files for]",
)
@click.option(
    "--references",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Files of models trained alike on other members, or folders of them: three and more, for lira and rmia.",
)
@click.option(
    "--per-class",
    default=Inference.per_class,
    show_default=True,
    help="Members and non-members of each class that its attack is fitted on; half of the smaller side if fewer.",
)
@click.option(
    "--seed", default=Inference.seed, show_default=True, help="Draws splits, networks' first weights and resamples."
)
@click.option("--by-class", is_flag=True, help="Also show accuracy class by class.")
@click.option(
    "--time-limit",
    default=10.0,
    show_default=True,
    metavar="MINUTES",
    help="For all inference networks; classes that they do not get to are left out, which is said.",
)
@click.option("--csv", "csv_path", metavar="PATH|-", help="Write every number as CSV there; - is stdout.")
def audit(
    path: Path,
    csv_path: str | None,
    attacks: tuple[str, ...],
    references: tuple[Path, ...],
    per_class: int,
    seed: int,
    by_class: bool,
    time_limit: float,
) -> None:
    """Run the inference attacks on anybody's prediction file; nothing is trained.

    The npz holds the model's answers to its training images (members) and to test images (non-members), one row
    each:

    \b
    train_label, test_label  (examples,)          true classes, whole numbers from 0
    output_SPLIT_VIEW        (examples, classes)  softmax; each row sums to one
    logits_SPLIT_VIEW        (examples, classes)  raw logits: in place of the softmax, or beside it
    class_names              (classes,)           text, if you like: what tables call the classes

    Labels may also be one-hot rows or names from class_names, and a sigmoid's answers one column. Rows that sum to one
    within 0.01 are divided by their sums. Other keys, and arrays of Python objects, are skipped.

    SPLIT is train and test; VIEW is benign, adversarial (attacked without a target), targeted (attacked towards each
    wrong class) or certified (verified bounds). One view is enough. The targeted view has an answer for each wrong
    class, in their order: it is (examples, classes - 1, classes). Logits tell more than a softmax, whose confidences
    of exactly 1.0 are all alike.

    FILE may also be a table, .csv or .parquet, with a row for each example and a header:

    \b
    split          train or test; or member, 1 or 0
    label          the true class, by number or name
    p0, p1, ...    a column for each class, or p_NAME; of raw logits logit0, logit1, ... or logit_NAME
    view           optional; each view has the same examples in the same order

    References are npz files too. In all of them train_index and test_index (examples,) number the images in one way,
    so that it is known which each model trained on; mia-explore answers writes such files of a population.
    """  # noqa: D301
    wanted = tuple(dict.fromkeys(attacks)) or attacks_on("random" if references else "paper")
    found = audited(path, wanted, per_class, seed, time_limit, references)
    if csv_path != "-":
        click.echo("\n\n".join(report(found, wanted, by_class)))
    if not sys.stdout.isatty():  # where it is, they stand in the tables above
        for message in found.messages:
            click.echo(f"warning: {message}", err=True)
    if found.file["scarcity"]:
        click.echo(found.file["scarcity"], err=True)
    for line in missing(found.file["views"]):
        click.echo(line, err=True)
    if csv_path == "-":
        write_csv(found.facts, path.stem, sys.stdout)
        click.echo(marks.FLOOR, err=True)
    elif csv_path:
        with open(csv_path, "w", newline="", encoding="utf-8") as stream:
            write_csv(found.facts, path.stem, stream)
        click.echo(f"{printable(str(csv_path))}: {len(found.facts)} rows", err=True)


def report(found: Audited, attacks: Sequence[str], by_class: bool) -> Iterator[str]:
    """The tables, block by block: how often the model is right comes first, with what makes its answers doubtful."""
    whole = [own for own in found.accuracies if own.class_label is None]
    accuracy = accuracy_table.table(whole).without("n train").without("n test")
    yield f"{ACCURACY_TITLE}\n\n{plain(accuracy, width())}"
    if by_class:
        classes = accuracy_table.by_class(found.accuracies, found.file["class_names"])
        yield f"{BY_CLASS_TITLE}\n\n{plain(classes, width())}"
    if found.messages:
        yield "\n".join(marks.lines(found.messages, marks.LINE))
    if not found.facts:
        return
    optimistic = [OPTIMISTIC] if any(fact.threshold_rule == "oracle" for fact in found.facts) else []
    table = attack_table.table(attack_table.attacks(found.facts))
    yield plain(replace(table, legend=(*table.legend, *optimistic)), width())
    if any(own.attack in attacks for own in PAPERS):
        yield strategies_table(found.facts, found.file["class_names"])


def strategies_table(facts: Iterable[LeakageFact], class_names: Sequence[str] = ()) -> str:
    """The strategies of Table 7 that were carried out, class by class; one line where none could be."""
    facts = [fact for fact in facts if fact.metric == "inference_accuracy" and fact.threshold_rule == "heldout"]
    facts = [fact for fact in facts if Strategy(fact.attack, fact.view) in PAPERS]
    shown = class_rows.strategies(facts, "heldout")
    if not shown:
        return "No class has enough examples for the strategies of the paper's Table 7."
    names = dict(enumerate(class_names))
    rows = [replace(row, class_name=names.get(row.label)) for row in class_rows.of_run(facts, "heldout", shown)]
    said = [STRATEGIES_WORDS]
    if class_rows.marked(rows):
        said += [f"{marks.NOT_TOLD_APART}: {marks.LIKE_GUESS}; {marks.AMONG_CLASSES}"]
    said += [marks.LEGEND] if class_rows.warned(rows) else []
    legend = tuple(filter(None, [class_rows.told_apart(rows), "; ".join(said)]))
    table = classes_table.table(rows, list(shown), on_screen=False)
    return f"{STRATEGIES_TITLE}\n\n{plain(replace(table, legend=legend), width())}"


def missing(views: Sequence[str]) -> Iterator[str]:
    """A line for each view that the file lacks, with what cannot be had therefore."""
    for view in text.VIEWS:
        if view not in views:
            lost = " and no ".join(own.label for own in PAPERS if own.view == view)
            keys = f"logits_train_{view}, logits_test_{view}"
            yield f"not in the file: the {view} view ({keys}), so no attack on it: no {lost}"


def write_csv(facts: Sequence[LeakageFact], name: str, stream: TextIO) -> None:
    """Every number, with the columns and the spelling of `export leakage`; the file's name stands for a run's."""
    writer = csv.DictWriter(stream, LeakageFact._fields, lineterminator="\n")
    writer.writeheader()
    for fact in facts:
        row = fact._asdict() | {"warnings": BETWEEN_WARNINGS.join(fact.warnings), "run_id": name}
        writer.writerow({key: _field(value) for key, value in row.items()})


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return csv_text(value)
    return "" if value is None else value


@click.command()
@click.argument("run", metavar="RUN", shell_complete=completion.runs)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER")
@options.project
def answers(run: str, folder: Path, project: Project) -> None:
    """Copy the answers of a run, and of the others of its population, into a folder: one prediction file each.

    They say who was in the training sets. RUN may be any part of its name that is unique; of a run that draws no
    members only its own are copied. Then: mia-explore audit FOLDER/RUN.npz --references FOLDER
    """
    with results(project) as asked:
        found = find_run(asked, run)
        population = Experiment.from_dict(found.spec).population_id
        alike = [other.run_id for other in asked.query("runs", dataset=found.dataset, defense=found.defense)]
        whole = asked.query("run", run_id=alike) if population else [found]
    runs = [each.run_id for each in whole if Experiment.from_dict(each.spec).population_id == population]
    kept = [run_id for run_id in runs if (project.run_folder(run_id) / ANSWERS).exists()]
    if found.run_id not in kept:
        raise StoreError(f"{found.run_id}: its answers are not kept here")
    folder.mkdir(parents=True, exist_ok=True)
    for run_id in kept:
        copy = folder / f"{run_id}.npz"
        shutil.copyfile(project.run_folder(run_id) / ANSWERS, copy)
        copy.chmod(0o600)  # as all that tells who was in a training set
    click.echo(f"{printable(str(folder))}: answers of {len(kept)} of {len(runs)} runs", err=True)
