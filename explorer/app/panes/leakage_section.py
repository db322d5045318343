"""The section of a run's page about its leakage: every attack, every number. Pure functions."""

from collections.abc import Sequence

from explorer.results import attack_table
from explorer.results.attack_table import DETAILS, Attack
from explorer.results.lines import Line, heading, plain
from explorer.results.rendering import screen, stacked, words_below
from explorer.results.table import Block, Table

ASKING = "asking …"
NO_ATTACK = "No attack yet: the attacks follow training."


def section(attacks: Sequence[Attack] | None, width: int, running: bool = False) -> list[Line]:
    """What every attack finds; below, threshold rule by threshold rule, all other metrics."""
    lines = headline(attacks, width, running)
    for rules, (title, words) in DETAILS.items():
        if found := attack_table.details(attacks or (), rules):
            lines += [(), heading(title, width, words)]
            for part in stacked(found, width - 1):
                lines += _lines(part, width)
    return lines


def headline(attacks: Sequence[Attack] | None, width: int, running: bool = False) -> list[Line]:
    """What every attack finds, a line for each view, or why there is none."""
    lines = [heading("Leakage", width, "membership inference, all classes, % [95 % interval], guess 50")]
    if not attacks:
        words = ASKING if attacks is None else NO_ATTACK if running else "No attack on this run is stored."
        return [*lines, plain(f" {words}", "dim")]
    table = attack_table.table(attacks).without("MEMBERS/OTHERS")
    return [*lines, *_lines(table, width), *words_below(table, width)]


def _lines(table: Table, width: int) -> list[Line]:
    head, rows = screen(table, width, indent=1, titled=_name)
    return [*head, *rows]


def _name(block: Block) -> list[Line]:
    return [plain(f" {block.title}", "accent")]
