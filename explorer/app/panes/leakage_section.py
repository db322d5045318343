"""The section of a run's page about its leakage: every attack, every number. Pure functions."""

from collections.abc import Sequence

from explorer.app.panes.run_sections import ASKING, indented
from explorer.results import attack_table, marks
from explorer.results.attack_table import Attack
from explorer.results.lines import Line, heading, plain, wrapped
from explorer.results.table import Column, header, row

Cells = dict[str, list[str]]
"""Columns of a table of attacks: its header -> one cell for each attack."""

SHORT = tuple(number for number in attack_table.NUMBERS if number != attack_table.LUCK)
FORMS = (
    (attack_table.NUMBERS, (attack_table.ORACLE, attack_table.HELD_OUT, attack_table.AUC)),
    (SHORT, (attack_table.ORACLE, attack_table.HELD_OUT)),
    (SHORT, ()),
)
"""Numbers said of every attack, and those whose interval stands beside them: ever fewer."""
DETAILS = {
    ("oracle",): ("Oracle thresholds", "where they lie, and what luck reaches"),
    ("heldout", "none"): ("Held-out thresholds", "means; spread: standard deviation over splits"),
}
"""Threshold rules -> the title over all their other numbers, and words beside it."""
SIZES = "MEMBERS/OTHERS"
NO_ATTACK = "No attack yet: the attacks follow training."


def section(attacks: Sequence[Attack] | None, width: int, running: bool = False) -> list[Line]:
    """What every attack finds, a line for each view; below, threshold rule by threshold rule, all other metrics."""
    lines = [heading("Leakage", width, "membership inference, all classes, % [95 % interval], guess 50")]
    if not attacks:
        words = ASKING if attacks is None else NO_ATTACK if running else "No attack on this run is stored."
        return [*lines, plain(f" {words}", "dim")]
    lines += _attack_table(attacks, _main_columns(attacks, width - 1), width - 1)
    lines += wrapped(attack_table.legend(attacks), width - 1, "dim", hang=1)
    for rules, (title, words) in DETAILS.items():
        having = [attack for attack in attacks if _others(attack, rules)]
        if having:
            lines += [(), heading(title, width, words)]
        for columns in _detail_columns(having, rules, width - 1):
            lines += _attack_table(having, columns, width - 1)
    return lines


def _main_columns(attacks: Sequence[Attack], width: int) -> Cells:
    """What is said of every attack, as much as fits."""
    for numbers, whole in FORMS:
        columns = {}
        for number in numbers:
            write = attack_table.with_interval if number in whole else attack_table.number
            columns[number.title] = marks.even([write(number.metric, number.of(attack)) for attack in attacks])
        if _width(attacks, columns) <= width:
            break
    return columns


def _others(attack: Attack, rules: Sequence[str]) -> list[str]:
    """Metrics that the attack has under the rules besides those said of every attack, in the order of showing."""
    first = {(number.metric, rule) for number in SHORT for rule in number.rules}
    return [
        metric
        for rule in rules
        if rule in attack.rules
        for metric in attack.rules[rule].metrics
        if (metric, rule) not in first
    ]


def _detail_columns(attacks: Sequence[Attack], rules: Sequence[str], width: int) -> list[Cells]:
    """These metrics with what they are reported on, in as many tables as lines of the width need."""
    there_are = dict.fromkeys(metric for attack in attacks for metric in _others(attack, rules))
    order = [
        *(m for m in attack_table.METRICS if m in there_are),
        *(m for m in there_are if m not in attack_table.METRICS),
    ]
    columns = {
        attack_table.METRICS.get(metric, metric.replace("_", " ").upper()): marks.even(
            [attack_table.number(metric, attack.find(metric, rules)) for attack in attacks]
        )
        for metric in order
    }
    sizes = [next(attack.rules[rule].sizes for rule in rules if rule in attack.rules) for attack in attacks]
    tables: list[Cells] = [{}]
    for title, cells in columns.items():
        if tables[-1] and _width(attacks, {**tables[-1], title: cells, SIZES: sizes}) > width:
            tables.append({})
        tables[-1][title] = cells
    return [{**table, SIZES: sizes} for table in tables if table]


def _columns(attacks: Sequence[Attack], columns: Cells) -> list[Column]:
    views = Column("VIEW", max(11, *(len(attack.view) for attack in attacks)))
    numbers = [Column(title, max(len(title), *map(len, cells)), right=True) for title, cells in columns.items()]
    return [Column("", 0), views, *numbers]


def _width(attacks: Sequence[Attack], columns: Cells) -> int:
    """Cells that a table needs."""
    return sum(column.width + 1 for column in _columns(attacks, columns)) - 1


def _attack_table(attacks: Sequence[Attack], cells: Cells, width: int) -> list[Line]:
    columns = _columns(attacks, cells)
    lines, last = [indented(header(columns), width)], ""
    for index, attack in enumerate(attacks):
        if attack.attack != last:
            last = attack.attack
            lines.append(plain(f" {last}", "accent"))
        of_attack = {title: (values[index], "dim" if title == SIZES else "") for title, values in cells.items()}
        lines.append(indented(row({"VIEW": (attack.view, ""), **of_attack}, columns), width))
    return lines
