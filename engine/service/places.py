"""Where runs may go: this machine, a Slurm cluster, a Ray cluster, as a project's `project.toml` names them.

Of the file below, `--on slurm` goes to the partition `gpu`, `--on gpu-short` to `short` with all else as above it:

[cluster]
partition = "gpu"
gpus = "1"
time = "4:00:00"
setup = ["module load cuda/12.6"]

[cluster.gpu-short]
partition = "short"
time = "30:00"

[cluster.boxes]
scheduler = "ray"
address = "ray://10.0.0.1:10001"
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.job_settings import LOCAL, require_threads
from engine.text import said_of_file
from engine.validation import SpecError, coerce_fields, from_mapping, require, require_known

SLURM, RAY = "slurm", "ray"
SETTINGS = "project.toml"
"""The file of a project's folder that says what its places are."""
TIME = re.compile(r"(\d+-)?\d+(:\d{1,2}){0,2}", re.ASCII)
"""Minutes, minutes:seconds, hours:minutes:seconds, or days- before hours."""
MEMORY = re.compile(r"\d+[KMGT]?", re.ASCII)
GPUS = re.compile(r"([\w.-]+:)?\d+", re.ASCII)
WORD = re.compile(r"[\w.@+,|&*()\[\]-]*", re.ASCII)
"""What a partition, an account or a constraint is made of: nothing that a shell, or a line of a script, could take."""


@dataclass(frozen=True, kw_only=True)
class SlurmPlace:
    """A Slurm cluster, and what is asked of it for each job; what is left empty is left to Slurm's own settings."""

    name: str = SLURM
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    gpus: str = "0"
    """For each job: `1`, or `a100:1`."""
    cpus: int = 1
    """For each job, which uses as many threads."""
    memory: str = ""
    """Of each job: `8G`."""
    time: str = ""
    """The limit of each job, as `sbatch --time` takes it; a run that needs longer goes on in another job."""
    options: tuple[str, ...] = ()
    """More options of `sbatch`, as they are."""
    setup: tuple[str, ...] = ()
    """Lines of shell that a job runs first: modules to load, an environment to enter."""
    python: str = ""
    """The Python of a node; empty: the engine's own, which lies in a shared folder then."""
    shared: str = ""
    """The folder that nodes see under the same path, in which the project must lie; empty: they see the project."""
    jobs: int = 100
    """Jobs in Slurm's queue at once."""
    poll: float = 3.0
    """Seconds between two looks at the queue."""
    pause: float = 15.0
    """Seconds before a Slurm that takes no more jobs is asked again."""

    def __post_init__(self) -> None:
        """Refuse what no cluster takes."""
        coerce_fields(self)
        for field in ("partition", "account", "qos", "constraint"):
            require(WORD.fullmatch(getattr(self, field)) is not None, field, getattr(self, field), "a name")
        require(GPUS.fullmatch(self.gpus) is not None, "gpus", self.gpus, "a number such as 1, or TYPE:NUMBER")
        require(not self.memory or MEMORY.fullmatch(self.memory) is not None, "memory", self.memory, "such as 8G")
        fine = not self.time or TIME.fullmatch(self.time) is not None
        require(fine, "time", self.time, "such as 30 (minutes), 4:00:00 or 2-00:00:00")
        require_threads("cpus", self.cpus)
        _require_common(self)

    @property
    def label(self) -> str:
        """What people call it."""
        asked = [self.partition, f"{self.gpus} GPU" if self.gpus != "0" else "", self.time and f"{self.time} at most"]
        return ", ".join(["Slurm", *filter(None, asked)])


@dataclass(frozen=True, kw_only=True)
class RayPlace:
    """A Ray cluster, and what is asked of it for each job."""

    name: str
    address: str
    """`ray://HOST:PORT` of the cluster's client server, or `HOST:PORT` of its head from one of its own machines."""
    gpus: float = 0.0
    """For each job; 0.5 lets two share one."""
    cpus: int = 1
    shared: bool = False
    """Whether nodes see the project's folder under the same path; if not, files go there and come home through Ray."""
    jobs: int = 100
    """Jobs handed to Ray at once."""
    poll: float = 1.0
    """Seconds between two looks at them."""
    pause: float = 10.0
    """Seconds before a Ray that did not answer is asked again."""

    def __post_init__(self) -> None:
        """Refuse what no cluster takes."""
        coerce_fields(self)
        fine = re.fullmatch(r"(ray://)?[\w.\[\]:-]+:\d{1,5}", self.address, re.ASCII) is not None
        require(fine, "address", self.address, "ray://HOST:PORT or HOST:PORT")
        require(0 <= self.gpus <= 64, "gpus", self.gpus, "0 to 64")
        require_threads("cpus", self.cpus)
        _require_common(self)

    @property
    def label(self) -> str:
        """What people call it."""
        return f"Ray at {self.address.removeprefix('ray://')}"


Place = SlurmPlace | RayPlace
KINDS: dict[str, type[Place]] = {SLURM: SlurmPlace, RAY: RayPlace}
"""By the word of `scheduler`."""


def _require_common(place: Any) -> None:
    fine = re.fullmatch(r"[\w.:/\[\]-]{1,64}", place.name, re.ASCII) is not None and place.name != LOCAL
    require(fine, "name", place.name, "letters, digits, _, - and ., not `local`")
    require(1 <= place.jobs <= 100_000, "jobs", place.jobs, "1 to 100000")
    for field in ("poll", "pause"):
        require(0.2 <= getattr(place, field) <= 600, field, getattr(place, field), "0.2 to 600")


def place_of(name: str, root: Path) -> Place:
    """The place of that name for the project in a folder; `SpecError` says what there is."""
    if name.startswith("ray://"):
        return RayPlace(name=name, address=name)
    known = places(root)
    require_known("on", name, [LOCAL, *known, "ray://HOST:PORT"])
    return known[name]


def places(root: Path) -> dict[str, Place]:
    """All places of a project but this machine, by name; `SpecError` names the file and what is wrong in it."""
    path = root / SETTINGS
    try:
        given = tomllib.loads(path.read_text())
    except FileNotFoundError:
        given = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{path}: {said_of_file(error) if isinstance(error, OSError) else error}") from None
    try:
        for key in given:
            require_known(key, key, ["cluster"])
        common = given.get("cluster", {})
        require(isinstance(common, Mapping), "cluster", common, "a table")
        own = {name: table for name, table in common.items() if isinstance(table, Mapping)}
        shared = {key: value for key, value in common.items() if key not in own}
        found = {name: _place(name, shared, table) for name, table in own.items()}
        by_itself = str(shared.get("scheduler", SLURM))
        if by_itself not in found:
            found[by_itself] = _place(by_itself, shared, {})
        return found
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def _place(name: str, shared: Mapping[str, Any], own: Mapping[str, Any]) -> Place:
    table = {**shared, **own}
    kind = table.pop("scheduler", SLURM)
    where = f"cluster.{name}" if own else "cluster"
    require_known(f"{where}.scheduler", kind, KINDS)
    if kind == SLURM:  # a plain number will do where other words may stand
        table |= {key: str(table[key]) for key in ("gpus", "memory", "time") if type(table.get(key)) is int}
    if kind != shared.get("scheduler", SLURM):  # what is common to all is meant for those of its own kind
        table = {key: value for key, value in table.items() if key in own or key == "jobs"}
    return from_mapping(KINDS[kind], {**table, "name": name}, where)
