r"""Whole tables to files, complete and at full precision, in the order and with the columns of the named queries.

CSV: UTF-8, one header line, `\n`; NULL is an empty field and an empty text is `""`; not-a-number is `nan`; texts are
as `engine.text.csv_text` makes them: no terminal obeys them and no spreadsheet computes them.
JSON: a list of objects; JSON knows no not-a-number nor infinity, so both are null there. Parquet keeps all as it is.
"""

import os
from pathlib import Path
from typing import Any

from store import queries
from store.errors import StoreError
from store.store import Reader

_HARMLESS = r"""CASE WHEN regexp_matches({0}, '^[=+@-]|[\p{{C}}\p{{Zl}}\p{{Zp}}]')
THEN CASE WHEN left({0}, 1) IN ('=', '+', '-', '@') THEN chr(39) ELSE '' END
    || regexp_replace({0}, '[\p{{C}}\p{{Zl}}\p{{Zp}}]', chr(65533), 'g')
ELSE {0} END"""
"""A text as `engine.text.csv_text` has it; one look is enough where it is harmless already."""
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
                select = _replaced(cursor, select, values, "DOUBLE", "CASE WHEN isfinite({0}) THEN {0} END")
            if format == "csv":
                select = _replaced(cursor, select, values, "VARCHAR", _HARMLESS)
            copy = f"COPY (SELECT * FROM ({select}) ORDER BY {order}) TO '{quoted}' ({FORMATS[format]})"
            ((rows,),) = cursor.execute(copy, values).fetchall()
            partial.chmod(0o600)  # as all that tells who was in a training set
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _replaced(cursor: Any, select: str, values: dict[str, Any], kind: str, by: str) -> str:
    """The same question with an expression in place of each column of one type, which is `{0}` in it."""
    cursor.execute(f"SELECT * FROM ({select}) LIMIT 0", values).fetchall()
    names = [column[0] for column in cursor.description if column[1] == kind]
    columns = ", ".join(f"{by.format(name)} AS {name}" for name in names)
    return f"SELECT * REPLACE ({columns}) FROM ({select})" if names else select
