"""`python -m engine.service.executors.ray_answers FD`: the process at the other end of the line (`ray_line`)."""

import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.job_settings import ANSWERS
from engine.ownfiles import refuse_links, replacing
from engine.service.executors import ClusterBusyError
from engine.service.executors.ray_courier import HERE_ONLY, LOG, PART, UNFINISHED, Wants
from engine.service.executors.ray_desk import Desk, Seen
from engine.service.executors.ray_line import LEAVE_SECONDS, PATIENCE, Told, require_installed
from engine.service.node import EVENTS, JOB, version
from engine.service.places import RayPlace
from engine.spec.experiment import Experiment
from engine.text import one_line
from engine.validation import SpecError

CONNECTIONS = 3
"""Times that a cluster is asked for a connection; a busy one often fails to start its side of it at first."""
NODES_ASKED = 8
"""Nodes whose releases are looked at."""
NAMESPACE = "mia-explore"
HEAD = "node:__internal_head__"
"""A resource of the head node alone."""

WEIGHTS, HISTORY = "model.safetensors", "history.jsonl"


class RayCluster:
    """What the engine asks for; each may be asked again."""

    def __init__(self, place: RayPlace, desk: str):
        require_installed(place)
        import ray

        self._place, self._ray = place, ray
        for attempt in range(CONNECTIONS):
            try:
                ray.init(address=place.address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
                break
            except (RuntimeError, ConnectionError, ValueError) as error:
                words = f"{one_line(str(error))[:400]}"
                if not isinstance(error, ConnectionError) or attempt == CONNECTIONS - 1:
                    raise SpecError(words) from None
        self._name = desk
        self._found: Any = None

    @property
    def _desk(self) -> Any:
        """The desk, set up where there is none; one of another release that has nothing to do makes room first."""
        if self._found is None:
            own = self._ray.remote(Desk).options(
                name=self._name, get_if_exists=True, lifetime="detached", num_cpus=0, resources={HEAD: 0.001}
            )
            self._found = own.remote(version())
            release, jobs = self._ask("about")
            if release != version() and not jobs:
                self.leave()
                self._found = own.remote(version())
        return self._found

    def _ask(self, method: str, *arguments: object) -> Any:
        return self._ray.get(getattr(self._desk, method).remote(*arguments), timeout=PATIENCE)

    def prepare(self, root: str) -> None:
        """See that a node could have such a job, and that nodes have what it needs; `SpecError` where not."""
        place = self._place
        if not self._fits(place.cpus, place.gpus):
            raise SpecError(f"no node has {resources(place.cpus, place.gpus)}")
        nodes = sorted(self._nodes(), key=lambda node: HEAD not in node["Resources"])[:NODES_ASKED]
        by_node = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        asked = self._ray.remote(looker())
        looks = [
            asked.options(num_cpus=0, max_retries=0, scheduling_strategy=by_node(node["NodeID"], soft=False)).remote(
                root
            )
            for node in nodes
        ]
        ours = {"python": python_version(), "mia-explore": version()}
        for node, theirs, sees in self._ray.get(looks, timeout=PATIENCE):
            for what, own in ours.items():
                if theirs[what] != own:
                    found = f"{what} {theirs[what]}" if theirs[what] else f"no {what}"
                    raise SpecError(f"{node} has {found}, this machine {own}: make them the same")
            if place.shared and not sees:
                raise SpecError(f"{node} does not see {root}; without `shared` it need not")

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _fits(self, cpus: int, gpus: float) -> bool:
        there = (node["Resources"] for node in self._nodes())
        return any(own.get("CPU", 0) >= cpus and own.get("GPU", 0) >= gpus for own in there)

    def start(self, folder: str) -> tuple[str, str]:
        """Hand over the job of a folder, with the files that it needs; Ray's name for it, and why it waits."""
        place, content = self._place, (Path(folder) / JOB).read_bytes()
        given, token = json.loads(content), Path(folder).name
        gpus = 0.0 if given["cpu_only"] else place.gpus
        root = Path(given["run_folder"]).parents[1]
        for name in () if place.shared else sorted(needed(given["assignment"])):
            self._send(token, str(name.relative_to(root)), name)
        label = ", ".join(run_id for run_id, _ in given["jobs"])
        wants = Wants(label, place.cpus, gpus, folder if place.shared else "")
        task = self._ask("start", token, wants, content)
        words = resources(place.cpus, gpus)
        return task, f"for {words}" if self._fits(place.cpus, gpus) else f"no node has {words}"

    def _send(self, token: str, name: str, path: Path) -> None:
        offset, last = 0, False
        with open(path, "rb") as stream:
            while not last:
                data = stream.read(PART)
                last = len(data) < PART
                self._ask("put", token, name, offset, data)
                offset += len(data)

    def look(self, root: str, ours: Mapping[str, Told], over: Sequence[str]) -> dict[str, Seen]:
        """How our jobs stand, by their tokens; what they have told and made is in the project before this returns.

        over: tokens of others that are still known; what nobody knows is ended.
        """
        heard = {token: (_size(own.folder, EVENTS), _size(own.folder, LOG)) for token, own in ours.items()}
        found = {}
        for token, seen in self._ask("look", heard).items():
            if token in ours:
                try:
                    found[token] = self._bring_home(token, seen, Path(root), ours[token], *heard[token])
                except SpecError as error:
                    found[token] = replace(seen, over=True, code=None, reason=str(error))
            elif token not in over:
                self._ask("forget", token)
        return found

    def _bring_home(self, token: str, seen: Seen, root: Path, own: Told, events_at: int, log_at: int) -> Seen:
        for name, size in self._ask("brought", token, own.files) if seen.files > own.files else ():
            self._fetch(token, name, size, root)
        for name, at, data in ((LOG, log_at, seen.log), (EVENTS, events_at, seen.events)):
            if data:
                with open(os.open(Path(own.folder) / name, os.O_WRONLY | os.O_CREAT, 0o666), "wb") as stream:
                    stream.seek(at)
                    stream.write(data)
        if seen.log:
            with open(own.log, "ab") as stream:
                stream.write(seen.log)
        return replace(seen, events=b"", log=b"")

    def _fetch(self, token: str, name: str, size: int | None, root: Path) -> None:
        path = root / name
        if ".." in path.parts or (root / "runs") not in path.parents:
            raise SpecError(f"{name}: no file of a run")
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_links([path.parent, path])
        if size is None:
            path.unlink(missing_ok=True)
            return
        with replacing(path) as stream:
            for offset in range(0, size, PART):
                stream.write(self._ask("part", token, name, offset))

    def say(self, token: str, word: str) -> None:
        """A word to a job's process."""
        self._ask("say", token, word)

    def cancel(self, token: str) -> None:
        """End a job, its process by force."""
        self._ask("cancel", token)

    def forget(self, token: str) -> None:
        """Nobody needs it any more."""
        self._ask("forget", token)

    def leave(self) -> None:
        """Take the desk away if it has nothing to do."""
        if self._found is not None:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ask("leave")
            self._found = None


def needed(job: Mapping[str, Any]) -> set[Path]:
    """The files of a project that a job finds in it: those of its runs, answers to compare with, weights to take."""
    found: set[Path] = set()
    for own in (job, *job["mates"]):
        folder = Path(own["run_folder"])
        found |= {path for path in folder.rglob("*") if path.is_file() and path.name not in HERE_ONLY}
        found |= {folder.parent / other / ANSWERS for other in own["population"]}
        if own["job_id"][1] == "answers" and own["experiment"] and folder / WEIGHTS not in found:
            experiment = Experiment.from_dict(own["experiment"])
            for path in folder.parent.glob(f"{experiment.slug}-*/{WEIGHTS}"):
                if training_of(path) == experiment.training_id:
                    found |= {path, path.with_name(HISTORY)}
    return {path for path in found if path.is_file() and not path.name.endswith(UNFINISHED)}


def training_of(path: Path) -> str:
    """Which training a file of weights is from, as its first bytes tell; empty where they do not."""
    try:
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            return str(json.loads(stream.read(min(length, PART)))["__metadata__"]["training_id"])
    except (OSError, ValueError, KeyError):
        return ""


def looker() -> Callable[[str], tuple[str, dict[str, str], bool]]:
    """A function that tells of the node where it runs; it travels as it is, so that it needs nothing of ours there."""

    def look(root: str) -> tuple[str, dict[str, str], bool]:
        import os
        import sys
        from importlib import metadata

        try:
            release = metadata.version("mia-explore")
        except metadata.PackageNotFoundError:
            release = ""
        try:
            import engine  # noqa: F401 - whether it is there

            release = release or "source"
        except ImportError:
            release = ""
        python = ".".join(map(str, sys.version_info[:2]))
        return socket.gethostname(), {"python": python, "mia-explore": release}, os.path.isdir(root)

    return look


def python_version() -> str:
    """As releases of Python can differ in what they pickle."""
    return ".".join(map(str, sys.version_info[:2]))


def resources(cpus: int, gpus: float) -> str:
    """What a job asks for, in words."""
    return f"{gpus:g} GPU and {cpus} CPU" if gpus else f"{cpus} CPU"


def _size(folder: str, name: str) -> int:
    path = Path(folder) / name
    return path.stat().st_size if path.exists() else 0


def connected(place: RayPlace, desk: str) -> RayCluster:
    """The cluster; `ClusterBusyError` where there is none, or one of another release: it may be another one later."""
    try:
        return RayCluster(place, desk)
    except SpecError as error:
        raise ClusterBusyError(str(error)) from None


def main(pipe: Connection) -> None:
    """Answer until the engine is gone, or something unexpected happens."""
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, asked), daemon=True).start()
    answers: RayCluster | None = None
    place, desk = asked.get()
    while (question := asked.get()) is not None:
        try:
            if answers is None:
                answers = connected(place, desk)
            answer = getattr(answers, question[0])(*question[1]), None
        except (SpecError, ClusterBusyError) as error:
            answer = None, error
        except Exception as error:  # noqa: BLE001 - whatever Ray raises, a fresh process may do better
            cause = getattr(error, "cause", None) or error
            answer = None, ClusterBusyError(one_line(f"{place.address}: {type(cause).__name__}: {cause}")[:300])
        try:
            pipe.send(answer)
        except OSError:
            break
    if answers is not None:
        answers.leave()


def _listen(pipe: Connection, asked: queue.SimpleQueue[Any]) -> None:
    """Hand on what is asked; when the engine is gone there are some seconds to leave in."""
    with contextlib.suppress(OSError, EOFError):
        while True:
            asked.put(pipe.recv())
    asked.put(None)
    time.sleep(LEAVE_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
