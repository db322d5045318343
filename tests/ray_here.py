"""A Ray cluster of this machine alone, on loopback: `python tests/ray_here.py FOLDER PORT`, then `add` and `lose`.

Its head has one CPU, every node that is added has two; the newest one is lost as in a power cut.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

LOOPBACK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else Ray takes the machine's other address, also for 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
}
ATTEMPTS = 3
"""On a busy machine a node gives up on its own agents within 15 s."""


def problem():
    """Why there can be none here; None if there can."""
    missing = [name for name in ("ray", "grpc") if find_spec(name) is None]
    return f"no {missing[0]} here: uv sync --extra ray" if missing else None


class RayHere:
    """The cluster, in a process of its own."""

    def __init__(self, import_path):
        self.home = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # its sockets' paths must be short
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.home, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(Path(self.home) / "errors", "w"),  # noqa: SIM115 - it is the process's
            text=True,
            start_new_session=True,
            env=environment | LOOPBACK | {"PYTHONPATH": import_path},
        )
        self._hear()

    @property
    def address(self):
        return f"ray://127.0.0.1:{self.port}"

    def tell(self, word):
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        self._hear()

    def _hear(self):
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError((Path(self.home) / "errors").read_text()[-2000:])

    def stop(self):
        self._process.communicate("", timeout=60)
        shutil.rmtree(self.home, ignore_errors=True)


def main(folder, port):
    from ray.cluster_utils import Cluster

    home = {"node_ip_address": "127.0.0.1"}
    said, sys.stdout = sys.stdout, sys.stderr
    cluster, nodes = Cluster(), []
    patiently(
        lambda: cluster.add_node(
            num_cpus=1, ray_client_server_port=port, include_dashboard=False, temp_dir=folder, **home
        )
    )
    print("done", file=said, flush=True)
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(patiently(lambda: cluster.add_node(num_cpus=2, **home)))
        elif line.strip() == "lose":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("done", file=said, flush=True)
    cluster.shutdown()


def patiently(action):
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except Exception:  # Ray raises nothing more definite
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(2.0)
    return None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
