"""A real Slurm of this machine alone: `python tests/slurm_here.py FOLDER` starts one and prints its SLURM_CONF.

It needs root and the programs of Debian's packages slurmctld, slurmd and slurm-client, and installs nothing. Two
partitions: `low`, the default, whose jobs are requeued when one of `high` needs their room.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
CPUS = 4
SETTINGS = """
ClusterName=mia-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SlurmUser=root
SlurmdUser=root
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ReturnToService=2
SlurmdTimeout=60
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=off
"""


def problem():
    """Why there can be none here; None if there can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        return f"no {', '.join(missing)} here: Debian's packages slurmctld, slurmd and slurm-client have them"
    return None if os.geteuid() == 0 else "Slurm's daemons need root"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@dataclass
class SlurmHere:
    """The daemons and what they keep."""

    home: Path
    daemons: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in ("state", "spool"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        host = socket.gethostname().partition(".")[0]
        text = SETTINGS.format(host=host, home=self.home, controller=free_port(), node=free_port(), cpus=CPUS)
        self.settings.write_text(text.lstrip())

    @property
    def settings(self):
        return self.home / "slurm.conf"

    @property
    def surroundings(self):
        return os.environ | {"SLURM_CONF": str(self.settings), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}

    def start(self, name):
        """Start a daemon, `slurmctld` or `slurmd`, in the foreground of a process of ours."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.daemons[name] = subprocess.Popen([name, "-D"], env=self.surroundings, start_new_session=True, **quiet)

    def kill(self, name):
        """Kill a daemon without a word."""
        self.daemons[name].kill()
        self.daemons[name].wait()

    def ask(self, *command):
        """What a command of Slurm prints."""
        answer = subprocess.run(command, env=self.surroundings, capture_output=True, text=True, check=False)
        return answer.stdout.strip()

    def ready(self, patience=60.0):
        """Start both and wait until jobs can run."""
        self.start("slurmctld")
        self.start("slurmd")
        deadline = time.monotonic() + patience
        while "idle" not in self.ask("sinfo", "--noheader", "--format=%T"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"Slurm does not get ready; see {self.home}")
            time.sleep(0.1)

    def stop(self):
        """End all jobs and both daemons."""
        self.ask("scancel", "--signal=KILL", "--full", "--user=root")
        self.ask("scancel", "--user=root")
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons.values():
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()


if __name__ == "__main__":
    if why := problem():
        sys.exit(why)
    here = SlurmHere(Path(sys.argv[1]).resolve())
    here.ready()
    print(f"export SLURM_CONF={here.settings}")
