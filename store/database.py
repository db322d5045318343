"""The open DuckDB file: one cursor per session, each error one line, opened again after a full disk closed it."""

import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from store.errors import StoreBusy, StoreError, StoreFull

OFFLINE = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
"""Nothing is ever fetched from the network; JSON and Parquet are built in."""
_FULL = re.compile(r"no space left|file too large|quota exceeded|read-only file system|permission denied", re.I)


def one_line(subject: Path, error: Exception) -> StoreError:
    """What DuckDB or the system said about a file, as the typed error that callers know."""
    text = str(error).strip().partition("\n")[0]
    text = re.sub(r"^(\w+ )?(\w+ Error: )+", "", text)
    if "Could not set lock" in text:
        pid = re.search(r"PID (\d+)", text)
        return StoreBusy(f"{subject}: in use by {f'process {pid[1]}' if pid else 'another process'}")
    if _FULL.search(str(error)):
        return StoreFull(f"{subject}: the disk is full or cannot be written ({text})")
    return StoreError(f"{subject}: {text}")


class Database:
    """One DuckDB file and the cursors on it. Thread-safe; a cursor itself belongs to one session."""

    def __init__(self, path: Path, read_only: bool):
        self.path, self.read_only = path, read_only
        self._lock = threading.Lock()
        self._root: DuckDBPyConnection | None = None
        self._cursors: weakref.WeakKeyDictionary[Session, DuckDBPyConnection] = weakref.WeakKeyDictionary()
        self._closed = False

    def cursor_of(self, session: "Session") -> DuckDBPyConnection:
        """The session's own cursor, opening the file if need be."""
        with self._lock:
            if self._closed:
                raise StoreError(f"{self.path}: already closed")
            if self._root is None:
                self._root = duckdb.connect(self.path, read_only=self.read_only, config=OFFLINE)
            if session not in self._cursors:
                self._cursors[session] = self._root.cursor()
            return self._cursors[session]

    def release(self, session: "Session") -> None:
        """Close one session's cursor."""
        with self._lock:
            if (cursor := self._cursors.pop(session, None)) is not None:
                cursor.close()

    def drop(self) -> None:
        """Close everything; the next cursor opens the file again, from what is on the disk."""
        with self._lock:
            for connection in (*self._cursors.values(), self._root):
                if connection is not None:
                    with suppress(duckdb.Error):
                        connection.close()
            self._cursors.clear()
            self._root = None

    def close(self) -> None:
        """Close the file for good."""
        self.drop()
        self._closed = True


class Session:
    """One thread's way to the database. A second thread waits: a shared cursor would mix up their answers."""

    def __init__(self, database: Database):
        self.database = database
        self._lock = threading.RLock()

    @contextmanager
    def cursor(self, about: Path | None = None) -> Iterator[DuckDBPyConnection]:
        """The cursor, for one holder at a time; errors are told `about` a file, the database's own by default."""
        with self._lock:
            try:
                yield self.database.cursor_of(self)
            except duckdb.FatalException as error:
                # A checkpoint met a full disk: what was committed is in the log, but this instance answers no more.
                self.database.drop()
                raise one_line(about or self.database.path, error) from None
            except (duckdb.Error, OSError) as error:
                raise one_line(about or self.database.path, error) from None

    @contextmanager
    def transaction(self) -> Iterator[DuckDBPyConnection]:
        """The cursor inside a transaction: all or nothing, and on the disk when this returns."""
        with self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                raise

    def fetch(self, sql: str, values: dict[str, Any] | None = None) -> tuple[tuple[str, ...], list[tuple]]:
        """Names of the columns and all rows."""
        with self.cursor() as cursor:
            rows = cursor.execute(sql, values or {}).fetchall()
            return tuple(column[0] for column in cursor.description), rows

    def close(self) -> None:
        """Give the cursor back."""
        self.database.release(self)
