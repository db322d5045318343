"""Where everything of one project folder lies, which engine holds it, and where that engine listens."""

import fcntl
import hashlib
import json
import os
import pwd
import socket
import stat
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.ownfiles import LinkError, refuse_links

SOCKET_PATH_LIMIT = 100
"""Longest socket path in bytes; `sun_path` holds 108 on Linux and 104 elsewhere."""

GLANCE_SECONDS = 0.2
"""A lock may be held for this long by those who only look whether an engine holds it (`Project.held`)."""
MISREAD = ("?", "\\")
"""What DuckDB takes for the beginning of a query and for a separator of folders: it would write somewhere else."""


def hostname() -> str:
    """The name by which engines and clients tell whether they are on one machine."""
    return socket.gethostname()


class ProjectError(RuntimeError):
    """A folder that cannot be used; the message is one line made for a person."""


@dataclass(frozen=True)
class Holder:
    """The engine that holds a project, as written in its lock file."""

    pid: int
    host: str
    since: float
    """Seconds since 1970, UTC."""
    socket: str

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"pid {self.pid} on {self.host} since {when}"


class EngineBusy(ProjectError):  # noqa: N818 - no failure: somebody else is at work
    """Another engine holds the project."""


@dataclass(frozen=True)
class Project:
    """The paths of one project folder."""

    root: Path

    @classmethod
    def at(cls, folder: str | Path) -> "Project":
        """The project in a folder, by its real path; the folder need not exist yet.

        `ProjectError` for a path in which no database can lie.
        """
        try:
            root = Path(folder).expanduser().resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, nobody's home, a zero byte
            raise ProjectError(f"{folder}: is no path of a folder: {error}") from None
        if wrong := [letter for letter in MISREAD if letter in str(root)]:
            raise ProjectError(f"{root}: DuckDB misreads {wrong[0]} in a path; choose a folder without it")
        return cls(root)

    @property
    def database(self) -> Path:
        """The DuckDB file; only an engine, or the command line without one, opens it."""
        return self.root / "explore.duckdb"

    @property
    def runs(self) -> Path:
        """Parent of every run's folder."""
        return self.root / "runs"

    @property
    def handovers(self) -> Path:
        """Jobs that clusters have, in a folder for each place."""
        return self.root / "cluster"

    @property
    def lock(self) -> Path:
        """Locked by the engine while it lives; says who it is."""
        return self.root / "engine.lock"

    @property
    def log(self) -> Path:
        """What the engine did."""
        return self.root / "engine.log"

    @property
    def last_words(self) -> Path:
        """What reached the engine's standard error, where a crash of the interpreter itself would show."""
        return self.root / "engine.stderr"

    def refuse_links(self) -> None:
        """`LinkError` where one of the project's own files, or the folder of runs, is a link."""
        wal = self.database.with_name(f"{self.database.name}.wal")
        refuse_links((self.lock, self.database, wal, self.runs, self.log, self.last_words))

    def run_folder(self, run_id: str) -> Path:
        """Checkpoints, weights, predictions and `job.log` of one run."""
        return self.runs / run_id

    @property
    def socket_name(self) -> str:
        """The socket's file name, made from the project's path: a copy of the project has another."""
        return f"{hashlib.blake2b(os.fsencode(self.root), digest_size=8).hexdigest()}.sock"

    def socket_path(self) -> Path:
        """Where an engine started now would listen, in a private folder."""
        path = socket_folder() / self.socket_name
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise ProjectError(f"{path}: too long for a socket; set XDG_RUNTIME_DIR or TMPDIR to a shorter path")
        return path

    @property
    def held(self) -> bool:
        """Whether an engine on this machine is at work here, whatever the lock file says: the system knows its lock."""
        try:
            with open(self.lock, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @property
    def foreign(self) -> str | None:
        """Who owns a folder that this user may not look into; None where he may."""
        if os.access(self.root, os.R_OK | os.X_OK):
            return None
        for folder in (self.root, *self.root.parents):
            try:
                return user_name(folder.stat().st_uid)
            except PermissionError:
                continue  # what lies within a folder that may not be entered cannot even be looked at
            except OSError:
                break
        return None

    def holder(self) -> Holder | None:
        """The engine named in the lock file, which may be gone by now; None where no engine left its name."""
        try:
            return Holder(**json.loads(self.lock.read_text()))
        except (OSError, ValueError, TypeError):
            return None


def user_name(uid: int) -> str:
    """The user's name, or his number where the system has no name for him."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def suspended(pid: int) -> bool:
    """Whether a process of this machine is stopped by a signal (Ctrl+Z, `kill -STOP`); told on Linux only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] in ("T", "t")
    except OSError:
        return False


def socket_folder() -> Path:
    """The user's own folder for sockets, made if need be; ProjectError if others own it or may enter it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isdir(runtime) and os.access(runtime, os.W_OK | os.X_OK):
        folder = Path(runtime) / "mia-explore"
    else:
        folder = Path(tempfile.gettempdir()) / f"mia-explore-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ProjectError(f"{folder}: cannot hold the engine's socket: {error.strerror}") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ProjectError(f"{folder}: not a folder of yours; remove it or set XDG_RUNTIME_DIR to one that is")
    if status.st_mode & 0o077:
        raise ProjectError(f"{folder}: others may enter it; make it private: chmod 700 {folder}")
    return folder


def _lock(file: int) -> None:
    """Take a lock for oneself alone; BlockingIOError where somebody holds it for longer than a look."""
    deadline = time.monotonic() + GLANCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        time.sleep(GLANCE_SECONDS / 20)


class ProjectLock:
    """The one engine's claim on a project; the system releases it when the process ends, however it ends."""

    def __init__(self, project: Project):
        self._project = project
        self.since = time.time()
        try:
            project.root.mkdir(parents=True, exist_ok=True)
            project.refuse_links()
            self._file = os.open(project.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except LinkError as error:
            raise ProjectError(str(error)) from None
        except OSError as error:
            raise ProjectError(f"{project.root}: cannot be used as a project folder: {error.strerror}") from None
        try:
            _lock(self._file)
        except OSError as error:
            os.close(self._file)
            if not isinstance(error, BlockingIOError):
                raise ProjectError(f"{project.lock}: cannot be locked: {error.strerror}") from None
            who = project.holder() or "who has not given its name yet"
            raise EngineBusy(f"{project.root}: an engine already runs here: {who}") from None
        self.publish("")

    def publish(self, path: Path | str) -> None:
        """Write who holds the project and where it listens; an empty path says that it does not yet."""
        holder = Holder(os.getpid(), hostname(), self.since, str(path))
        content = json.dumps(asdict(holder)).encode()
        os.pwrite(self._file, content, 0)
        os.ftruncate(self._file, len(content))

    @property
    def lost(self) -> bool:
        """Whether the project's folder was removed, or replaced by another, under this engine."""
        try:
            return not os.path.samestat(os.stat(self._project.lock), os.fstat(self._file))
        except OSError:
            return True

    def release(self) -> None:
        """Take the name out and let another engine in."""
        os.ftruncate(self._file, 0)
        os.close(self._file)
