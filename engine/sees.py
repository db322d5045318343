"""`python -m engine.sees`: what a process of this machine finds, as JSON: releases, torch and the GPUs that it sees.

The same as a job, `run_job`, is what a cluster is tried with (`engine.service.trial`).
"""

import importlib.util
import json
import os
import platform
import socket
import time
from pathlib import Path
from typing import Any

from engine.events import Notice, RunEnded
from engine.job_settings import Assignment


def seen() -> dict[str, Any]:
    """All of it; of torchvision only the operators are loaded, in which a wrong one fails: the whole takes longer."""
    import torch

    gpus = [
        [torch.cuda.get_device_name(index), *torch.cuda.mem_get_info(index)]
        for index in range(torch.cuda.device_count())
    ]
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch": torch.__version__,
        "gpus": gpus,
        "mps": torch.backends.mps.is_available(),
        "torchvision": _torchvision(torch),
        "sklearn": "ok" if importlib.util.find_spec("sklearn") else "absent",
    }


def _torchvision(torch: Any) -> str:
    found = importlib.util.find_spec("torchvision")
    try:
        for operators in Path(found.origin).parent.glob("_C.*") if found else ():
            torch.ops.load_library(operators)
            _ = torch.ops.torchvision.nms
    except (OSError, RuntimeError, AttributeError) as error:
        return f"made for another torch: {type(error).__name__}: {error}".splitlines()[0]
    return "ok" if found else "absent"


def run_job(job: Assignment, pipe: Any) -> None:
    """Tell what is seen here, and whether the folder with the data sets is, as a notice in JSON."""
    error = None
    try:
        said = seen() | {"data": os.path.isdir(job.options.data_root)}
        pipe.send(Notice(run_id=job.run_id, time=time.time(), message=json.dumps(said)))
    except (ImportError, OSError, RuntimeError) as trouble:
        error = f"torch cannot be used: {type(trouble).__name__}: {trouble}"
    pipe.send(RunEnded(run_id=job.run_id, state="failed" if error else "done", time=time.time(), error=error))


if __name__ == "__main__":
    print(json.dumps(seen()))
