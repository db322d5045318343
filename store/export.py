r"""Whole tables to files, complete and at full precision, in the order and with the columns of the named queries.

CSV: UTF-8, one header line, `\n`; NULL is an empty field and an empty text is `""`; not-a-number is `nan`.
JSON: a list of objects; JSON knows no not-a-number nor infinity, so both are null there. Parquet keeps all as it is.
"""

import os
from pathlib import Path
from typing import Any

from store import queries
from store.errors import StoreError
from store.store import Reader

FORMATS = {
    "csv": "FORMAT csv, HEADER true, DELIMITER ',', NULLSTR ''",
    "parquet": "FORMAT parquet",
    "json": "FORMAT json, ARRAY true",
}


def export(reader: Reader, table: str, format: str, path: Path, /, **filters: Any) -> int:
    """Write one of `store.queries.TABLES` to a file and return the number of rows; an empty table is no error.

    The file appears under its name only when it is complete. `StoreError` for what cannot be written or is unknown.
    """
    if format not in FORMATS:
        raise StoreError(f"format {format!r} is not known; formats: {', '.join(FORMATS)}")
    select, order, values = queries.export_statement(table, filters)
    path = Path(path)
    if not path.parent.is_dir():
        raise StoreError(f"{path}: no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path}: not a regular file; the command line's `-` writes to standard output")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    quoted = str(partial).replace("'", "''")
    try:
        with reader.session.cursor(about=path) as cursor:
            if format == "json":
                select = _without_nan(cursor, select, values)
            copy = f"COPY (SELECT * FROM ({select}) ORDER BY {order}) TO '{quoted}' ({FORMATS[format]})"
            ((rows,),) = cursor.execute(copy, values).fetchall()
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _without_nan(cursor: Any, select: str, values: dict[str, Any]) -> str:
    """The same question with NULL for every float that JSON cannot write."""
    cursor.execute(f"SELECT * FROM ({select}) LIMIT 0", values).fetchall()
    floats = [column[0] for column in cursor.description if column[1] == "DOUBLE"]
    finite = ", ".join(f"CASE WHEN isfinite({name}) THEN {name} END AS {name}" for name in floats)
    return f"SELECT * REPLACE ({finite}) FROM ({select})" if floats else select
