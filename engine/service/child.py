"""The first steps of a job's process: keep its words, then call the entry, which alone imports torch."""

import faulthandler
import importlib
import os
import signal
import sys
from multiprocessing.connection import Connection

from engine.job_settings import Assignment
from engine.printing import PrintableStream


def main(entry: str, job: Assignment, pipe: Connection, log: str) -> None:
    """Send standard output and error to `log`, if any, and call `entry` (`module:function`) with the job and its pipe.

    The pipe is a connection, or what does the same.
    """
    # Ctrl+C in a terminal reaches the whole group; whether jobs stop is the engine's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = os.path.dirname(log)
    if log and not os.path.islink(folder) and not os.path.islink(log):  # the job refuses links, in the words for it
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for standard in (1, 2):
            os.dup2(descriptor, standard)
        os.close(descriptor)
    faulthandler.enable(sys.__stderr__)
    # What a network of one's own prints, or raises, is read in the log by people at a terminal.
    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
    module, _, function = entry.partition(":")
    getattr(importlib.import_module(module), function)(job, pipe)
