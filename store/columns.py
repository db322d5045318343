"""`python -m store.columns < FILE.parquet > COLUMNS.npz`: a Parquet file's columns, for processes without duckdb.

The npz holds `names` and each column as `column_0`, `column_1` and so on: numbers, truths or text, one row each.
"""

import io
import sys

import duckdb
import numpy as np

STDIN = "/dev/stdin"
SETTINGS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def main() -> int:
    """Read the file at standard input; 2 with one line if it is no such table."""
    try:
        with duckdb.connect(config=SETTINGS) as session:
            found = session.execute(f"SELECT * FROM read_parquet('{STDIN}')").fetchnumpy()
    except duckdb.Error as error:
        print(str(error).splitlines()[0].replace(f" '{STDIN}'", ""), file=sys.stderr)
        return 2
    arrays = {f"column_{place}": _plain(values) for place, values in enumerate(found.values())}
    content = io.BytesIO()
    np.savez(content, names=np.array(list(found), str), **arrays)
    sys.stdout.buffer.write(content.getbuffer())
    return 0


def _plain(values: np.ndarray) -> np.ndarray:
    """Numbers and truths as they are with NaN for NULL; everything else as text, NULL as none."""
    whole = np.ma.getmaskarray(values)
    if values.dtype.kind in "fiu":
        return np.ma.filled(values.astype(np.float64), np.nan) if whole.any() else np.ma.getdata(values)
    if values.dtype.kind == "b" and not whole.any():
        return np.ma.getdata(values)
    data = zip(np.ma.getdata(values).tolist(), whole.tolist(), strict=True)
    return np.array(["" if missing or value is None else str(value) for value, missing in data], str)


if __name__ == "__main__":
    sys.exit(main())
