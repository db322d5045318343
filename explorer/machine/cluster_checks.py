"""What works of a place where runs may go, by its commands and by a small job there: findings, as of this machine."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.service.places import Place, SlurmPlace, place_of
from engine.service.project import Project
from engine.validation import SpecError
from explorer.machine.checks import CheckFinding
from explorer.machine.diagnostics import release
from explorer.project import places
from explorer.results import text

OF_JOB = "look at `setup` and `python` in project.toml, and whether nodes see the project's folder"
NO_GPU = "look at `gpus` and `constraint` in project.toml, and whether the node's torch is one for CUDA"
DATA = "put the data sets where nodes see them, and name that folder by --data-root"
PASSING = ("handed over", "None")
"""What is said of every job for a moment."""


def cluster(project: Project, data_root: Path, name: str) -> Iterator[CheckFinding]:
    """Each needed command, the settings, and what a job sees; what needs another that is missing is not tried."""
    from engine.service import trial  # with numpy, which few commands need

    try:
        place = place_of(name, project.root)
    except SpecError as error:
        yield CheckFinding(False, "settings", str(error), "mend project.toml")
        return
    yield CheckFinding(True, "settings", f"{name}: {place.label}")
    commands = list(_commands()) if isinstance(place, SlurmPlace) else []
    yield from commands
    if not all(finding.works for finding in commands):
        return
    try:
        trial.prepare(place, project)
    except SpecError as error:
        said = str(error).removeprefix(f"on: {name}: ")
        yield CheckFinding(False, "cluster", said, "mend project.toml, or ask who runs the cluster")
    else:
        yield CheckFinding(True, "cluster", "takes such jobs")
        yield from _job(trial.trial(place, project, data_root), place, project, data_root)


def _commands() -> Iterator[CheckFinding]:
    from engine.service.executors.slurm_commands import NEEDED

    for name in NEEDED:
        path = shutil.which(name)
        remedy = "" if path else "work on a login node of the cluster, or load its module"
        yield CheckFinding(path is not None, name, path or "not on this machine", remedy)


def _job(trial: Iterator[Any], place: Place, project: Project, data_root: Path) -> Iterator[CheckFinding]:
    """What a job tells, and, where it waits, why."""
    began, told, job = time.monotonic(), set(), ""
    for news in trial:
        if isinstance(news, str):
            yield CheckFinding(False, "job", news if news.startswith(job) else f"{job}: {news}", OF_JOB)
        elif isinstance(news, Mapping):
            yield CheckFinding(True, "job", f"{job}, over after {text.duration(time.monotonic() - began)}")
            yield from _seen(place, project, data_root, news)
        else:
            job = places.job_and_node(news)
            why = places.reason(news)
            if why and why not in told and news.waits not in PASSING:
                told.add(why)
                yield CheckFinding(True, "queue", f"{job}: {why}" if job else why)


def _seen(place: Place, project: Project, data_root: Path, seen: Mapping[str, Any]) -> Iterator[CheckFinding]:
    host = seen["host"]
    if isinstance(place, SlurmPlace):  # what Ray's jobs make comes home by itself
        yield CheckFinding(True, "folder", f"{host} sees {project.root}")
    yield CheckFinding(True, "python", f"{seen['python']}, {seen['cores']} cores for a job that asks for {place.cpus}")
    here = release("torch")
    alike = here == "absent" or seen["torch"].partition("+")[0] == here.partition("+")[0]
    other = "" if alike else f"; {here} here, so results may differ in their last bits"
    yield CheckFinding(True, "torch", f"{seen['torch']}{other}")
    for name, free, total in seen["gpus"]:
        yield CheckFinding(True, "GPU", f"{name}, {text.size(free)} of {text.size(total)} free")
    if not seen["gpus"]:
        wanted = str(place.gpus) not in ("0", "0.0")
        said = f"none seen on {host}, though `gpus` asks for {place.gpus}" if wanted else "none asked for"
        yield CheckFinding(not wanted, "GPU", said, NO_GPU if wanted else "")
    if data_root.is_dir():
        said, remedy = (f"{data_root} is not there on {host}", DATA) if not seen["data"] else (str(data_root), "")
        yield CheckFinding(seen["data"], "data", said, remedy)
