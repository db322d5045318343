"""Rows of the store's tables as a test reads and writes them."""

from store.decoding import columns, decode
from store.queries import QUERIES

INFERENCE = {"metric": "inference_accuracy", "view": "benign", "attack": "confidence", "threshold_rule": "oracle"}
"""The number that most tests look at."""


def records(table):
    """Each row by its columns' names."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def fact(table, **wanted):
    """The only row that has the wanted values."""
    (row,) = [row for row in records(table) if all(row[name] == value for name, value in wanted.items())]
    return row


def typed(query, row):
    """A row of a query from values by column; those not named are empty, save that a run was trained by itself.

    A typed row stays what it is.
    """
    kind = QUERIES[query].row
    if isinstance(row, kind):
        return row
    names = columns(kind)
    assert row.keys() <= set(names), f"no columns of {query}: {row.keys() - set(names)}"
    row = {"together": 1} | row
    (found,) = decode(query, names, [[row.get(name) for name in names]])
    return found
