"""The desk: what stands in a Ray cluster for an engine, and hands out its jobs.

It is a detached actor on the head node. It owns the tasks, so they go on without the engine, and it keeps what
they tell and make on its disk until the engine has that: what is told lies here later than the files it is about.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.service.executors.ray_courier import LOG, PART, Wants, carry, read_part, write_part
from engine.service.node import EVENTS

CANCELLED = "cancelled"


@dataclass(frozen=True)
class Seen:
    """How a job stands, and what it has told since."""

    task: str
    """Ray's own name for it."""
    node: str
    """Empty while it waits."""
    events: bytes
    log: bytes
    files: int
    """How many files it has brought."""
    over: bool
    code: int | None = None
    """Of its process, where that came to an end by itself."""
    reason: str = ""


@dataclass
class _Post:
    """A job of the desk."""

    folder: Path
    job: bytes = b""
    task: Any = None
    node: str = ""
    words: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    """Files that are to be there when it begins."""
    brought: list[str] = field(default_factory=list)
    """Files that it has made, or removed, in that order."""
    end: tuple[int | None, str] | None = None


class Desk:
    """Every call ends at once; calls come one after another."""

    def __init__(self, version: str):
        self.version = version
        self._spool = Path(tempfile.mkdtemp(prefix="mia-desk-"))
        self._posts: dict[str, _Post] = {}

    def about(self) -> tuple[str, int]:
        """The release that it is of, and how many jobs it has."""
        return self.version, len(self._posts)

    # What the engine asks for

    def put(self, token: str, name: str, offset: int, data: bytes) -> None:
        """A part of a file that a job is to find."""
        post = self._post(token)
        if post.task is not None:
            return  # it has what it needs
        if name not in post.taken:
            post.taken.append(name)
        write_part(post.folder / name, offset, data)

    def start(self, token: str, wants: Wants, job: bytes) -> str:
        """Hand a job to Ray, unless it has it; Ray's name for it."""
        import ray

        post = self._post(token)
        if post.task is None:
            own = ray.remote(carry).options(name=wants.name, num_cpus=wants.cpus, num_gpus=wants.gpus, max_retries=0)
            post.job = job
            post.task = own.remote(ray.get_runtime_context().current_actor, token, wants)
        return post.task.task_id().hex()

    def look(self, heard: Mapping[str, tuple[int, int]]) -> dict[str, Seen]:
        """How all jobs stand; of their events and logs what follows these many bytes."""
        self._see_ends()
        return {token: self._seen(post, *heard.get(token, (0, 0))) for token, post in self._posts.items() if post.task}

    def _see_ends(self) -> None:
        import ray

        open_ones = {post.task: post for post in self._posts.values() if post.task and post.end is None}
        ended, _ = ray.wait(list(open_ones), num_returns=len(open_ones), timeout=0) if open_ones else ([], [])
        for task in ended:
            try:
                open_ones[task].end = ray.get(task), ""
            except Exception as error:  # noqa: BLE001 - of whatever kind, it is the end of that job
                open_ones[task].end = None, _reason(error)

    def _seen(self, post: _Post, events_at: int, log_at: int) -> Seen:
        events, log = read_part(post.folder / EVENTS, events_at), read_part(post.folder / LOG, log_at)
        over = post.end is not None and len(events) < PART and len(log) < PART
        end = post.end if over else (None, "")
        return Seen(post.task.task_id().hex(), post.node, events, log, len(post.brought), over, *end)

    def brought(self, token: str, start: int) -> list[tuple[str, int | None]]:
        """The files that a job has brought since there were so many, with their sizes; None for one it removed."""
        post = self._posts[token]
        paths = {name: post.folder / name for name in dict.fromkeys(post.brought[start:])}
        return [(name, path.stat().st_size if path.exists() else None) for name, path in paths.items()]

    def part(self, token: str, name: str, offset: int) -> bytes:
        """A part of a file, for the engine or for the job."""
        return read_part(self._posts[token].folder / name, offset)

    def say(self, token: str, word: str) -> None:
        """A word to a job's process."""
        if token in self._posts:
            self._posts[token].words.append(word)

    def cancel(self, token: str) -> None:
        """End a job, its process by force."""
        if token in self._posts and self._posts[token].task:
            import ray

            ray.cancel(self._posts[token].task, force=True)

    def forget(self, token: str) -> None:
        """Nobody needs a job any more."""
        self.cancel(token)
        if post := self._posts.pop(token, None):
            shutil.rmtree(post.folder, ignore_errors=True)

    def leave(self) -> None:
        """Make room in the cluster where there is nothing to do."""
        import ray

        if not self._posts:
            shutil.rmtree(self._spool, ignore_errors=True)
            ray.actor.exit_actor()

    # What couriers ask for

    def welcome(self, token: str, node: str) -> tuple[bytes, list[str]]:
        """A courier begins there: the job and the files that it is to find."""
        post = self._posts[token]
        post.node = node
        return post.job, post.taken

    def bring(self, token: str, name: str, offset: int, data: bytes | None, last: bool) -> None:
        """A part of a file that a job has made; None: it has removed it."""
        post = self._posts[token]
        if data is None:
            (post.folder / name).unlink(missing_ok=True)
        else:
            write_part(post.folder / f"{name}.partial", offset, data)
        if last:
            if data is not None:
                (post.folder / f"{name}.partial").replace(post.folder / name)
            post.brought.append(name)

    def exchange(self, token: str, events: bytes, log: bytes) -> list[str]:
        """What a job has told since, for all the words that there are for it."""
        post = self._posts[token]
        for name, data in ((EVENTS, events), (LOG, log)):
            with open(post.folder / name, "ab") as stream:
                stream.write(data)
        return post.words

    def _post(self, token: str) -> _Post:
        if token not in self._posts:
            self._posts[token] = _Post(self._spool / token)
            self._posts[token].folder.mkdir()
        return self._posts[token]


def _reason(error: Exception) -> str:
    """Why a task has no result, in a few words."""
    kind = type(error).__name__
    known = {
        "TaskCancelledError": CANCELLED,
        "NodeDiedError": "its node was lost",
        "WorkerCrashedError": "its worker was killed",
        "OutOfMemoryError": "Ray ended it: its node was short of memory",
    }
    return known.get(kind) or f"{kind}: {(str(error).strip().splitlines() or [''])[-1][:300]}"
