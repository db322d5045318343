"""`sbatch`, `squeue`, `scancel` of a Slurm that is one folder, $SLURM_SHIM, in which tests can make it odd.

`down`: nothing answers. `refuse`: what `sbatch` complains of. `full`: Jobs it takes at once. `mute`: it takes a job and
dies without a word. `hold`: jobs wait, for the reason in it. `hidden`: the queue shows nothing. `puppets`: jobs run,
but nothing happens in them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ["SLURM_SHIM"])
JOBS = HOME / "jobs"
TICK = 0.02


def told(name):
    file = HOME / name
    return file.read_text().strip() if file.exists() else None


def fail(words):
    print(words, file=sys.stderr)
    sys.exit(1)


def write(file, text):
    (part := file.with_name(f".{file.name}.{os.getpid()}")).write_text(text)
    part.rename(file)


def state(job):
    return (job / "state").read_text()


def jobs():
    found = [job for job in JOBS.iterdir() if (job / "state").exists()] if JOBS.exists() else []
    return sorted(found, key=lambda job: int(job.name))


def sbatch(arguments):
    given = dict(one.removeprefix("--").partition("=")[::2] for one in arguments if one.startswith("--"))
    if words := told("refuse"):
        fail(f"sbatch: error: {words}")
    if "test-only" in given:
        return
    if (most := told("full")) and sum(state(job) in ("PENDING", "RUNNING") for job in jobs()) >= int(most):
        fail("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)")
    JOBS.mkdir(exist_ok=True)
    number = len(list(JOBS.iterdir())) + 1
    while True:
        try:
            (job := JOBS / str(number)).mkdir()
            break
        except FileExistsError:
            number += 1
    write(job / "given", json.dumps({**given, "script": arguments[-1]}))
    if told("puppets") is not None:
        write(job / "state", "RUNNING")
        print(job.name)
        return
    write(job / "state", "PENDING")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.Popen([sys.executable, __file__, "run", job.name], start_new_session=True, **quiet)
    if told("mute") is not None:
        (HOME / "mute").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    print(job.name)


def run(arguments):
    """The life of one job."""
    job, restarts = JOBS / arguments[0], 0
    given = json.loads((job / "given").read_text())
    while True:
        while told("hold") is not None or (job / "again_later").exists():
            if state(job) != "PENDING":
                return
            time.sleep(TICK)
        own = {"SLURM_JOB_ID": job.name} | ({"SLURM_RESTART_COUNT": str(restarts)} if restarts else {})
        with open(given["output"], "a") as output:
            process = subprocess.Popen(
                ["bash", given["script"]], stdout=output, stderr=output, start_new_session=True, env=os.environ | own
            )
        write(job / "pid", str(process.pid))
        if state(job) == "PENDING":
            write(job / "state", "RUNNING")
        else:
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        if (job / "requeue").exists():
            (job / "requeue").unlink()
            restarts += 1
            write(job / "state", "PENDING")
            continue
        if state(job) == "RUNNING":
            write(job / "state", "COMPLETED" if code == 0 else "FAILED")
        return


def squeue(arguments):
    if told("hidden") is not None:
        return
    for job in jobs():
        given = json.loads((job / "given").read_text())
        now = state(job)
        reason = (told("hold") or "BeginTime") if now == "PENDING" else "None"
        forced = (job / "forced").read_text() if (job / "forced").exists() else f"{now}|{reason}"
        print(f"{job.name}|{forced}|{'' if now == 'PENDING' else 'node7'}|{given['job-name']}")


def scancel(arguments):
    softly = "--signal=TERM" in arguments
    for name in [one for one in arguments if not one.startswith("--")]:
        job = JOBS / name
        if not job.exists() or state(job) not in ("PENDING", "RUNNING"):
            continue
        pid = int((job / "pid").read_text()) if state(job) == "RUNNING" else None
        if not softly:
            write(job / "state", "CANCELLED")
        if pid:
            os.killpg(pid, signal.SIGTERM if softly else signal.SIGKILL)


def main():
    command, *arguments = sys.argv[1:]
    if command != "run":
        with open(HOME / "calls", "a") as calls:
            calls.write(f"{command} {' '.join(arguments)}\n")
        if told("down") is not None:
            fail(f"{command}: error: Unable to contact slurm controller (connect failure)")
    {"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "run": run}[command](arguments)


main()
