"""Old files are brought forward, newer ones refused, and the paper's numbers come along."""

import csv
import json

import duckdb
import pytest

from store.schema import PUBLISHED, VERSION
from store.store import Store, StoreError

VERSION_1 = """
CREATE TABLE schema_version (version INTEGER);
INSERT INTO schema_version VALUES (1);
CREATE TABLE runs (run_id VARCHAR PRIMARY KEY, name VARCHAR, sweep VARCHAR, dataset VARCHAR, network VARCHAR,
    capacity DOUBLE, defense VARCHAR, epsilon DOUBLE, seed BIGINT, train_fraction DOUBLE, spec JSON, state VARCHAR,
    device VARCHAR, created DOUBLE, started DOUBLE, ended DOUBLE, error VARCHAR, versions JSON);
CREATE TABLE history (run_id VARCHAR, step BIGINT, epoch INTEGER, metric VARCHAR, value DOUBLE);
CREATE TABLE accuracies (run_id VARCHAR, view VARCHAR, split VARCHAR, accuracy DOUBLE, n BIGINT);
CREATE TABLE scores (run_id VARCHAR, view VARCHAR, example INTEGER, member BOOLEAN, label INTEGER, confidence FLOAT,
    margin DOUBLE, correct BOOLEAN);
CREATE TABLE leakage (run_id VARCHAR, attack VARCHAR, view VARCHAR, class_label INTEGER, threshold_rule VARCHAR,
    metric VARCHAR, value DOUBLE, ci_low DOUBLE, ci_high DOUBLE, n_member BIGINT, n_nonmember BIGINT);
CREATE TABLE published (dataset VARCHAR, value DOUBLE);
"""
COLUMNS = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"


@pytest.fixture
def old(path, experiment):
    """A file as version 1 left it: one finished run of a sweep, one imported run, some facts."""
    connection = duckdb.connect(path)
    connection.execute(VERSION_1)
    for seed, (sweep, created) in enumerate([("first", 20.0), (None, 10.0)]):
        asked = experiment(seed=seed)
        row = (asked.run_id, asked.slug, sweep, "digits", "small-cnn", 2.0, "pgd", 0.1, seed, 1.0)
        rest = (json.dumps(asked.to_dict()), "done", "cpu", created, created, created + 5, None, "{}")
        connection.execute(f"INSERT INTO runs VALUES ({', '.join('?' * 18)})", [*row, *rest])
        connection.execute("INSERT INTO accuracies VALUES (?, 'benign', 'test', 0.9, 10)", [asked.run_id])
        connection.execute("INSERT INTO history VALUES (?, 7, 0, 'loss', 0.5)", [asked.run_id])
    connection.close()
    return path


def test_an_old_file_gets_the_tables_of_a_new_one(old, tmp_path):
    with Store(old) as forward, Store(tmp_path / "new.duckdb") as fresh:
        assert forward.session.fetch(COLUMNS) == fresh.session.fetch(COLUMNS)
        assert forward.query("published") == fresh.query("published")
        assert forward.session.fetch("FROM schema_version")[1] == [(VERSION,)]


def test_an_old_file_keeps_its_runs_and_goes_on(old, experiment, log):
    with Store(old) as store:
        row = "SELECT seed, submission, evaluation_epsilon, priority, attempts FROM runs ORDER BY submission"
        assert store.session.fetch(row)[1] == [(1, 1, 0.1, 0, 0), (0, 2, 0.1, 0, 0)]
        assert store.session.fetch("FROM sweeps")[1] == [("first", experiment(seed=0).run_id, 0)]
        assert [row[12] for row in store.query("capacity").rows] == [0.9]
        store.apply(log(experiment(seed=0)))
        store.apply(log(experiment(seed=2)))
        assert [row[1] for row in store.query("history", run_id=experiment(seed=0).run_id).rows] == [7, 10, 10]
        assert store.query("runs").rows[-1][1] == 3
    Store(old).close()


def test_an_old_file_is_not_changed_by_reading(old):
    with pytest.raises(StoreError, match="schema 1 must become 2 first"):
        Store(old, read_only=True)
    with Store(old):
        pass
    Store(old, read_only=True).close()


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(old):
    connection = duckdb.connect(old)
    connection.execute("DROP TABLE published")
    connection.close()
    with pytest.raises(StoreError):
        Store(old)
    connection = duckdb.connect(old)
    assert connection.execute("FROM schema_version").fetchall() == [(1,)]
    assert len(connection.execute("FROM duckdb_columns() WHERE table_name = 'runs'").fetchall()) == 18
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_file_is_refused_in_one_line(path, read_only):
    with Store(path) as store, store.session.transaction() as cursor:
        cursor.execute("UPDATE schema_version SET version = version + 1")
    with pytest.raises(StoreError, match=rf"newer mia-explore \(schema {VERSION + 1}, this one knows {VERSION}\)"):
        Store(path, read_only=read_only)


def test_a_database_of_something_else_is_refused(path):
    connection = duckdb.connect(path)
    connection.execute("CREATE TABLE customers (name VARCHAR)")
    connection.close()
    with pytest.raises(StoreError, match="not a database of mia-explore"):
        Store(path)


def published():
    with open(PUBLISHED, newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_published_fact_is_stored_as_written(store):
    table = store.query("published")
    stored = {tuple("" if value is None else str(value) for value in row) for row in table.rows}
    written = {
        tuple(
            str(float(row[name])) if row[name] and name in ("epsilon", "capacity", "value") else row[name]
            for name in row
        )
        for row in published()
    }
    assert len(table.rows) == 240
    assert table.columns == tuple(published()[0])
    assert stored == written


def test_published_facts_speak_our_words():
    rows = published()
    words = {name: {row[name] for row in rows if row[name]} for name in rows[0]}
    assert words["dataset"] == {"yale", "fashion-mnist", "cifar10"}
    assert words["defense"] == {"natural", "pgd", "distributional", "trades", "dual", "abstract", "ibp"}
    assert words["view"] == {"benign", "adversarial", "targeted", "certified"}
    assert words["attack"] == {"confidence", "confidence-class", "model-class"}
    assert words["threshold_rule"] == {"oracle", "heldout"}
    assert {float(value) for value in words["epsilon"]} == {2 / 255, 4 / 255, 8 / 255, 0.1}


def test_each_source_says_a_published_fact_once():
    facts = [
        tuple(value for name, value in row.items() if name not in ("printed_in", "epsilon_text", "value"))
        for row in published()
    ]
    assert len(facts) == len(set(facts))


def test_published_facts_are_those_of_the_reference(shared):
    """Row by row: nothing was left out, rounded or reordered on the way into our words."""
    with open(shared / "reference" / "published.csv", newline="") as stream:
        reference = list(csv.DictReader(stream))
    ours = published()
    assert [row["value"] for row in ours] == [row["value"] for row in reference]
    assert [row["class_label"] for row in ours] == [row["class_label"] for row in reference]
    assert [row["epsilon_text"] for row in ours] == [row["epsilon"] for row in reference]
