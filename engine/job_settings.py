"""Where a run happens: what a job needs besides its experiment, and none of which changes the result."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.validation import coerce_fields, require

THREADS_LIMIT = 1024
"""CPU threads of one process: more than a machine has cores; torch crashes where the system grants it no more."""

MOST_TOGETHER = 32
"""Runs that are trained together at most, unless other words are given."""

LOCAL = "local"
"""The machine of the engine, as a place where runs may go."""

ANSWERS = "predictions.npz"
"""The file of a run's folder that keeps what the model answered."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The asker's side of a run's surroundings, kept with the run so that a later engine can go on with it."""

    data_root: str
    """Folder with the data sets."""
    import_path: str = ""
    """Folder from which a `module:callable` network is imported; empty for none."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`: the device asked for."""
    on: str = LOCAL
    """Where it may go: `local`, the name of another place (`engine.service.places`), or some of them with commas."""
    checkpoint_seconds: float = 30.0
    """Training writes a checkpoint this often."""

    def __post_init__(self) -> None:
        """Refuse devices that cannot exist."""
        coerce_fields(self)
        known = re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device)
        require(known is not None, "device", self.device, "auto, cpu, cuda, cuda:INDEX, mps")
        require(all(self.places), "on", self.on, "local, the name of a place, ray://HOST:PORT, or some with commas")
        require(self.checkpoint_seconds >= 0, "checkpoint_seconds", self.checkpoint_seconds, "0 or more")

    @property
    def places(self) -> tuple[str, ...]:
        """The names in `on`."""
        return tuple(name.strip() for name in self.on.split(","))


def require_threads(field: str, threads: int) -> None:
    """Refuse a number of CPU threads that no process can have; `SpecError`."""
    require(1 <= threads <= THREADS_LIMIT, field, threads, f"1 to {THREADS_LIMIT}")


class JobId(NamedTuple):
    """What a job computes: a run's answers, training its model if need be, or more facts from the answers it kept."""

    run_id: str
    stage: str = "answers"
    """`answers` or `facts`; both are told how to end by an event of that stage (`engine.events.JobEnded`)."""

    def __str__(self) -> str:
        """As logs and processes are named."""
        return self.run_id if self.stage == "answers" else f"{self.run_id} ({self.stage})"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A job on one device, as handed to its process."""

    job_id: JobId
    experiment: Mapping[str, Any]
    """`Experiment.to_dict()`."""
    attacks: Mapping[str, Mapping[str, Any]]
    """Of each inference attack to carry out its own settings."""
    population: tuple[str, ...] = ()
    """The other runs that attacks with references compare it with; their folders lie beside the run's."""
    run_folder: str
    """Checkpoints, weights and predictions of the run."""
    options: RunOptions
    device: str
    """The device given by the scheduler: `cpu`, `cuda:0`, `mps`."""
    threads: int = 1
    """CPU threads of the process."""
    mates: tuple["Assignment", ...] = ()
    """Jobs about runs of the same stack that the process carries out together with this one."""

    @property
    def run_id(self) -> str:
        """The run it is about."""
        return self.job_id.run_id

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> "Assignment":
        """What `dataclasses.asdict` made a table of, also by way of JSON."""
        own = {"job_id": JobId(*table["job_id"]), "population": tuple(table["population"])}
        options, mates = RunOptions(**table["options"]), tuple(map(cls.from_dict, table["mates"]))
        return cls(**{**table, **own, "options": options, "mates": mates})
