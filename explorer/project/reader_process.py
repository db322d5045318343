"""Reading a project's results while no engine runs: by a process of its own, for this one never opens the database."""

import os
import socket
import subprocess
import sys
import threading

from engine.service.client import Client, EngineUnreachable
from engine.service.launch import import_path
from engine.service.project import Project


async def open_reader(project: Project) -> Client:
    """A client of a new process that answers `Query` and `Export` and refuses all else; close it like any client.

    The process ends with the connection, however that ends. It is not asked anything yet: a project without results,
    or one that an engine holds, is told by the first answer. EngineUnreachable if no process can be started.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.service.reader", f"--project={project.root}"],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": import_path()},
            )
    except OSError as error:
        ours.close()
        raise EngineUnreachable(f"{project.root}: no process can be started to read the results: {error}") from None
    # Somebody has to take note of its end, or it would stay in the process table.
    threading.Thread(target=process.wait, daemon=True).start()
    client = Client(project, ours)
    await client.connect()
    return client
