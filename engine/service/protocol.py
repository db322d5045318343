"""What clients and the engine say to each other over the project's socket.

Clients send `Request`; the engine answers each with `Reply` or `Failure` of the same number, in any order, and pushes
to those who subscribed. Commands and queries are named; there is no SQL in here.
"""

from typing import Any

import msgspec

from engine.job_settings import LOCAL
from engine.validation import require

PRIORITIES = range(-(2**31), 2**31)
"""What the database's column holds."""


def _require_priority(priority: int) -> None:
    require(priority in PRIORITIES, "priority", priority, f"{PRIORITIES[0]} to {PRIORITIES[-1]}")


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something a client asks for; the engine answers with the type named in each docstring."""


class GetStatus(Command):
    """How the engine is -> `Status`."""


class RunRequest(msgspec.Struct, frozen=True):
    """An experiment (`Experiment.to_dict()`) and how it is run (the fields of `engine.job_settings.RunOptions`)."""

    experiment: dict[str, Any]
    place: dict[str, Any]


class Submit(Command):
    """Queue the runs of a sweep -> `Runs` newly queued. Runs known already join the sweep and stay as they are.

    One that is done and lacks an attack, or has it under other settings, is queued for that alone: it is inferred from
    the answers it has kept.

    The answer comes after they are safely on disk. `SpecError` for a priority outside `PRIORITIES`.
    """

    sweep: str
    runs: list[RunRequest]
    priority: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be stored."""
        _require_priority(self.priority)


class Cancel(Command):
    """Take runs out of the queue and end those at work -> `Runs` cancelled, once their processes are gone.

    Those that a cluster was told to end, and has not within seconds, are among them. Of a run that is done, the attacks
    it was asked for afterwards.
    """

    run_ids: list[str]


class Retry(Command):
    """Queue what failed, diverged or was cancelled again, runs and attacks -> `Runs` newly queued."""

    run_ids: list[str]


class Prioritise(Command):
    """Give pending runs another priority, higher first -> `Runs` that were pending.

    `SpecError` for a priority outside `PRIORITIES`.
    """

    run_ids: list[str]
    priority: int

    def __post_init__(self) -> None:
        """Refuse what cannot be stored."""
        _require_priority(self.priority)


class Pause(Command):
    """Start no more runs; those that run go on -> `Done`."""


class Resume(Command):
    """Start runs again -> `Done`."""


class Stop(Command):
    """End the engine; running jobs write a checkpoint and are queued for the next engine -> `Done`, at once."""

    grace: float | None = None
    """Seconds they get for it: the engine's setting, or 0 to end them now and go on from the last checkpoint."""
    everywhere: bool = False
    """Whether jobs on clusters end too, which otherwise go on, to be found again by the next engine."""


class Query(Command):
    """A named query of the store -> `Rows`."""

    name: str
    params: dict[str, Any] = {}


class Export(Command):
    """Write a table to a file, complete and at full precision -> `Count` of rows."""

    table: str
    format: str
    path: str
    """Absolute."""
    filters: dict[str, Any] = {}


class Import(Command):
    """Take in the events of a JSON-lines file -> `Imported`."""

    path: str
    """Absolute."""


class Subscribe(Command):
    """Push progress, state changes and notices over this connection from now on -> `Done`."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a command comes back with."""


class Done(Answer):
    """It is done."""


class Runs(Answer):
    """Runs that the command has changed."""

    run_ids: list[str]


class Rows(Answer):
    """Rows of a query."""

    columns: list[str]
    rows: list[list[Any]]


class Count(Answer):
    """How many rows were written."""

    rows: int


class Imported(Answer):
    """Events taken in, and the numbers of the lines that were not: unreadable, or of a run that no line begins."""

    events: int
    unreadable: list[int]


class DeviceStatus(msgspec.Struct, frozen=True):
    """A device of the engine's machine, or a cluster."""

    name: str
    label: str
    slots: int
    running: list[str]
    taken: int
    """Slots at work: runs that are carried out together share one."""
    place: str = LOCAL
    """Where it is: `local`, or the cluster of which it has the name; its slots are jobs in the cluster's queue then."""


class Push(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Something told to subscribers; missing one is no error, `GetStatus` and `Query` tell it again."""


class RunProgress(Push):
    """How far a run is, at most twice a second for each run; the fields are those of `engine.events.Progress`."""

    run_id: str
    phase: str
    label: str
    fraction: float
    rate: float


class StateChange(Push):
    """A run has a new state, which is safely on disk."""

    run_id: str
    state: str
    error: str | None = None
    device: str | None = None
    """Where it runs, for `running`."""


class AttacksChange(Push):
    """How far the attacks are that a run was asked for after it was done, which leaves its own state as it is."""

    run_id: str
    state: str
    """`queued`, `running`, `done`, `failed` or `cancelled`."""
    error: str | None = None
    device: str | None = None


class Placement(Push):
    """Where a cluster has a run now, or why it has not begun; the fields are those of `executors.Placed`."""

    run_id: str
    job: str
    node: str = ""
    restarts: int = 0
    waits: str = ""


class Note(Push):
    """A line for the log on the screen; of one run, or of the engine itself."""

    message: str
    time: float
    run_id: str | None = None
    warning: bool = False
    """Whether it is one of the run's warnings, which stay beside its numbers."""


class Status(Answer):
    """The engine and its work."""

    pid: int
    host: str
    since: float
    """Seconds since 1970, UTC."""
    project: str
    versions: dict[str, str]
    devices: list[DeviceStatus]
    running: list[str]
    queued: int
    progress: list[RunProgress]
    """The latest of each running run."""
    placed: list[Placement]
    """Of the runs that clusters have."""
    paused: bool
    hold: str | None
    """Why no run starts although nobody paused the engine, such as a full disk."""
    disk_free: int
    """Bytes free on the project's disk."""


AnyCommand = (
    GetStatus | Submit | Cancel | Retry | Prioritise | Pause | Resume | Stop | Query | Export | Import | Subscribe
)
AnyAnswer = Done | Runs | Rows | Count | Imported | Status


class Request(msgspec.Struct, frozen=True):
    """A command, encoded apart so that one this engine does not know is refused by its number."""

    number: int
    command: msgspec.Raw


class Reply(msgspec.Struct, frozen=True, tag=True):
    """The answer to one request."""

    number: int
    answer: AnyAnswer


class Failure(msgspec.Struct, frozen=True, tag=True):
    """Why one request was refused, in one line made for a person."""

    number: int
    message: str


AnyMessage = Reply | Failure | RunProgress | StateChange | AttacksChange | Placement | Note
