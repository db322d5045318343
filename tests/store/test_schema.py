"""Old files are brought forward, newer ones refused, and the paper's numbers come along."""

import csv
import json

import duckdb
import pytest

from store.schema import PUBLISHED, VERSION
from store.store import NewRun, Store, StoreError

FACTS = """
CREATE TABLE history (run_id VARCHAR, step BIGINT, epoch INTEGER, metric VARCHAR, value DOUBLE);
CREATE TABLE accuracies (run_id VARCHAR, view VARCHAR, split VARCHAR, accuracy DOUBLE, n BIGINT);
CREATE TABLE scores (run_id VARCHAR, view VARCHAR, example INTEGER, member BOOLEAN, label INTEGER, confidence FLOAT,
    margin DOUBLE, correct BOOLEAN);
CREATE TABLE leakage (run_id VARCHAR, attack VARCHAR, view VARCHAR, class_label INTEGER, threshold_rule VARCHAR,
    metric VARCHAR, value DOUBLE, ci_low DOUBLE, ci_high DOUBLE, n_member BIGINT, n_nonmember BIGINT);
"""
VERSIONS = {
    1: f"""
CREATE TABLE schema_version (version INTEGER);
INSERT INTO schema_version VALUES (1);
CREATE TABLE runs (run_id VARCHAR PRIMARY KEY, name VARCHAR, sweep VARCHAR, dataset VARCHAR, network VARCHAR,
    capacity DOUBLE, defense VARCHAR, epsilon DOUBLE, seed BIGINT, train_fraction DOUBLE, spec JSON, state VARCHAR,
    device VARCHAR, created DOUBLE, started DOUBLE, ended DOUBLE, error VARCHAR, versions JSON);
{FACTS}
CREATE TABLE published (dataset VARCHAR, value DOUBLE);
""",
    2: f"""
CREATE TABLE schema_version (version INTEGER);
INSERT INTO schema_version VALUES (2);
CREATE TABLE runs (run_id VARCHAR PRIMARY KEY, submission BIGINT, name VARCHAR, sweep VARCHAR, dataset VARCHAR,
    network VARCHAR, capacity DOUBLE, defense VARCHAR, epsilon DOUBLE, evaluation_epsilon DOUBLE, seed BIGINT,
    train_fraction DOUBLE, spec JSON, place JSON, state VARCHAR, priority INTEGER, attempts INTEGER, device VARCHAR,
    created DOUBLE, started DOUBLE, ended DOUBLE, error VARCHAR, versions JSON);
CREATE TABLE sweeps (sweep VARCHAR, run_id VARCHAR, position INTEGER, PRIMARY KEY (sweep, run_id));
{FACTS}
CREATE TABLE published (printed_in VARCHAR, dataset VARCHAR, train_fraction DOUBLE, defense VARCHAR, epsilon DOUBLE,
    epsilon_text VARCHAR, capacity DOUBLE, class_label INTEGER, metric VARCHAR, attack VARCHAR, view VARCHAR,
    split VARCHAR, threshold_rule VARCHAR, value DOUBLE, source VARCHAR);
COPY published FROM '{PUBLISHED}' (FORMAT csv, HEADER, NULLSTR '');
UPDATE published SET value = 0.123 WHERE metric = 'inference_accuracy';
""",
}
VERSIONS[3] = (
    VERSIONS[2].replace("VALUES (2)", "VALUES (3)")
    + """
ALTER TABLE leakage ADD COLUMN leaks BOOLEAN;
ALTER TABLE scores ADD COLUMN risk FLOAT;
"""
)
VERSIONS[4] = (
    VERSIONS[3].replace("VALUES (3)", "VALUES (4)")
    + """
ALTER TABLE runs ADD COLUMN setting VARCHAR;
ALTER TABLE accuracies ADD COLUMN calibration_error DOUBLE;
"""
)
VERSIONS[5] = (
    VERSIONS[4].replace("VALUES (4)", "VALUES (5)")
    + """
CREATE TABLE class_names (run_id VARCHAR, class_label INTEGER, name VARCHAR);
"""
)
VERSIONS[6] = (
    VERSIONS[5].replace("VALUES (5)", "VALUES (6)")
    + """
CREATE TABLE warnings (run_id VARCHAR, topic VARCHAR, view VARCHAR, message VARCHAR);
"""
)
COLUMNS = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
BY_MIGRATION = {"schema_version", "published"}
"""Tables whose content a migration replaces."""


