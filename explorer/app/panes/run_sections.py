"""The sections of a run's page as lines: accuracies, settings, history, files and log. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from explorer.app.panes.leakage_section import ASKING
from explorer.charts.chart import Chart
from explorer.charts.history import smoothed, title_of
from explorer.charts.run_curves import dense
from explorer.charts.series import look
from explorer.results import accuracy_table, class_rows, classes_table, marks, population_risk, text
from explorer.results.accuracy_table import Accuracy
from explorer.results.grouping import grouped
from explorer.results.lines import Line, beside, cut, heading, plain, wrapped
from explorer.results.rendering import screen
from explorer.results.run_folder import WEIGHTS, RunFolder
from explorer.results.run_words import Settings
from store.rows import HistoryPoint, LeakageFact
from store.summaries import ClassRisk

GROUP_WIDTH = 37
"""Cells that a group of settings needs."""
LOG_LINES = 12
"""Lines of the log that stand below other sections."""
KINDS = {
    WEIGHTS: "the trained weights",
    "predictions.npz": "every view's answers; `mia-explore audit` reads it",
    "checkpoint.safetensors": "training goes on from here",
    "checkpoint-previous.safetensors": "the second chance",
    "history.jsonl": "the history as training tells it",
    "job.log": "what the process printed",
    "lock": "held while a process is at work here",
}
"""What the files of a run's folder are."""


def accuracies(found: Sequence[Accuracy] | None, width: int) -> list[Line]:
    """Every view and split with its number of images, and behind them the calibration errors where there are any."""
    lines = [heading("Accuracies", width, "%")]
    if not found:
        return [*lines, plain(f" {ASKING if found is None else 'None: they are measured after training.'}", "dim")]
    head, rows = screen(accuracy_table.table(found), width, indent=1)
    return [*lines, *head, *rows]


def settings(found: Settings | None, width: int) -> list[Line]:
    """The groups of settings, in as many columns as fit."""
    lines = [heading("Settings", width)]
    if found is None:
        return [*lines, plain(f" {ASKING}", "dim")]
    count = max(1, min(3, width // GROUP_WIDTH))
    each = (width - 2 * (count - 1)) // count
    columns: list[list[Line]] = [[] for _ in range(count)]
    for title, pairs in found.items():
        keys = max(map(len, pairs), default=0)
        block = [plain(f" {title}", "accent")]
        for key, value in pairs.items():
            block += wrapped(value, each, first=f"   {key}", hang=keys + 5)
        min(columns, key=len).extend(block)
    return [*lines, *beside([(column, each) for column in columns])]


def classes(
    facts: Sequence[LeakageFact] | None, risks: Sequence[ClassRisk] | None, rule: str, width: int
) -> list[Line]:
    """Every class by number, with each strategy that goes class by class; all classes first.

    risks: of a run in a population, of which they tell where no attack goes class by class.
    """
    about = f"inference accuracy % {text.RULES[rule]}, ± 95 % over examples"
    if risks and not class_rows.strategies(facts or (), rule):
        facts, rule = population_risk.by_class(risks), risks[0].threshold_rule
        about = population_risk.of_classes(risks)
    lines = [heading("Classes", width, about)]
    shown = class_rows.strategies(facts or (), rule)
    if not shown:
        return [*lines, plain(f" {ASKING if facts is None else 'No attack went class by class.'}", "dim")]
    rows = class_rows.ordered(class_rows.of_run(facts, rule, shown), lambda _: None, reverse=False)
    head, listed = screen(classes_table.table(rows, list(shown)), width, indent=1)
    words = f"{class_rows.BEST} best of the row; {marks.NOT_TOLD_APART} {marks.LIKE_GUESS}; {marks.AMONG_CLASSES}"
    return [*lines, *head, *listed, *wrapped(f"{words}; {marks.FLOOR}.", width - 1, "dim", hang=1)]


# History


def metric_groups(rows: Iterable[HistoryPoint]) -> dict[str, list[str]]:
    """What there is to draw: the training split's and the test split's curve of one metric stand together."""
    metrics = dict.fromkeys(point.metric for point in rows)
    groups = grouped(metrics, lambda metric: metric.removeprefix("train_").removeprefix("test_"))
    rank = {"loss": 0, "accuracy": 1, "learning_rate": 3}
    order = sorted(groups, key=lambda name: (rank.get(name, 2), name))
    return {name: sorted(groups[name], reverse=True) for name in order}


def history_chart(rows: Sequence[HistoryPoint], metrics: Sequence[str], smooth: float, log_y: bool) -> Chart:
    """The metrics over steps; where they are smoothed, what was measured stays behind them in grey."""
    curves = []
    for index, metric in enumerate(metrics):
        points = [(point.step, point.value) for point in rows if point.metric == metric]
        steps, values = zip(*points, strict=True)
        name = title_of(metric).removesuffix(" %")
        if smooth:
            curves.insert(index, replace(dense("measured", look(index + 2), steps, values), tone="dim"))
        curves.append(dense(name, look(index), steps, smoothed(values, smooth)))
    shares = all(metric.endswith("accuracy") for metric in metrics)
    return Chart(tuple(curves), y_percent=shares, y_log=log_y, x_label="step")


# Files


def files(folder: RunFolder | None, width: int) -> list[Line]:
    """The files of the run's folder with their sizes."""
    lines = [heading("Files", width, str(folder.path) if folder else "")]
    if folder is None or not folder.files:
        return [*lines, plain(f" {'reading …' if folder is None else 'No files of this run are here.'}", "dim")]
    names = max(len(file.name) for file in folder.files)
    for file in folder.files:
        said = KINDS.get(file.name, "")
        if folder.checkpoint and file.name.startswith("checkpoint.") and file.time == folder.checkpoint.time:
            said = f"step {folder.checkpoint.step}; {said}"
        line = ((f" {file.name.ljust(names)}", ""), (f"  {text.size(file.bytes):>8s}", ""), (f"  {said}", "dim"))
        lines.append(cut(line, width))
    return lines


def log(folder: RunFolder | None, width: int, most: int = LOG_LINES) -> list[Line]:
    """The last lines of what the run's process printed."""
    count = folder.log.count if folder else 0
    lines = [heading("job.log", width, f"the last {most} of {count} lines, L opens it" if count > most else "")]
    if folder is not None and not count:
        return [*lines, plain(" Nothing was printed.", "dim")]
    shown = folder.log.lines[-most:] if folder else ("reading …",)
    return [*lines, *(cut(plain(f" {line.expandtabs(4)}", "dim"), width) for line in shown)]
