"""The tables: made on first opening, brought forward from earlier versions, refused when they are newer than we are."""

from pathlib import Path

from duckdb import DuckDBPyConnection

from store.errors import StoreError

VERSION = 11
FOLDER = Path(__file__).parent
PUBLISHED = FOLDER / "published.csv"
"""The paper's numbers in our words; loaded whenever the tables are made or brought forward."""


def version_of(connection: DuckDBPyConnection) -> int | None:
    """The schema's version; None for a database without tables, 0 for one that is not ours."""
    tables = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return None
    if "schema_version" not in tables:
        return 0
    return connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0]


def check(connection: DuckDBPyConnection, path: Path) -> None:
    """Refuse a database that this release cannot read as it is; `path` is for the message."""
    version = version_of(connection)
    if version is None or version == 0:
        raise StoreError(f"{path}: not a database of mia-explore")
    if version > VERSION:
        raise StoreError(f"{path}: written by a newer mia-explore (schema {version}, this one knows {VERSION})")
    if version < VERSION:
        raise StoreError(f"{path}: schema {version} must become {VERSION} first: mia-explore engine start")


def prepare(connection: DuckDBPyConnection, path: Path) -> None:
    """Make the tables or bring them forward; the caller holds the transaction, and `path` is for the message."""
    version = version_of(connection)
    if version is None:
        connection.execute((FOLDER / "schema.sql").read_text())
        connection.execute("INSERT INTO schema_version VALUES ($version)", {"version": VERSION})
    elif 0 < version < VERSION:
        for step in range(version + 1, VERSION + 1):
            connection.execute((FOLDER / "migrations" / f"{step}.sql").read_text())
        connection.execute("UPDATE schema_version SET version = $version", {"version": VERSION})
    else:
        check(connection, path)
        return
    quoted = str(PUBLISHED).replace("'", "''")
    connection.execute(f"COPY published FROM '{quoted}' (FORMAT csv, HEADER, NULLSTR '')")
