"""Jobs on this machine, each in a process of its own."""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path

from engine.events import Event, JobEnded
from engine.job_settings import Assignment, JobId
from engine.service import child, devices
from engine.service.executors import KILL_AFTER, Deliver, Exited, assignment_of, not_started
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings

EXIT_PATIENCE = 10.0
"""Seconds a process may take to disappear after its last event."""

log = logging.getLogger(__name__)
_bookkeeping = threading.Lock()
"""`multiprocessing` keeps one list of children for the process and polls all of them whenever one is started."""


class LocalExecutor:
    """One process per job on this machine, forked from a server that has the job's module imported already.

    A job is told its device by name (`cuda:1`) rather than through CUDA_VISIBLE_DEVICES, so that one number means one
    GPU in the queue, the records and the job alike. The fork server imports torch but never touches a GPU.
    """

    def __init__(self, settings: EngineSettings):
        self.machine = devices.machine(settings)
        self._entry, self._threads = settings.entry, settings.threads
        self._jobs: dict[JobId, _JobProcess] = {}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["engine.service.child", settings.entry.partition(":")[0]])

    def open(self, deliver: Deliver, room: threading.Event) -> None:
        """Tell everything by `deliver`."""
        self._deliver, self._room = deliver, room

    def submit(self, jobs: Sequence[Job], device: str, folders: Sequence[Path]) -> None:
        """Start the jobs; their process writes what it prints to `job.log` in the first run's folder."""
        first, *mates = (
            assignment_of(job, folder, device, self._threads) for job, folder in zip(jobs, folders, strict=True)
        )
        first = replace(first, mates=tuple(mates))
        process = _JobProcess(first, self._context, self._entry, self._room, self._tell)
        self._jobs |= {job.job_id: process for job in jobs}
        process.start()

    def stop(self, job_id: JobId) -> None:
        """Ask for a checkpoint and an end with the state `queued`."""
        if process := self._jobs.get(job_id):
            process.ask_to_stop()

    def cancel(self, job_id: JobId) -> None:
        """SIGTERM now, SIGKILL after `KILL_AFTER` seconds; a word to a process that others still need."""
        if process := self._jobs.get(job_id):
            process.end(job_id)

    def _tell(self, message: Event | Exited) -> None:
        if isinstance(message, Exited):
            del self._jobs[message.job_id]
        self._deliver(message)


class _JobProcess(threading.Thread):
    """The process of one or more jobs and the thread that listens to it."""

    def __init__(
        self,
        job: Assignment,
        context: BaseContext,
        entry: str,
        room: threading.Event,
        tell: Deliver,
    ):
        super().__init__(name=str(job.job_id), daemon=True)
        self._room, self._tell = room, tell
        self._left = [job.job_id, *(mate.job_id for mate in job.mates)]
        """Jobs that have not ended."""
        self._unwanted: set[JobId] = set()
        self._log = Path(job.run_folder) / "job.log"
        self._pipe, self._theirs = context.Pipe()
        arguments = (entry, job, self._theirs, str(self._log))
        self._process = context.Process(target=child.main, args=arguments, name=str(job.job_id))
        self._state = threading.RLock()
        self._alive = self._asked_to_stop = self._asked_to_end = self._over = False

    def run(self) -> None:
        log_start = self._log.stat().st_size if self._log.exists() else 0
        try:
            self._begin()
        except (OSError, EOFError) as error:
            self._finish(not_started(error))
            return
        self._listen()
        code = self._wait_for_exit()
        self._finish(describe_exit(code, last_words(self._log, log_start)))

    def ask_to_stop(self) -> None:
        with self._state:
            self._asked_to_stop = True
            if self._alive:
                self._send_stop()

    def end(self, job_id: JobId) -> None:
        with self._state:
            self._unwanted.add(job_id)
            if self._asked_to_end:
                return
            if self._alive and not self._unwanted.issuperset(self._left):
                with contextlib.suppress(OSError):
                    self._pipe.send(("cancel", job_id.run_id))
                return
            self._asked_to_end = True
            if not self._alive:
                # The very first start waits for the fork server's imports; whoever cancels need not wait with it.
                self._finish("ended before it began")
                return
            self._signal(signal.SIGTERM)
        killer = threading.Timer(KILL_AFTER, self._signal, (signal.SIGKILL,))
        killer.daemon = True
        killer.start()

    def _begin(self) -> None:
        try:
            with _bookkeeping:
                self._process.start()
        finally:
            self._theirs.close()
        with self._state:
            self._alive = True
            if self._asked_to_end:
                self._signal(signal.SIGKILL)
            elif self._asked_to_stop:
                self._send_stop()

    def _send_stop(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send("stop")

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process unless it is gone, when its number may already be another's."""
        with self._state:
            if self._alive and not wait([self._process.sentinel], 0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process.pid, number)

    def _listen(self) -> None:
        """Tell events until the pipe or the process ends."""
        patience = None
        while True:
            self._room.wait()
            if self._pipe not in wait([self._pipe, self._process.sentinel], patience):
                return
            try:
                event = self._pipe.recv()
            except (EOFError, OSError):
                return
            except Exception:  # a message that cannot be unpickled; the run must end all the same
                log.exception("%s sent something unreadable", self.name)
                self._signal(signal.SIGKILL)
                return
            if not self._over:
                self._tell(event)
            if isinstance(event, JobEnded) and self._is_last(JobId(event.run_id, event.STAGE)):
                patience = EXIT_PATIENCE

    def _is_last(self, job_id: JobId) -> bool:
        """Whether the process has nothing left to do; if it has, the job that ended leaves it."""
        with self._state:
            if self._left == [job_id] or job_id not in self._left:
                return True
            self._left.remove(job_id)
            if not self._over:
                self._tell(Exited(job_id, ""))
            return False

    def _wait_for_exit(self) -> int:
        if not wait([self._process.sentinel], EXIT_PATIENCE):
            log.warning("%s: its process does not end by itself; killing it", self.name)
            self._signal(signal.SIGKILL)
            wait([self._process.sentinel])
        with _bookkeeping, self._state:
            self._alive = False
            code = self._process.exitcode
            self._process.close()
            self._pipe.close()
        return code

    def _finish(self, reason: str) -> None:
        with self._state:
            if not self._over:
                self._over = True
                for job_id in self._left:
                    self._tell(Exited(job_id, reason))


def describe_exit(code: int, words: str) -> str:
    """What is known of a process that ended without a `JobEnded`, in one line."""
    if code >= 0:
        how = f"its process ended with code {code} before the run did"
    elif code == -signal.SIGKILL:
        how = "killed by signal 9 (out of memory?)"
    else:
        known = -code in signal.valid_signals()
        how = f"killed by signal {-code} ({signal.Signals(-code).name if known else 'unknown'})"
    return f"{how}: {words}" if words else how


def last_words(log_file: Path, start: int) -> str:
    """The line that says most about a crash, from byte `start` of a job's log on; empty if it wrote nothing."""
    try:
        with open(log_file, "rb") as stream:
            stream.seek(max(start, os.fstat(stream.fileno()).st_size - 65536))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return (fatal or lines or [""])[-1][:300]
