"""From planned sweeps and known runs to what the engine is asked for, for the app and the command line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.job_settings import LOCAL, RunOptions
from engine.registry import CERTIFIED, VIEWS, attacks_on
from engine.service import protocol
from engine.service.project import Project
from engine.spec.experiment import Experiment
from engine.spec.sweeps import Sweep
from engine.text import printable
from engine.validation import SpecError
from explorer.results.run_folder import WEIGHTS
from store.rows import Run

TIGHTER = "crown-ibp"
"""The method that a run is certified by where no other is asked for; never looser than `ibp`."""


def data_folder(root: Path | None = None) -> Path:
    """The folder with the data sets as an absolute path, with ~ resolved; None: `$MIA_DATA`, else `./data`."""
    return Path(os.path.abspath((root or Path(os.environ.get("MIA_DATA") or "data")).expanduser()))


def submission(sweep: Sweep, place: RunOptions, priority: int = 0) -> protocol.Submit:
    """The command that queues every run of a sweep."""
    at = asdict(place)
    runs = [protocol.RunRequest(experiment=experiment.to_dict(), place=at) for experiment in sweep.experiments]
    return protocol.Submit(sweep=sweep.name, runs=runs, priority=priority)


def place_here(data_root: Path, device: str = "auto", on: str = LOCAL) -> RunOptions:
    """Where runs asked for from this process find their data, and a network of one's own."""
    return RunOptions(data_root=os.path.abspath(data_root), import_path=str(Path.cwd()), device=device, on=on)


def certified(spec: Mapping[str, Any], method: str) -> Experiment:
    """A run's experiment with certified answers by that method: the same training, other questions afterwards."""
    views = [view for view in VIEWS if view in (*spec["evaluation"]["views"], CERTIFIED)]
    return Experiment.from_dict(spec | {"evaluation": spec["evaluation"] | {"views": views, "certification": method}})


def inferred(run: Run, attacks: Sequence[str] = (), settings: Mapping[str, Any] = MappingProxyType({})) -> Experiment:
    """A run's experiment with these inference attacks asked of its answers, or all, under settings where given any."""
    data = run.spec["data"]
    attacks = attacks or attacks_on(data.get("split", "paper"), data.get("member_share", 0.5))
    return as_planned(run, {"inference": {**run.spec["inference"], **settings, "attacks": list(attacks)}})


def as_planned(run: Run, asked: Mapping[str, Any] = MappingProxyType({})) -> Experiment:
    """A run's experiment, with what is asked of its answers alone put otherwise; `SpecError` if it has another id."""
    experiment = Experiment.from_dict({**run.spec, **asked})
    if experiment.run_id != run.run_id:
        said = "planned by another version of mia-explore, whose results differ; submit its sweep again"
        raise SpecError(f"{run.run_id}: {said}")
    return experiment


def trained_anew(project: Project, run: Run) -> str:
    """What to know before asking more of a run, a row of the query `run`: its weights are no longer kept; else empty.

    Foreign weights are read from their own file, and a run that is not done has none to be missed.
    """
    foreign = "weights" in run.spec["recipe"]
    kept = project.run_folder(run.run_id) / WEIGHTS
    if foreign or run.state != "done" or kept.exists():
        return ""
    return f"its weights are gone ({printable(str(kept))}): it is trained anew, unless a run beside it has the same"


def request_like(experiment: Experiment, run: Run, on: str | None = None) -> protocol.RunRequest:
    """An experiment in the place of the run that it is made from, a row of the query `run`; `SpecError`.

    on: where it may go instead.
    """
    if not run.place:
        raise SpecError(f"{run.name}: came in by import; submit its sweep to run it here")
    return protocol.RunRequest(experiment=experiment.to_dict(), place={**run.place, **({"on": on} if on else {})})
