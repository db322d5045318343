"""The process that reads a prediction file and attacks it; what it says on the way is shown on standard error."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from engine.printing import within
from engine.text import printable
from explorer.results import attack_table, text
from explorer.results.accuracy_table import Accuracy
from store.rows import LeakageFact


@dataclass(frozen=True)
class Audited:
    """What came of an audit."""

    file: Mapping[str, Any]
    """What the file holds, as `engine.inference.__main__.opening` tells it."""
    accuracies: Sequence[Accuracy]
    facts: Sequence[LeakageFact]
    """Both with the warnings that speak of them; of no run."""
    messages: Sequence[str]
    """Every warning once."""


def audited(
    path: Path, attacks: Sequence[str], per_class: int, seed: int, minutes: float, references: Sequence[Path] = ()
) -> Audited:
    """Run the attacks in a process of their own, for inference networks need torch; each is told of as it ends.

    The process is told of Control-C by the terminal too; what it says then is not passed on.
    """
    command = [sys.executable, "-P", "-m", "engine.inference", f"--attacks={','.join(attacks)}"]
    command += [f"--per-class={per_class}", f"--seed={seed}", f"--time-limit={minutes:g}"]
    command += [*(f"--references={each}" for each in references), "--", str(path)]
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        try:
            found = _followed(map(json.loads, process.stdout), path, len(attacks), minutes)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        if code == 0:
            return found
        complaints.seek(0)
        said = complaints.read()
    if code < 0:
        said = f"error: {path}: signal {-code} ended the audit\n"
    click.echo(said, err=True, nl=False)
    raise click.exceptions.Exit(code if code > 0 else 1)


def _followed(messages: Iterator[dict[str, Any]], path: Path, attacks: int, minutes: float) -> Audited | None:
    """Show what happens; None if the process ends too soon."""
    console, opening, facts, found = Console(file=within(sys.stderr)), None, [], None
    with console.status(Text(f"reading {printable(path.name)} …")) as status:
        for message in messages:
            if message["kind"] == "file":
                opening = message
                _tell(console, [*announced(opening, path.name, attacks, minutes), *opening["notes"]])
            elif message["kind"] == "begin":
                status.update(f"{message['attack']} on {message['view']} answers …")
            elif message["kind"] == "progress":
                done, classes = message["done"], message["classes"]
                status.update(f"{message['attack']} on {message['view']} answers: {done} of {classes} classes …")
            elif message["kind"] == "found":
                facts += message["facts"]
                _tell(console, [finding(message)])
            else:
                found = with_warnings(opening, facts, [*opening["warnings"], *message["warnings"]])
    return found


def _tell(console: Console, lines: Iterable[str]) -> None:
    """Above the status line, where there is one."""
    for line in lines:
        console.print(printable(line), markup=False, highlight=False, emoji=False, soft_wrap=True)


def announced(opening: Mapping[str, Any], name: str, attacks: int, minutes: float) -> Iterator[str]:
    """What the file holds and what is to be done, before it begins."""
    members, others = opening["examples"]
    views = ", ".join(opening["views"])
    yield f"{name}: {members} members, {others} others, {opening['classes']} classes; views: {views}"
    if networks := opening["networks"]:
        limit = f"in at most {minutes:g} min (--time-limit)"
        yield f"{attacks} attacks on each view, one of which fits {networks} inference networks, {limit}"


def finding(message: Mapping[str, Any]) -> str:
    """What one attack found, in one line."""
    name, took = f"{message['attack']} ({message['view']})", text.duration(message["seconds"])
    said = [
        f"{number.words} {number.cell(each).whole}"
        for each in attack_table.attacks(fact_of(own) for own in message["facts"])[:1]
        for number in (attack_table.HELD_OUT, attack_table.AUC)
        if number.of(each) is not None
    ]
    return f"{name}: {', '.join(said) or 'nothing to be told'} ({took})"


def with_warnings(
    opening: Mapping[str, Any], facts: Iterable[Mapping[str, Any]], warnings: Iterable[Mapping[str, Any]]
) -> Audited:
    """Every number with the messages that speak of its view and attack."""
    told = list(warnings)

    @cache
    def messages(view: str, attack: str | None) -> tuple[str, ...]:
        of_view = [each for each in told if each["view"] in (None, view)]
        return tuple(sorted({each["message"] for each in of_view if each.get("attack") in (None, attack)}))

    accuracies = [
        Accuracy(
            *(own["view"], own["split"], own["correct"] / own["n"], own["n"], own["ci_low"], own["ci_high"]),
            warnings=messages(own["view"], None),
            class_label=own["class_label"],
        )
        for own in opening["accuracies"]
    ]
    leakage = [fact_of(own, messages(own["view"], own["attack"])) for own in facts]
    return Audited(opening, accuracies, leakage, list(dict.fromkeys(each["message"] for each in told)))


def fact_of(told: Mapping[str, Any], warnings: tuple[str, ...] = ()) -> LeakageFact:
    """A number of the process as the store would have it of a run."""
    of_run = dict.fromkeys(("dataset", "network", "capacity", "defense", "epsilon", "seed"))
    return LeakageFact(run_id="", **of_run, **told, warnings=warnings)
