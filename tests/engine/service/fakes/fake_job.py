"""A job without torch, for tests; its place's `data_root` says what it does, as `behaviour` or `behaviour:argument`."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from engine.events import (
    Accuracies,
    AttackEnded,
    AttacksEnded,
    AttackStarted,
    History,
    Notice,
    Progress,
    RunEnded,
    RunStarted,
    Scores,
    Warnings,
)


def run_job(job, pipe):
    folder = Path(job.run_folder)
    with open(folder / "starts", "a") as stream:
        stream.write(f"{os.getpid()}\n")
    behaviour, _, argument = job.options.data_root.partition(":")
    if job.job_id.stage == "facts":
        infer_more(job, pipe)
        return
    pipe.send(
        RunStarted(run_id=job.run_id, experiment=job.experiment, device=job.device, time=time.time(), versions={})
    )
    pipe.send(Progress(run_id=job.run_id, phase="train", label="step 1/2", fraction=0.5, rate=10.0))
    BEHAVIOURS[behaviour](job, pipe, argument)


def infer_more(job, pipe):
    """Do as the file `infer` in the run's folder says, if there is one."""
    file = Path(job.run_folder) / "infer"
    behaviour, _, argument = (file.read_text() if file.exists() else "infer").partition(":")
    pipe.send(Progress(run_id=job.run_id, phase="infer", label="gap (benign)", fraction=0.99, rate=0.0))
    BEHAVIOURS[behaviour](job, pipe, argument)


def finish(job, pipe, state="done", error=None):
    for attack, own in job.attacks.items() if state == "done" else ():
        about = {"run_id": job.run_id, "attack": attack, "settings": own, "time": time.time()}
        pipe.send(AttackStarted(**about))
        pipe.send(AttackEnded(**about, state="done"))
    ended = RunEnded if job.job_id.stage == "answers" else AttacksEnded
    pipe.send(ended(run_id=job.run_id, state=state, time=time.time(), error=error))


def infer(job, pipe, argument):
    finish(job, pipe)


def quick(job, pipe, argument):
    (Path(job.run_folder) / "predictions.npz").touch()
    for step in range(3):
        pipe.send(History(run_id=job.run_id, step=step, epoch=0, metrics={"loss": 1.0 / (step + 1)}))
    pipe.send(Accuracies(run_id=job.run_id, view="benign", split="test", accuracy=0.75, n=4))
    pipe.send(Notice(run_id=job.run_id, time=time.time(), message="a notice"))
    warning = {"topic": "attack", "view": None, "message": "a warning"}
    pipe.send(Warnings(run_id=job.run_id, warnings=[warning]))
    finish(job, pipe)


def fail(job, pipe, argument):
    finish(job, pipe, "failed", "ValueError: no")


def crash(job, pipe, argument):
    """Die with a last word, the first `argument` times; without an argument always."""
    starts = len((Path(job.run_folder) / "starts").read_text().splitlines())
    if argument and starts > int(argument):
        return quick(job, pipe, "")
    sys.stderr.write("some words\nthe last word\n")
    sys.stderr.flush()
    os._exit(7)


def killed(job, pipe, argument):
    os.kill(os.getpid(), signal.SIGKILL)


def hold(job, pipe, argument):
    """Go on until the file `argument` exists, or until asked to stop, or until the engine is gone."""
    pipe.send(History(run_id=job.run_id, step=0, epoch=0, metrics={"loss": 1.0}))  # some work is done
    pipe.send(Notice(run_id=job.run_id, time=time.time(), message="holding"))
    while not (argument and os.path.exists(argument)):
        try:
            if pipe.poll(0.01) and pipe.recv() == "stop":
                return finish(job, pipe, "queued")
        except (EOFError, OSError):
            os._exit(1)
    return quick(job, pipe, "")


def stubborn(job, pipe, argument):
    """Neither SIGTERM nor `stop` ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send(Notice(run_id=job.run_id, time=time.time(), message="deaf now"))
    while True:
        signal.pause()


def chatty(job, pipe, argument):
    """Far more progress than anybody wants to see, then the end."""
    for index in range(2000):
        pipe.send(Progress(run_id=job.run_id, phase="train", label=f"{index}", fraction=index / 2000, rate=1.0))
    hold(job, pipe, argument)


def torchless(job, pipe, argument):
    finish(job, pipe, "failed", f"torch imported: {'torch' in sys.modules}; duckdb: {'duckdb' in sys.modules}")


def scores(job, pipe, argument):
    """Several views with many examples each."""
    n = 50_000
    for view in range(int(argument)):
        pipe.send(
            Scores(
                run_id=job.run_id,
                view=f"view-{view}",
                example=np.arange(n, dtype=np.int32),
                member=np.ones(n, np.bool_),
                label=np.zeros(n, np.int32),
                confidence=np.ones(n, np.float32),
                margin=np.ones(n),
                correct=np.ones(n, np.bool_),
                risk=np.full(n, 0.5, np.float32),
            )
        )
    finish(job, pipe)


BEHAVIOURS = {
    function.__name__: function
    for function in (infer, quick, fail, crash, killed, hold, stubborn, chatty, torchless, scores)
}
