"""`sbatch`, `squeue`, `scancel`, and `sacct` where it answers: what is said to Slurm, and what it says."""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.service.executors import ClusterBusyError
from engine.service.launch import import_path
from engine.service.places import SlurmPlace
from engine.service.project import user_name
from engine.text import one_line
from engine.validation import SpecError

NEEDED = ("sbatch", "squeue", "scancel")
PATIENCE = 60.0
"""Seconds that one command may take."""
TERM_BEFORE = 90
"""Seconds before its time limit at which a job is asked to write a checkpoint and end; less of a short limit."""
NO_REASON = "no reason given"
NAME = "mia-"
"""What the names of our jobs begin with."""
SCRIPT, ID, SAID, LOCK = "script", "id", "said", "lock"
"""Files in a job's folder: what `sbatch` is given, prints and complains of, and what it holds while it is at it."""
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "CONFIGURING"}
GOING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
BUSY = re.compile(
    r"timed? ?out|unable to contact|try again|temporarily|not respond|communication|connection|socket|zero bytes|"
    r"submit limit|MaxSubmit|MaxJobs|job limit|queue.* full|down for maintenance|system call|insufficient memory",
    re.IGNORECASE,
)
"""Complaints of `sbatch` that will be otherwise later."""


@dataclass(frozen=True)
class QueueRow:
    """One job in Slurm's queue, or just out of it."""

    slurm_id: str
    state: str
    reason: str
    node: str
    name: str


def missing() -> list[str]:
    """Commands of Slurm that are not here."""
    return [name for name in NEEDED if shutil.which(name) is None]


def script(place: SlurmPlace, folder: Path) -> str:
    """What a node runs: the person's own lines, then the job."""
    python = place.python or sys.executable
    path = import_path()
    lines = ["#!/bin/bash", *place.setup, *([f"export PYTHONPATH={shlex.quote(path)}"] if path else [])]
    return "\n".join([*lines, f"exec {shlex.quote(python)} -P -m engine.service.node {shlex.quote(str(folder))}", ""])


def options(place: SlurmPlace, name: str, output: Path, cpu_only: bool = False) -> list[str]:
    """The options of `sbatch` for a job."""
    limit = seconds(place.time)
    before = TERM_BEFORE if limit is None else max(1, min(TERM_BEFORE, limit // 6))
    asked = {
        "job-name": name,
        "output": output,
        "partition": place.partition,
        "account": place.account,
        "qos": place.qos,
        "constraint": place.constraint,
        "gres": "" if cpu_only or place.gpus == "0" else f"gpu:{place.gpus}",
        "mem": place.memory,
        "time": place.time,
        "cpus-per-task": place.cpus,
        "signal": f"B:TERM@{before}",
        "chdir": output.parent,
    }
    given = [f"--{key}={value}" for key, value in asked.items() if value != ""]
    return ["--ntasks=1", "--nodes=1", "--requeue", "--open-mode=append", *given, *place.options]


def seconds(limit: str) -> int | None:
    """What a time limit of `sbatch` comes to."""
    if not limit:
        return None
    days, dash, rest = limit.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:  # days-hours[:minutes[:seconds]]
        hours, minutes, left = (*parts, 0, 0)[:3]
    elif len(parts) == 3:
        hours, minutes, left = parts
    else:  # minutes[:seconds]
        hours, (minutes, left) = 0, (*parts, 0)[:2]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + left


def test(place: SlurmPlace, folder: Path) -> None:
    """Ask Slurm whether it would take such a job; `SpecError` with its words where it would not."""
    answer = _run(["sbatch", "--test-only", *options(place, f"{NAME}test", folder / "job.log"), "--wrap", "true"])
    if answer.returncode:
        raise SpecError(f"on: {place.name}: {complaint(answer.stderr)}")


def submit(place: SlurmPlace, name: str, folder: Path, output: Path, cpu_only: bool) -> str:
    """Hand a job over; its id, which `sbatch` itself writes into the folder, whatever becomes of this process.

    `ClusterBusyError` where Slurm may take it later, or may have taken it; `SpecError` where it never will.
    """
    (folder / SCRIPT).write_text(script(place, folder))
    command = ["sbatch", "--parsable", *options(place, name, output, cpu_only), str(folder / SCRIPT)]
    with open(folder / LOCK, "w") as lock, open(folder / ID, "w") as out, open(folder / SAID, "w") as said:
        fcntl.flock(lock, fcntl.LOCK_EX)  # its child's too, so whoever finds the folder can wait for that
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
                pass_fds=(lock.fileno(),),
                start_new_session=True,
                timeout=PATIENCE,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise ClusterBusyError(f"sbatch gave no answer within {PATIENCE:g} s") from None
        except OSError as error:
            raise ClusterBusyError(f"sbatch: {error.strerror}") from None
    if code == 0 and (slurm_id := written_id(folder)):
        return slurm_id
    words = complaint((folder / SAID).read_text(errors="replace"))
    # One that was killed, or said nothing, may have handed the job over before.
    unsure = code <= 0 or words == NO_REASON or BUSY.search(words)
    raise ClusterBusyError(words) if unsure else SpecError(f"sbatch: {words}")


def written_id(folder: Path) -> str:
    """The id that `sbatch` wrote into a job's folder; empty where it did not. Waits for one that is still at it."""
    try:
        with open(folder / LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        found = (folder / ID).read_text().strip().partition(";")[0]
    except OSError:
        return ""
    return found if found.isdigit() else ""


def look() -> list[QueueRow]:
    """Our jobs in the queue or just out of it, in one question; `ClusterBusyError` where there is no answer."""
    user = user_name(os.geteuid())
    answer = _run(["squeue", "--noheader", "--states=all", f"--user={user}", "--format=%i|%T|%r|%N|%j"])
    if answer.returncode:
        raise ClusterBusyError(complaint(answer.stderr))
    rows = (line.strip().split("|") for line in answer.stdout.splitlines())
    return [QueueRow(*row) for row in rows if len(row) == 5 and row[4].startswith(NAME)]


def cancel(slurm_id: str, *, softly: bool = False) -> None:
    """End a job, or ask it for a checkpoint and an end; `ClusterBusyError` where Slurm does not answer."""
    answer = _run(["scancel", *(["--signal=TERM", "--batch"] if softly else []), slurm_id])
    if answer.returncode and BUSY.search(answer.stderr):  # any other complaint is of a job that is over
        raise ClusterBusyError(complaint(answer.stderr))


def last_state(slurm_id: str) -> str:
    """What the accounting, if there is one, says of a job that is out of the queue; else empty."""
    if shutil.which("sacct") is None:
        return ""
    try:
        answer = _run(["sacct", "-n", "-X", "-P", "-j", slurm_id, "-o", "State"])
    except ClusterBusyError:
        return ""
    return answer.stdout.split()[0] if answer.returncode == 0 and answer.stdout.split() else ""


def complaint(words: str) -> str:
    """What a command of Slurm complains of, in one line, the part that says most."""
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ") for line in words.splitlines() if line.strip()]
    told = [line.partition("error: ")[2] or line for line in lines]
    return one_line("; ".join(dict.fromkeys(told)))[:300] or NO_REASON


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise ClusterBusyError(f"{command[0]} gave no answer within {PATIENCE:g} s") from None
    except OSError as error:
        raise ClusterBusyError(f"{command[0]}: {error.strerror}") from None
