"""Settings of the engine service: how much of the machine it uses, how it behaves; none matters beyond rounding."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from engine.job_settings import MOST_TOGETHER, require_threads
from engine.validation import coerce_fields, require


def setting(default: Any, text: str) -> Any:
    """A field with the sentence that `--help` shows."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """What `python -m engine.service` may be told besides its project; the help texts say the rest."""

    idle_exit: float = setting(600.0, "seconds without pending runs and clients after which the engine ends; 0: never")
    threads: int = setting(1, "CPU threads of one job")
    cpu_jobs: int = setting(0, "jobs at once on the CPU; 0: as many as the cores hold with these threads")
    jobs_per_gpu: float = setting(1.0, "jobs at once per GPU on average: 2 shares each, 0.5 leaves half of them free")
    stack: int = setting(
        MOST_TOGETHER, "runs trained together at most, if seed, members or epsilon differ alone; 1: none"
    )
    stop_grace: float = setting(20.0, "seconds that running jobs get to write a checkpoint when the engine stops")
    reserve_gib: float = setting(1.0, "no run starts while the project's disk has less than this free")
    keep_mib: int = setting(256, "memory for results that cannot be written yet; beyond it jobs wait")
    entry: str = setting("engine.job:run_job", "module:function that a job's process calls")

    def __post_init__(self) -> None:
        """Refuse what cannot be obeyed."""
        coerce_fields(self)
        for name in ("idle_exit", "cpu_jobs", "stop_grace", "reserve_gib"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require_threads("threads", self.threads)
        require(self.stack >= 1, "stack", self.stack, "1 or more")
        require(self.keep_mib >= 1, "keep_mib", self.keep_mib, "1 or more")
        require(self.jobs_per_gpu > 0, "jobs_per_gpu", self.jobs_per_gpu, "above 0")
        module, colon, function = self.entry.partition(":")
        require(bool(module and colon and function), "entry", self.entry, "module:function")

    def to_arguments(self) -> list[str]:
        """Command-line options that say the same; defaults are left out."""
        return [
            f"--{entry.name.replace('_', '-')}={value}"
            for entry in dataclasses.fields(self)
            if (value := getattr(self, entry.name)) != entry.default
        ]
