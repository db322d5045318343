import errno
from pathlib import Path

import pytest

from engine.job_settings import JobId, RunOptions
from engine.service.executors import handing, local, not_started
from engine.service.scheduler import Job
from engine.service.settings import EngineSettings


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EMFILE, "Too many files"), "Too many files; raise `ulimit -n` and start the engine again"),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
    ],
)
def test_a_run_without_a_process_tells_the_reason_and_the_remedy(error, said):
    assert not_started(error) == f"its process could not be started: {said}"


def test_jobs_get_their_device_and_the_settings_of_the_executor(monkeypatch):
    begun = []

    class Process:
        def __init__(self, assignment, context, entry, *_):
            begun.append((assignment, entry))

        def start(self):
            pass

    monkeypatch.setattr(local, "_JobProcess", Process)
    executor = local.LocalExecutor(EngineSettings(threads=3, entry="fake_job:run_job"))
    executor.open(begun.append, None)
    job = Job(job_id=JobId("a"), options=RunOptions(data_root="."))
    executor.submit([job], executor.machine.devices[-1].name, [Path("runs/a")])
    ((assignment, entry),) = begun
    assert (assignment.threads, assignment.device, assignment.run_folder) == (3, "cpu", "runs/a")
    assert entry == "fake_job:run_job"


@pytest.mark.parametrize(("asked", "given"), [("cuda:3", "cuda"), ("cuda", "cuda"), ("auto", "auto"), ("cpu", "cpu")])
def test_a_job_on_a_cluster_sees_its_gpu_as_the_first(asked, given):
    assert handing.device_there(asked) == given
