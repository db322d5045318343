"""The science alone, on a machine with only torch and numpy: `python -m engine FILE.toml --events OUT.jsonl`.

Every fact of every run becomes one line of OUT.jsonl; `mia-explore import OUT.jsonl` brings them home. Weights and
predictions lie under `runs/` beside that file. Run again, it goes on where it stopped.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import torch

from engine import events, registry
from engine.experiment import RunContext, choose_device, run
from engine.failures import in_one_line
from engine.job_settings import RunOptions, require_threads
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
    """Run every experiment of the sweep that OUT.jsonl does not hold yet; 0 if all are done, 1 if one failed."""
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
    with sink:
        if sink.tell() and not ends_with_newline(arguments.events):
            sink.write("\n")
        states = [
            compute(experiment, options, arguments.events.parent / "runs" / experiment.run_id, sink)
            for experiment in sweep.experiments
            if experiment.run_id not in done
        ]
    return 1 if any(state != "done" for state in states) else 0


def compute(experiment: Experiment, options: RunOptions, folder: Path, sink) -> str:
    """Run one experiment into the sink; returns the state it ended in."""
    state = "failed"

    def emit(event: events.Event) -> None:
        nonlocal state
        if isinstance(event, events.Progress):
            print(
                f"\r{event.run_id}  {event.fraction:4.0%}  {event.label}  {event.rate:.0f} img/s   ",
                end="",
                file=sys.stderr,
            )
            return
        if isinstance(event, events.Warnings):
            for warning in event.warnings:
                print(f"\r! {event.run_id}: {warning['message']}", file=sys.stderr)
        if isinstance(event, events.RunEnded):
            state = event.state
            print(f"\r{event.run_id}  {state}  {event.error or ''}{' ' * 30}", file=sys.stderr)
        sink.write(events.to_json(event) + "\n")
        sink.flush()

    began, ticks = time.time(), time.monotonic()
    try:
        run(experiment, RunContext(folder, options, choose_device(options.device)), emit)
    except Exception as error:  # noqa: BLE001 - one failed run must not stop the sweep
        ended = began + time.monotonic() - ticks  # whatever becomes of the clock meanwhile
        emit(events.RunEnded(run_id=experiment.run_id, state="failed", time=ended, error=in_one_line(error)))
    return state


def finished(path: Path) -> set[str]:
    """Runs that an earlier call ended as done or diverged."""
    if not path.exists():
        return set()
    ends = (event for _, event in events.read_lines(path) if isinstance(event, events.RunEnded))
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
