"""`python -m engine.service.node FOLDER [NAME]`: the process of a job on a machine of a cluster.

It takes the job from `job.json` in the folder, tells what happens in `events.jsonl` there and obeys `words`. On SIGTERM
it writes a checkpoint and ends: the cluster wants its machine back, or the time is over. With the name that a cluster
other than Slurm has for the job, it ends with its parent, who holds the other end of its standard input.
"""

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from engine.event_file import BEAT, STOPPING, EventFile
from engine.events import AttacksEnded, Event, History, JobEnded, Progress, RunEnded, RunStarted
from engine.job_settings import Assignment
from engine.service import child

JOB, EVENTS, WORDS = "job.json", "events.jsonl", "words"
BEAT_SECONDS = 10.0
"""A job on a cluster tells how far it is this often, and that it lives where it has nothing to tell."""
LISTEN_SECONDS = 2.0
NO_TIME = 75
"""Exit code of a process that was asked to stop before it did anything: doing so again would do no more."""


def version() -> str:
    """The release of this package."""
    try:
        return metadata.version("mia-explore")
    except metadata.PackageNotFoundError:
        return "source"


class FileChannel:
    """A job's end of the line to its engine, in the form of a pipe's end: `send` an event, `recv` a word."""

    def __init__(self, folder: Path, where: str, restart: int):
        self._words, self._where = folder / WORDS, where
        self._file = EventFile(folder / EVENTS, node=socket.gethostname(), job=where, restart=restart)
        self._obeyed = 0
        self._said: queue.SimpleQueue[str | tuple[str, str]] = queue.SimpleQueue()
        self._progress: Progress | None = None
        self._steps = 0
        """How often something was told of work done; twice tells that some was done here."""
        self._stopping = False
        threading.Thread(target=self._beat, daemon=True).start()

    def stop(self, *_: object) -> None:
        """Ask the job for a checkpoint and an end; what a signal calls, which may not write."""
        self._said.put("stop")

    def poll(self, seconds: float = 0.0) -> bool:
        """Whether there is a word, after so long at most."""
        if self._said.empty():
            time.sleep(seconds)
        return not self._said.empty()

    def recv(self) -> str | tuple[str, str]:
        """The next word: `stop`, or `("cancel", RUN)`."""
        word = self._said.get()
        if word == "stop" and not self._stopping:
            self._stopping = True
            self._file.mark(STOPPING)
        return word

    def send(self, event: Event) -> None:
        """Tell an event; of how far it is, only the latest now and then."""
        self._steps += isinstance(event, (Progress, History))
        if isinstance(event, Progress):
            self._progress = event
            return
        if isinstance(event, RunStarted):
            event = replace(event, device=f"{event.device} on {socket.gethostname()}, {self._where}")
        if isinstance(event, JobEnded):
            if event.state == "queued" and self._stopping and self._steps < 2:
                print(
                    "it was asked to stop before it had begun: the time limit is too short", file=sys.stderr, flush=True
                )
                os._exit(NO_TIME)
            self._progress = None
        self._tell_progress()
        self._file.send(event)
        if isinstance(event, JobEnded):
            self._file.sync()

    def _tell_progress(self) -> bool:
        progress, self._progress = self._progress, None
        if progress is not None:
            self._file.send(progress)
        return progress is not None

    def _beat(self) -> None:
        """Tell now and then how far the job is; listen for words."""
        told = 0.0
        while True:
            if time.monotonic() - told >= BEAT_SECONDS:
                told = time.monotonic()
                if not self._tell_progress():
                    self._file.mark(BEAT)
            self._listen()
            time.sleep(LISTEN_SECONDS)

    def _listen(self) -> None:
        if not self._words.exists():
            return
        lines = self._words.read_text().splitlines()
        for line in lines[self._obeyed :]:
            word, _, run_id = line.partition(" ")
            self._said.put(("cancel", run_id) if word == "cancel" else word)
        self._obeyed = len(lines)


def end_with_parent() -> None:
    """End when nobody holds the other end of standard input any more."""

    def wait() -> None:
        while os.read(0, 1):  # the interpreter cannot end while a thread is within its own stream
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(folder: Path, name: str = "") -> None:
    """Carry out the job of a folder, under the cluster's name for it."""
    if name:
        end_with_parent()
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))  # also before there is anything to stop
    given = json.loads((folder / JOB).read_text())
    job = Assignment.from_dict(given["assignment"])
    restart = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    channel = FileChannel(folder, name or f"slurm {os.environ.get('SLURM_JOB_ID', '?')}", restart)
    signal.signal(signal.SIGTERM, channel.stop)
    if asked:
        channel.stop()
    if given["version"] != version():
        said = f"{socket.gethostname()} has mia-explore {version()}, its engine {given['version']}: make them the same"
        for each in (job, *job.mates):
            ended = RunEnded if each.job_id.stage == "answers" else AttacksEnded
            channel.send(ended(run_id=each.run_id, state="failed", time=time.time(), error=said))
        return
    child.main(given["entry"], job, channel, "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
