"""The page of tables names every column that can be exported, and no other."""

import re
from itertools import product
from pathlib import Path

import pytest

from engine.registry import VIEWS
from store.queries import QUERIES, TABLES

PAGE = (Path(__file__).resolve().parents[2] / "store" / "tables.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([\w, ]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
SPLITS = ("train", "test")


def named(section, columns):
    """The columns that a section speaks of: the first cells of its rows, or its list after `Columns:`."""
    cells = re.findall(r"^\| (`[^|]*`) \|", section, re.M) + re.findall(r"Columns: (.*?)\.\n", section, re.S)
    for word in re.findall(r"`([^`]+)`", " ".join(cells)):
        if word.startswith("..."):
            yield from (name for name in columns if name.endswith(word[3:]))
        else:
            for view, split in product(VIEWS, SPLITS):
                yield word.replace("VIEW", view).replace("SPLIT", split)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_named(store, table):
    columns = store.query(table, **dict.fromkeys(QUERIES[table].required, "")).columns
    (section,) = (text for heading, text in SECTIONS.items() if table in heading.split(", "))
    found = set(named(section, columns))
    assert set(columns) <= found
    assert {name for name in found if not name.startswith(("targeted", "paper_targeted"))} <= set(columns)
