"""Rows of the store's tables as a test reads them."""

INFERENCE = {"measure": "inference_accuracy", "view": "benign", "attack": "confidence", "threshold_rule": "oracle"}
"""The number that most tests look at."""


def records(table):
    """Each row by its columns' names."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def fact(table, **wanted):
    """The only row that has the wanted values."""
    (row,) = [row for row in records(table) if all(row[name] == value for name, value in wanted.items())]
    return row
