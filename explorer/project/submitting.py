"""From a planned sweep to what the engine is asked for, in one place for the app and the command line."""

import os
from dataclasses import asdict
from pathlib import Path

from engine.control import protocol
from engine.place import Place
from engine.sweeps import Sweep


def submission(sweep: Sweep, place: Place, priority: int = 0) -> protocol.Submit:
    """The command that queues every run of a sweep."""
    at = asdict(place)
    runs = [protocol.RunRequest(experiment=experiment.to_dict(), place=at) for experiment in sweep.experiments]
    return protocol.Submit(sweep=sweep.name, runs=runs, priority=priority)


def place_here(data_root: Path, device: str = "auto") -> Place:
    """Where runs asked for from this process find their data, and a network of one's own."""
    return Place(data_root=os.path.abspath(data_root), import_path=str(Path.cwd()), device=device)