def put(connection, table, **values):
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", list(values.values()))


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def old(path, experiment, version):
    """A file as an earlier version left it: one finished run of a sweep, one imported run, some facts of each."""
    connection = duckdb.connect(path)
    connection.execute(VERSIONS[version])
    for seed, (sweep, created) in enumerate([("first", 20.0), (None, 10.0)]):
        asked = experiment(seed=seed)
        run = {"run_id": asked.run_id, "name": asked.slug, "sweep": sweep, "dataset": "digits", "network": "small-cnn"}
        run |= {"capacity": 2.0, "defense": "pgd", "epsilon": 0.1, "seed": seed, "train_fraction": 1.0}
        run |= {"spec": json.dumps(asked.to_dict()), "state": "done", "device": "cpu", "versions": "{}"}
        run |= {"created": created, "started": created, "ended": created + 5}
        if version > 1:
            run |= {"submission": 2 - seed, "evaluation_epsilon": 0.1, "priority": 0, "attempts": 0}
        put(connection, "runs", **run)
        put(connection, "accuracies", run_id=asked.run_id, view="benign", split="test", accuracy=0.9, n=10)
        put(connection, "history", run_id=asked.run_id, step=7, epoch=0, metric="loss", value=0.5)
        fact = {"attack": "confidence", "threshold_rule": "oracle", "metric": "inference_accuracy", "value": 0.6}
        put(connection, "leakage", run_id=asked.run_id, view="benign", **fact, ci_low=0.55, n_member=2, n_nonmember=1)
        for example, member in enumerate((True, True, False)):
            answer = {"label": 3, "confidence": 0.25 * example, "margin": -1.0, "correct": False}
            put(connection, "scores", run_id=asked.run_id, view="benign", example=example, member=member, **answer)
    if version > 1:
        put(connection, "sweeps", sweep="first", run_id=experiment(seed=0).run_id, position=0)
    connection.close()
    return path


def content(path, columns):
    """The named columns of every row, as a stranger reads them."""
    with duckdb.connect(path, read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY ALL").fetchall()
            for table, names in columns.items()
        }


def columns_of(path):
    with duckdb.connect(path, read_only=True) as connection:
        found = {}
        for table, column, _ in connection.execute(COLUMNS).fetchall():
            found.setdefault(table, []).append(column)
        return found


def test_an_old_file_gets_the_tables_of_a_new_one(old, tmp_path):
    with Store(old) as forward, Store(tmp_path / "new.duckdb") as fresh:
        assert forward.session.fetch(COLUMNS) == fresh.session.fetch(COLUMNS)
        assert forward.query("published") == fresh.query("published")
        assert len(forward.query("published").rows) == len(published())
        assert forward.session.fetch("FROM schema_version")[1] == [(VERSION,)]


def test_an_old_file_keeps_everything_it_had(old):
    columns = {table: names for table, names in columns_of(old).items() if table not in BY_MIGRATION}
    before = content(old, columns)
    for _ in range(2):
        Store(old).close()
        assert content(old, columns) == before


