"""Files hold what the queries answer: every row, every digit, NULL and empty text apart."""

import csv
import json
import math
import os
import stat

import duckdb
import numpy as np
import pytest

from engine.events import ATTACK_SCORE_TYPES, AttackScores, History, RunEnded
from store.export import FORMATS, export
from store.queries import TABLES, export_statement
from store.store import Store, StoreError


@pytest.fixture
def filled(store, experiment, log):
    """Two seeds done; one run failed with an empty error, one with a text that CSV must quote; losses are nan."""
    for seed in (0, 1):
        told = log(experiment(dataset="yale", capacity=8.0, epsilon=8 / 255, seed=seed), value=0.1 + 0.2)
        of = {"run_id": told[0].run_id, "attack": "lira", "view": "benign", "threshold_rule": "references"}
        columns = {name: np.arange(3).astype(dtype) for name, dtype in ATTACK_SCORE_TYPES.items()}
        store.apply([*told, AttackScores(**of, **columns)])
    with store.session.transaction() as cursor:
        cursor.execute("UPDATE runs SET population = 'p'")
    for seed, error in ((2, ""), (3, 'disk "full",\nNULL')):
        started = log(experiment("natural", seed=seed))[0]
        loss = History(run_id=started.run_id, step=0, epoch=0, metrics={"loss": math.nan})
        store.apply([started, loss, RunEnded(run_id=started.run_id, state="failed", time=200.0, error=error)])
    return store


def answer(store, table):
    """Columns, types and rows of the whole table, as the database itself gives them."""
    select, order, values = export_statement(table, {})
    with store.session.cursor() as cursor:
        rows = cursor.execute(f"SELECT * FROM ({select}) ORDER BY {order}", values).fetchall()
        return {column[0]: str(column[1]) for column in cursor.description}, rows


def same(rows):
    """Rows as text, in which not-a-number equals itself."""
    return [repr(row) for row in rows]


@pytest.mark.parametrize("table", TABLES)
def test_parquet_json_and_csv_hold_exactly_what_the_query_answers(filled, tmp_path, table):
    types, rows = answer(filled, table)
    for format in FORMATS:
        assert export(filled, table, format, tmp_path / f"t.{format}") == len(rows) > 0
    parquet = duckdb.execute(f"FROM '{tmp_path}/t.parquet'").fetchall()
    assert same(parquet) == same(rows)
    read = duckdb.read_csv(f"{tmp_path}/t.csv", header=True, dtype=types, na_values="", allow_quoted_nulls=False)
    assert same(read.fetchall()) == same(rows)
    finite = [[None if value != value else value for value in row] for row in rows]
    assert [list(record.values()) for record in json.loads((tmp_path / "t.json").read_text())] == finite
    assert list(json.loads((tmp_path / "t.json").read_text())[0]) == list(types)


def test_null_is_an_empty_field_and_empty_text_is_quoted(filled, tmp_path):
    export(filled, "runs", "csv", tmp_path / "t.csv", state=["failed", "done"])
    text = (tmp_path / "t.csv").read_text()
    assert ',200.0,1,"",,' in text
    assert ',200.0,1,"disk ""full"", NULL",,' in text
    assert ",110.0,1,,0.9," in text
    assert "\r" not in text


def test_plain_csv_readers_get_every_digit(filled, tmp_path):
    export(filled, "leakage", "csv", tmp_path / "t.csv", metric="inference_accuracy")
    with open(tmp_path / "t.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {float(row["value"]) for row in rows} == {0.1 + 0.2}
    assert {float(row["epsilon"]) for row in rows} == {8 / 255}
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert {row["class_label"] for row in rows} == {"", "0", "1"}


def test_an_empty_table_has_its_header_in_every_format(path, tmp_path):
    with Store(path) as store:
        for table in TABLES:
            columns = list(answer(store, table)[0])
            narrow = {"dataset": "digits"}
            assert export(store, table, "csv", tmp_path / "t.csv", **narrow) == 0
            assert (tmp_path / "t.csv").read_text() == ",".join(columns) + "\n"
            export(store, table, "json", tmp_path / "t.json", **narrow)
            assert json.loads((tmp_path / "t.json").read_text()) == []
            export(store, table, "parquet", tmp_path / "t.parquet", **narrow)
            described = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/t.parquet'").fetchall()
            assert [row[0] for row in described] == columns


def test_the_same_log_imported_twice_exports_the_same_bytes(tmp_path, experiment, log):
    events = [event for seed in range(3) for event in log(experiment(seed=seed), stops=1)]
    written = []
    for name in ("once", "twice"):
        with Store(tmp_path / f"{name}.duckdb") as store:
            store.apply(events)
            if name == "twice":
                store.apply(events)
            for table in TABLES:
                export(store, table, "csv", tmp_path / f"{name}-{table}.csv")
        written.append([(tmp_path / f"{name}-{table}.csv").read_bytes() for table in TABLES])
    assert written[0] == written[1]


def test_scores_of_a_real_size_are_exported_whole(store, experiment, log, scores, tmp_path):
    run_id = experiment().run_id
    store.apply([log(experiment())[0], scores(run_id, members=60_000, nonmembers=10_000)])
    assert export(store, "scores", "csv", tmp_path / "t.csv", run_id=run_id, view="benign") == 70_000
    with open(tmp_path / "t.csv", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    stored = store.query("scores", limit=70_000).rows
    assert [float(row[5]) for row in rows] == [row[5] for row in stored]
    assert [float(row[6]) for row in rows] == [row[6] for row in stored]


def test_a_reader_exports_too_and_quotes_in_a_path_are_harmless(filled, tmp_path):
    with filled.reader() as reader:
        assert export(reader, "runs", "csv", tmp_path / "it's.csv") == 4
    assert (tmp_path / "it's.csv").exists()


@pytest.mark.parametrize(
    ("table", "format", "place", "filters", "message"),
    [
        ("run", "csv", "t.csv", {}, "allowed: runs, capacity"),
        ("runs", "xlsx", "t.xlsx", {}, "formats: csv, parquet, json"),
        ("runs", "csv", "nowhere/t.csv", {}, "no folder"),
        ("runs", "csv", "", {}, "not a regular file"),
        ("scores", "csv", "t.csv", {"limit": 3}, "filter of scores"),
        ("runs", "csv", "t.csv", {"path": "x"}, "filter of runs"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line_and_leaves_nothing(
    filled, tmp_path, table, format, place, filters, message
):
    folder = tmp_path / "exports"
    folder.mkdir()
    with pytest.raises(StoreError, match=message) as refusal:
        export(filled, table, format, folder / place, **filters)
    assert "\n" not in str(refusal.value)
    assert list(folder.iterdir()) == []
    assert [name for name in os.listdir(tmp_path) if name.endswith("partial")] == []


def test_a_failed_export_keeps_the_earlier_file(filled, tmp_path):
    target = tmp_path / "t.csv"
    export(filled, "runs", "csv", target)
    before = target.read_bytes()
    filled.close()
    with pytest.raises(StoreError):
        export(filled, "runs", "csv", target)
    assert target.read_bytes() == before


def test_a_file_is_its_owners_alone_whatever_the_umask(store, tmp_path):
    before = os.umask(0)
    try:
        export(store, "runs", "csv", tmp_path / "runs.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "runs.csv").stat().st_mode) == 0o600
