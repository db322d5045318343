"""The sections of a run's page as lines: leakage, accuracies, settings, history, files and log. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from explorer import text
from explorer.charts.curves import HISTORY_TITLES, smoothed
from explorer.charts.plot import Chart, Series
from explorer.look import Line
from explorer.panes.pane import plain
from explorer.panes.sheet import beside, cut, heading, wrapped
from explorer.panes.table import Column, header, row
from explorer.tables import run_facts
from explorer.tables.run_facts import METRICS, RULES, Attack, Settings
from explorer.tables.run_files import RunFolder

Row = Mapping[str, Any]

GROUP_WIDTH = 37
"""Cells that a group of settings needs."""
LOG_LINES = 12
WITH_INTERVAL = ("inference_accuracy",)
"""Metrics whose interval stands beside them in the list of attacks."""
SIZES = "MEMBERS/OTHERS"
NO_ATTACK = "No attack yet: the attacks follow training."
ASKING = "asking …"
KINDS = {
    "model.safetensors": "the trained weights",
    "predictions.npz": "every view's answers; `mia-explore audit` reads it",
    "checkpoint.safetensors": "training goes on from here",
    "checkpoint-previous.safetensors": "the second chance",
    "history.jsonl": "the history as training tells it",
    "job.log": "what the process printed",
    "lock": "held while a process is at work here",
}
"""What the files of a run's folder are."""


def leakage(attacks: Sequence[Attack] | None, width: int, running: bool = False) -> list[Line]:
    """Every attack with every metric there is; where a line does not hold all, the table goes on below."""
    lines = [heading("Leakage", width, "membership inference, all classes, % [95 % interval], guess 50")]
    if not attacks:
        words = ASKING if attacks is None else NO_ATTACK if running else "No attack on this run is stored."
        return [*lines, plain(f" {words}", "dim")]
    first, *others = _fitting(attacks, width - 1)
    lines += _attack_table(attacks, first, width - 1)
    for metrics in others:
        lines += _attack_table([a for a in attacks if a.metrics.keys() & set(metrics)], metrics, width - 1)
    words = "oracle: the threshold is chosen on the examples it is reported on; held-out: on others."
    return [*lines, *wrapped(words, width - 1, "dim", hang=1)]


def _columns(metrics: Iterable[str], attacks: Sequence[Attack]) -> list[Column]:
    views = max(len(attack.view) for attack in attacks)
    shown = [Column("", 1), Column("VIEW", max(11, views)), Column("THRESHOLD", 9)]
    for metric in metrics:
        shown.append(_column(_title(metric), [_number(metric, attack) for attack in attacks]))
    return [*shown, _column(SIZES, [_sizes(attack) for attack in attacks])]


def _column(name: str, cells: Iterable[str]) -> Column:
    """A column of numbers as wide as they are."""
    return Column(name, max(len(name), *map(len, cells)), right=True)


def _fitting(attacks: Sequence[Attack], width: int) -> list[list[str]]:
    """The metrics there are, in as many groups as lines of the width need."""
    there_are = dict.fromkeys(metric for attack in attacks for metric in attack.metrics)
    order = [*(m for m in METRICS if m in there_are), *(m for m in there_are if m not in METRICS)]
    groups: list[list[str]] = [[]]
    for metric in order:
        columns = _columns([*groups[-1], metric], attacks)
        if groups[-1] and sum(column.width + 1 for column in columns) - 1 > width:
            groups.append([])
        groups[-1].append(metric)
    return groups


def _attack_table(attacks: Sequence[Attack], metrics: Sequence[str], width: int) -> list[Line]:
    columns = _columns(metrics, attacks)
    lines, last = [_indented(header(columns), width)], ""
    for attack in attacks:
        if attack.attack != last:
            last = attack.attack
            lines.append(plain(f" {last}", "accent"))
        cells = {"VIEW": (attack.view, ""), "THRESHOLD": (RULES.get(attack.rule, attack.rule), "")}
        cells[SIZES] = (_sizes(attack), "dim")
        for metric in metrics:
            cells[_title(metric)] = (_number(metric, attack), "")
        lines.append(_indented(row(cells, columns), width))
    return lines


def _number(metric: str, attack: Attack) -> str:
    if (estimate := attack.metrics.get(metric)) is None:
        return "—"
    return (run_facts.with_interval if metric in WITH_INTERVAL else run_facts.number)(metric, estimate)


def _title(metric: str) -> str:
    return METRICS.get(metric, metric.replace("_", " ").upper())


def _sizes(attack: Attack) -> str:
    return f"{attack.n_member}/{attack.n_nonmember}"


def _indented(line: Line, width: int) -> Line:
    return ((" ", ""), *cut(line, width))


def accuracies(found: Mapping[str, Mapping[str, tuple[float, int]]] | None, width: int) -> list[Line]:
    """Every view and split with its number of images."""
    lines = [heading("Accuracies", width, "%")]
    if not found:
        return [*lines, plain(f" {ASKING if found is None else 'None: they are measured after training.'}", "dim")]
    splits = list(dict.fromkeys(split for of_view in found.values() for split in of_view))
    columns = [Column("VIEW", max(11, *map(len, found)))]
    for split in splits:
        columns += [Column(split.upper(), 7, right=True), Column(f"n {split}", 8)]
    lines.append(_indented(header(columns), width - 1))
    for view, of_view in found.items():
        cells = {"VIEW": (view, "")}
        for split, (share, n) in of_view.items():
            cells |= {split.upper(): (text.percent(share), ""), f"n {split}": (f"of {n}", "dim")}
        lines.append(_indented(row(cells, columns), width - 1))
    return lines


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


# History


def metric_groups(rows: Iterable[Row]) -> dict[str, list[str]]:
    """What there is to draw: the training split's and the test split's curve of one metric stand together."""
    groups: dict[str, list[str]] = {}
    for metric in dict.fromkeys(point["metric"] for point in rows):
        groups.setdefault(metric.removeprefix("train_").removeprefix("test_"), []).append(metric)
    rank = {"loss": 0, "accuracy": 1, "learning_rate": 3}
    order = sorted(groups, key=lambda name: (rank.get(name, 2), name))
    return {name: sorted(groups[name], reverse=True) for name in order}


def history_chart(rows: Sequence[Row], metrics: Sequence[str], smooth: float, log_y: bool) -> Chart:
    """The metrics over steps; where they are smoothed, what was measured stays behind them in grey."""
    curves = []
    for index, metric in enumerate(metrics):
        points = [(point["step"], point["value"]) for point in rows if point["metric"] == metric]
        steps, values = zip(*points, strict=True)
        name = HISTORY_TITLES.get(metric, metric.replace("_", " ")).removesuffix(" %")
        if smooth:
            curves.insert(index, Series("measured", index + 2, "dim", steps, values, kind="line"))
        curves.append(Series(name, index, str(index + 1), steps, smoothed(values, smooth), kind="line"))
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


def log(folder: RunFolder | None, width: int) -> list[Line]:
    """The last lines of what the run's process printed."""
    count = folder.log.count if folder else 0
    more = count - LOG_LINES
    lines = [heading("job.log", width, f"the last {LOG_LINES} of {count} lines, L opens it" if more > 0 else "")]
    if folder is not None and not count:
        return [*lines, plain(" Nothing was printed.", "dim")]
    shown = folder.log.lines[-LOG_LINES:] if folder else ("reading …",)
    return [*lines, *(cut(plain(f" {line.expandtabs(4)}", "dim"), width) for line in shown)]