def test_what_an_old_file_did_not_know_is_null(old, experiment, version):
    with Store(old) as store:
        assert store.session.fetch("SELECT DISTINCT leaks FROM leakage")[1] == [(None,)]
        assert store.session.fetch("SELECT DISTINCT risk FROM scores")[1] == [(None,)]
        assert store.session.fetch("SELECT DISTINCT setting FROM runs")[1] == [(None,)]
        assert store.session.fetch("SELECT DISTINCT calibration_error FROM accuracies")[1] == [(None,)]
        told = store.session.fetch("SELECT run_id, topic, view, message LIKE 'computed before%' FROM warnings")[1]
        warned = (0, 1) if version < 6 else ()
        assert sorted(told) == sorted((experiment(seed=seed).run_id, "attack", None, True) for seed in warned)
        run_id = experiment(seed=0).run_id
        exposed = store.query("exposed", run_id=run_id)
        names = ("example", "label", "risk", "mean_risk", "benign_confidence", "benign_risk", "adversarial_confidence")
        rows = [tuple(row[exposed.columns.index(name)] for name in names) for row in exposed.rows]
        assert rows == [(0, 3, None, None, 0.0, None, None), (1, 3, None, None, 0.25, None, None)]
        runs, curve = store.query("runs", run_id=run_id), store.query("capacity", attack="confidence")
        assert runs.rows[0][runs.columns.index("benign_inference_accuracy")] == 0.6
        assert runs.rows[0][runs.columns.index("benign_leaks")] is None
        assert [row[curve.columns.index("n_leaking")] for row in curve.rows] == [None]


def test_an_old_file_has_the_attacks_whose_numbers_it_has(old, experiment):
    with Store(old) as store:
        asked = [experiment(seed=seed) for seed in (0, 1)]
        found = store.session.fetch("SELECT run_id, attack, settings, state FROM inferences")[1]
        own = '{"seed":0,"splits":20}'
        assert sorted(found) == sorted((run.run_id, "confidence", own, "done") for run in asked)
        assert store.pending() == []
        store.enqueue("again", [NewRun(asked[0].run_id, asked[0].to_dict(), {})])
        (run,) = store.pending()
        assert set(asked[0].inference.attacks) - set(run.attacks) == {"confidence"}, "which is named alike"


def test_an_old_file_keeps_its_runs_and_goes_on(old, experiment, log):
    with Store(old) as store:
        row = "SELECT seed, submission, evaluation_epsilon, priority, attempts FROM runs ORDER BY submission"
        assert store.session.fetch(row)[1] == [(1, 1, 0.1, 0, 0), (0, 2, 0.1, 0, 0)]
        assert store.session.fetch("FROM sweeps")[1] == [("first", experiment(seed=0).run_id, 0)]
        curve = store.query("capacity", metric="accuracy")
        assert [row[curve.columns.index("mean")] for row in curve.rows] == [0.9]
        store.apply(log(experiment(seed=0)))
        store.apply(log(experiment(seed=2)))
        assert [row[1] for row in store.query("history", run_id=experiment(seed=0).run_id).rows] == [7, 10, 10]
        assert store.query("runs").rows[-1][1] == 3
        told = "SELECT run_id, leaks FROM leakage WHERE metric = 'inference_accuracy' AND class_label IS NULL"
        leaks = {(experiment(seed=seed).run_id, leaks) for seed, leaks in ((0, True), (1, None), (2, True))}
        assert set(store.session.fetch(f"{told} AND view = 'benign'")[1]) == leaks
    Store(old).close()


def test_an_old_file_is_not_changed_by_reading(old, version):
    before = old.read_bytes()
    with pytest.raises(StoreError, match=f"schema {version} must become {VERSION} first"):
        Store(old, read_only=True)
    assert old.read_bytes() == before
    with Store(old):
        pass
    Store(old, read_only=True).close()


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(old, version):
    """The table that the last statements need is missing: the statements before them are undone."""
    connection = duckdb.connect(old)
    connection.execute("DROP TABLE published")
    connection.close()
    before = columns_of(old)
    with pytest.raises(StoreError):
        Store(old)
    assert columns_of(old) == before
    assert content(old, {"schema_version": ["version"]}) == {"schema_version": [(version,)]}


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
