"""What ended a run, in the words of the person who waits for it."""

import errno

import torch

from engine.validation import SpecError


def in_one_line(error: BaseException) -> str:
    """What went wrong in one line for a person; settings' own errors speak for themselves."""
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, SpecError):
        return first
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room and retry the run, which goes on from what it has saved"
    if isinstance(error, torch.OutOfMemoryError):
        return f"out of GPU memory: {first}"
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
