"""A job handed to a cluster: its folder, from which another engine can take over, and what was heard of it so far."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine.event_file import BEGIN, STOPPING, EventFileReader, Mark
from engine.events import AttacksEnded, History, JobEnded, Progress, RunEnded
from engine.job_settings import Assignment, JobId
from engine.service.executors import Exited, Message, Placed
from engine.service.node import EVENTS, JOB, WORDS, version


@dataclass(eq=False)
class Handover:
    """One job of the cluster, with one or more of ours in its process."""

    folder: Path
    """Named by its token, in which the whole of it is on disk before the cluster hears of it."""
    jobs: tuple[JobId, ...]
    run_folder: Path
    """Of its first run, where the log is."""
    cpu_only: bool = False
    cluster_id: str = ""
    """What the cluster calls it; empty before it does."""
    sure: bool = True
    """Whether it is certain that the cluster has not got it while it has no id."""
    left: list[JobId] = field(default_factory=list)
    """Jobs that have not ended."""
    unwanted: set[JobId] = field(default_factory=set)
    remembered: set[JobId] = field(default_factory=set)
    """Jobs whose end is not known to be on disk."""
    stopping: bool = False
    """Whether the process, where it is now, was asked to end."""
    held: list[JobEnded] = field(default_factory=list)
    """Ends that the cluster takes back if it begins the process again."""
    placed: dict[str, object] = field(default_factory=dict)
    misses: int = 0
    """How often in a row the cluster did not name it."""
    gone_at: float | None = None
    """When the cluster first said that it is over."""
    moved: int = 0
    """How often its process, where it is now, told of work; twice tells that some was done there."""

    def __post_init__(self) -> None:
        """Nothing has ended yet."""
        self.left, self.remembered = list(self.jobs), set(self.jobs)
        self.events = EventFileReader(self.folder / EVENTS)

    @property
    def token(self) -> str:
        """Its name, which no other has."""
        return self.folder.name

    @property
    def log(self) -> Path:
        """What its process prints."""
        return self.run_folder / "job.log"

    def heard(self) -> Iterator[Message]:
        """What its process has told since; ends that may be taken back are kept here."""
        for said in self.events.read():
            if isinstance(said, Mark):
                self.stopping = said.kind == STOPPING or (self.stopping and said.kind != BEGIN)
                if said.kind == BEGIN:
                    self.held.clear()
                    self.moved = 0
                    yield from self.where(**said.fields)
            elif isinstance(said, JobEnded):
                yield from self._ended(said)
            else:
                self.moved += isinstance(said, (Progress, History))
                yield said

    def _ended(self, said: JobEnded) -> Iterator[Message]:
        job_id = JobId(said.run_id, said.STAGE)
        if job_id not in self.left:
            return  # told again by a process that was begun again
        if said.state == "queued" and self.stopping:
            self.held.append(said)
            return
        self.left.remove(job_id)
        yield said
        yield Exited(job_id, "")

    def over(self, reason: str) -> Iterator[Message]:
        """The process is gone for good: all that is left has ended, as it said or for this reason."""
        said = {JobId(event.run_id, event.STAGE): event for event in self.held}
        for job_id in self.left:
            if job_id in said:
                yield said[job_id]
            yield Exited(job_id, reason)
        self.left.clear()

    def failed(self, state: str, reason: str | None) -> Iterator[Message]:
        """All that is left ends so, whatever its process said."""
        for job_id in self.left:
            kind = RunEnded if job_id.stage == "answers" else AttacksEnded
            yield kind(run_id=job_id.run_id, state=state, time=time.time(), error=reason)
            yield Exited(job_id, "")
        self.left.clear()

    def where(self, **fields: object) -> Iterator[Placed]:
        """Where it is, if that is news; `node`, `job`, `restarts`, `waits`."""
        fields["restarts"] = fields.pop("restart", fields.get("restarts", self.placed.get("restarts", 0)))
        now = {"job": "", "node": "", "waits": "", **self.placed, **fields}
        if now != self.placed:
            self.placed = now
            for job_id in self.left:
                yield Placed(job_id, **now)

    def tell(self, word: str) -> None:
        """A word to its process: `stop`, `cancel RUN`."""
        with open(self.folder / WORDS, "a") as words:
            words.write(f"{word}\n")

    def remove(self) -> None:
        """Nobody needs it any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def hand_over(parent: Path, assignments: Sequence[Assignment], entry: str) -> Handover:
    """A handover on disk, whole or not at all."""
    first, *mates = assignments
    token = f"{time.time_ns():x}-{secrets.token_hex(4)}"
    jobs = tuple(each.job_id for each in assignments)
    content = {
        "version": version(),
        "entry": entry,
        "jobs": jobs,
        "run_folder": first.run_folder,
        "cpu_only": first.options.device == "cpu",
        "assignment": {**asdict(first), "mates": [asdict(mate) for mate in mates]},
    }
    being_made = parent / f".{token}"
    being_made.mkdir(parents=True, exist_ok=True)
    with open(being_made / JOB, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    return _handover(being_made.rename(parent / token), content)


def left(parent: Path) -> list[Handover]:
    """The handovers that an earlier engine left, of several for one job the newest; the others are removed."""
    found: dict[JobId, Handover] = {}
    for folder in sorted(parent.iterdir()) if parent.is_dir() else ():
        try:
            own = _handover(folder, json.loads((folder / JOB).read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if folder.name.startswith("."):
            own.remove()
            continue
        for older in {found[job_id] for job_id in own.jobs if job_id in found}:
            older.remove()
            found = {job_id: kept for job_id, kept in found.items() if kept is not older}
        found |= dict.fromkeys(own.jobs, own)
    return list(dict.fromkeys(found.values()))


def _handover(folder: Path, content: dict) -> Handover:
    jobs = tuple(JobId(*each) for each in content["jobs"])
    return Handover(folder, jobs, Path(content["run_folder"]), cpu_only=bool(content["cpu_only"]))
