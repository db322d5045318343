"""Where runs are and why they wait, in the words that the queue, the list, a run's page and the command line share."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.job_settings import LOCAL, RunOptions
from engine.service.places import place_of
from engine.service.protocol import DeviceStatus, Placement, Status
from store.rows import Run

REASONS = {
    r"resources": "for free nodes",
    r"priority": "behind others' jobs",
    r"begintime": "for its time to begin",
    r"none": "for Slurm to look",
    r"dependency\w*": "for another job",
    r"jobheld\w*": "held in Slurm",
    r"(partition(down|inactive)|reqnodenotavail|nodes?_?(required|down|not).*|reservation)": "nodes are not there",
    r"partition\w*limit": "asks for too much",
    r"(qos|assoc|max)\w*(limit|perjob|peruser|peraccount|submit)\w*": "account's limit reached",
}
"""What a cluster says of a job that waits, in small letters up to the first comma -> in plain words."""

GO_ON = "What clusters have goes on without it; `mia-explore engine stop --everywhere` ends that too."


def reason(placed: Placement) -> str:
    """Why a run waits at a cluster; empty for one that has begun."""
    said = placed.waits.lower().partition(",")[0].strip()
    known = (words for pattern, words in REASONS.items() if re.fullmatch(pattern, said))
    return next(known, placed.waits)


def job_and_node(placed: Placement) -> str:
    """What the cluster calls the job, the node it is on, and how often the cluster began it anew."""
    restarts = f", restart {placed.restarts}" if placed.restarts else ""
    return f"{placed.job}{' on ' if placed.node else ''}{placed.node}{restarts}"


def where(run: Run, placed: Placement | None = None) -> str:
    """The device, or the cluster's name for the job and its node; of a run that is nowhere yet, where it may go."""
    if placed is not None and placed.job:
        return job_and_node(placed)
    if run.state == "queued":
        return run.places if run.places and run.places != LOCAL else ""
    device, on, rest = (run.device or "").partition(" on ")
    node, _, job = rest.partition(", ")
    return f"{job} on {node}" if on and job else device.partition(" ")[0]


def places_of(run: Run) -> frozenset[str]:
    """Where it may go."""
    return frozenset((run.places or LOCAL).replace(" ", "").split(","))


def slots(devices: Iterable[DeviceStatus]) -> int:
    """Processes at once on the engine's machine; 0 where all that is at work is on clusters, of which nobody knows."""
    known = list(devices)
    used = [device for device in known if device.taken] or known
    return sum(device.slots for device in used if device.place == LOCAL)


def room(status: Status | None, root: Path, on: str = LOCAL) -> tuple[int, bool]:
    """Processes at once, at most, where runs of the project in a folder may go, and whether on GPUs; `SpecError`."""
    here = [own for own in status.devices if own.place == LOCAL] if status else []
    at_once, gpu = 0, False
    for name in RunOptions(data_root="", on=on).places:
        if name == LOCAL:
            at_once += sum(own.slots for own in here) or os.cpu_count() or 1
            gpu |= any(own.name.startswith("cuda") for own in here)
        else:
            place = place_of(name, root)
            at_once += place.jobs
            gpu |= str(place.gpus) not in ("0", "0.0")
    return at_once, gpu


def device_lines(status: Status) -> Iterator[tuple[str, str]]:
    """(`device` or `cluster`, what it is and has at work) of each place where runs may be."""
    for own in status.devices:
        if own.place == LOCAL:
            yield "device", f"{own.name} {own.label}: {own.taken} of {own.slots} slots at work"
        else:
            yield "cluster", f"{own.name} ({own.label}): {cluster_words(own, status.placed)}"


def cluster_words(cluster: DeviceStatus, placed: Iterable[Placement]) -> str:
    """`3 running, 17 waiting there, at most 100 jobs at once`."""
    begun = {own.run_id for own in placed if own.node and not own.waits}
    running = len(begun.intersection(cluster.running))
    waiting = len(cluster.running) - running
    return f"{running} running, {waiting} waiting there, at most {cluster.slots} jobs at once"
