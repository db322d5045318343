"""The science alone, on a machine with only torch and numpy: `python -m engine FILE.toml --events OUT.jsonl`.

Every fact of every run becomes one line of OUT.jsonl; `mia-explore import OUT.jsonl` brings them home. Weights and
predictions lie under `runs/` beside that file. Runs of a population are compared when all have ended. Run again, it
goes on where it stopped.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import torch

from engine import event_lines, events, registry, together
from engine.experiment import Asked, RunContext, choose_device, infer_more
from engine.failures import in_one_line
from engine.job_settings import MOST_TOGETHER, RunOptions, require_threads
from engine.meter import Clock
from engine.spec import requirements, sweeps
from engine.spec.experiment import Experiment
from engine.spec.recipes import SCALES
from engine.text import printable
from engine.validation import SpecError


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__.splitlines()[0])
    parser.add_argument("sweep", help="a FILE.toml or the name of a packaged preset")
    parser.add_argument("--events", type=Path, required=True, help="JSON lines to append the facts to")
    parser.add_argument("--scale", default="quick", choices=SCALES)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("MIA_DATA", "data")))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--threads", type=int, help="CPU threads; torch's own choice if not given")
    return parser.parse_args()


def main() -> int:
    """Run and compare the experiments of the sweep that OUT.jsonl does not hold yet; 0 if all are done, 1 if not."""
    arguments = parse()
    sys.path.insert(0, os.getcwd())
    for line in registry.left_out():
        print(f"warning: {line}", file=sys.stderr)
    try:
        if arguments.threads is not None:
            require_threads("--threads", arguments.threads)
            torch.set_num_threads(arguments.threads)
        options = RunOptions(data_root=str(arguments.data_root.absolute()), device=arguments.device)
        sweep = sweeps.plan(sweeps.read(arguments.sweep), arguments.scale, arguments.set, arguments.data_root)
        done = finished(arguments.events)
        requirements.require_installed(each for each in sweep.experiments if each.run_id not in done)
        arguments.events.parent.mkdir(parents=True, exist_ok=True)
        sink = open(arguments.events, "a", encoding="utf-8")  # noqa: SIM115
    except (SpecError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    runs = arguments.events.parent / "runs"
    with sink:
        if sink.tell() and not ends_with_newline(arguments.events):
            sink.write("\n")
        states = compute([each for each in sweep.experiments if each.run_id not in done], options, runs, sink)
        states += [
            compare(run_id, runs / run_id, attacks, others, sink)
            for run_id, attacks, others in uncompared(sweep.experiments, arguments.events)
        ]
    return 1 if any(state != "done" for state in states) else 0


def compute(experiments: Sequence[Experiment], options: RunOptions, folder: Path, sink: TextIO) -> list[str]:
    """Run experiments into the sink, those together that are faster so; the states that they ended in."""
    states: dict[str, str] = {}
    most: dict[str | None, int] = {None: 1}
    while waiting := [each for each in experiments if each.run_id not in states]:
        stack = waiting[0].stack_id
        alike = {each.training_id: each for each in reversed(waiting) if each.stack_id == stack}
        begun = list(reversed(alike.values()))[: most.get(stack, MOST_TOGETHER)] if stack else waiting[:1]
        ended = run_together(begun, options, folder, sink)
        most[stack] = len(ended)
        states |= ended
    return list(states.values())


def run_together(experiments: Sequence[Experiment], options: RunOptions, folder: Path, sink: TextIO) -> dict[str, str]:
    """Run some of the experiments, the first one at least, into the sink; the state of each that was begun."""
    left, states, clock = {each.run_id for each in experiments}, {}, Clock.started()

    def emit(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            left.discard(event.run_id)
            if event.state == "queued":  # it waits for another turn
                return
            states[event.run_id] = event.state
        tell(event, sink)

    try:
        device = choose_device(options.device)
        contexts = [RunContext(folder / each.run_id, options, device) for each in experiments]
        pairs = zip(experiments, contexts, strict=True)
        together.run([together.StackedRun(each, context, emit, lambda: False) for each, context in pairs])
    except Exception as error:  # noqa: BLE001 - one failed run must not stop the sweep
        for run_id in sorted(left):
            emit(events.RunEnded(run_id=run_id, state="failed", time=clock.now, error=in_one_line(error)))
    return states


def compare(run_id: str, folder: Path, attacks: Asked, others: Sequence[str], sink: TextIO) -> str:
    """Attack a run with the others of its population into the sink; `failed` where one of the attacks did."""
    state = "failed"

    def emit(event: events.Event) -> None:
        nonlocal state
        if isinstance(event, events.AttacksEnded):  # of jobs; what it says of each attack is told already
            state = "failed" if event.error else event.state
        else:
            tell(event, sink)

    try:
        infer_more(run_id, folder, attacks, emit, population=others)
    except SpecError as error:
        print(f"\r! {run_id}: {printable(str(error))}", file=sys.stderr)
    return state


def tell(event: events.Event, sink: TextIO) -> None:
    """Say an event to the person who waits and write it down."""
    if isinstance(event, events.Progress):
        rate = f"  {event.rate:.0f} img/s" if event.rate else ""
        print(f"\r{event.run_id}  {event.fraction:4.0%}  {event.label}{rate}   ", end="", file=sys.stderr)
        return
    if isinstance(event, events.Warnings):
        for warning in event.warnings:
            print(f"\r! {event.run_id}: {warning['message']}", file=sys.stderr)
    if isinstance(event, events.RunEnded):
        print(f"\r{event.run_id}  {event.state}  {event.error or ''}{' ' * 30}", file=sys.stderr)
    sink.write(event_lines.to_json(event) + "\n")
    sink.flush()


def uncompared(experiments: Sequence[Experiment], path: Path) -> Iterator[tuple[str, Asked, list[str]]]:
    """Finished runs with attacks that no line tells of since the last run of their recipe ended, and their references.

    These are the others of a run's population, or those of its recipe where it draws no members.
    """
    recipes = {each.run_id: each.recipe_id for each in experiments}
    populations = {each.run_id: each.population_id for each in experiments}
    done, ended = set(), set()
    for _, event in event_lines.read_lines(path):
        recipe = recipes.get(getattr(event, "run_id", ""))
        if isinstance(event, events.RunEnded) and recipe:
            (ended.add if event.state == "done" else ended.discard)(event.run_id)
            done = {one for one in done if recipes[one[0]] != recipe}
        elif isinstance(event, events.AttackEnded) and recipe and event.state == "done":
            done.add((event.run_id, event.attack, repr(sorted(event.settings.items()))))
    for each in experiments:
        asked = {
            attack: own
            for attack, own in each.inference.asked().items()
            if registry.ATTACKS[attack].references and (each.run_id, attack, repr(sorted(own.items()))) not in done
        }
        if asked and each.run_id in ended:
            alike = [other for other in populations if recipes[other] == each.recipe_id and other != each.run_id]
            drawn = (populations[other] for other in alike) if each.population_id is None else [each.population_id]
            references = set(drawn) - {None}
            yield each.run_id, asked, [other for other in alike if populations[other] in references]


def finished(path: Path) -> set[str]:
    """Runs that an earlier call ended as done or diverged."""
    if not path.exists():
        return set()
    ends = (event for _, event in event_lines.read_lines(path) if isinstance(event, events.RunEnded))
    return {event.run_id for event in ends if event.state in ("done", "diverged")}


def ends_with_newline(path: Path) -> bool:
    """Whether the last line is whole; a torn one is closed so that it spoils only itself."""
    with open(path, "rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
