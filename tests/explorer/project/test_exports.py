import csv
from pathlib import Path

import pytest
from experiments import make_experiment

from engine import events
from engine.service.client import EngineRefused
from engine.service.project import Project
from engine.validation import SpecError
from explorer.project import exports
from explorer.project.exports import TableExport
from explorer.project.open_project import OpenProject
from store import export as engine_export
from store.queries import TABLES
from store.store import Store


@pytest.fixture
def paths(tmp_path):
    """Two finished runs and no engine."""
    paths = Project.at(tmp_path / "a project")
    paths.root.mkdir()
    with Store(paths.database) as store:
        for seed in range(2):
            one = make_experiment(seed)
            started = {"experiment": one.to_dict(), "device": "cpu", "versions": {}}
            store.apply(
                [
                    events.RunStarted(run_id=one.run_id, time=1.0, **started),
                    events.History(run_id=one.run_id, step=1, epoch=0, metrics={"loss": 0.1 + 0.2, "rate": 0.1}),
                    events.Accuracies(run_id=one.run_id, view="benign", split="test", accuracy=1 / 3, n=4),
                    events.RunEnded(run_id=one.run_id, state="done", time=2.0),
                ]
            )
    return paths


@pytest.fixture
async def project(paths):
    project = OpenProject(paths, read_only=True)
    await project.open()
    yield project
    await project.close()


def test_the_formats_are_the_stores():
    assert set(exports.FORMATS) == set(engine_export.FORMATS)


async def test_the_bytes_are_those_of_the_command_line(project, paths, tmp_path):
    with Store(paths.database, read_only=True) as store:
        for table in TABLES:
            engine_export.export(store, table, "csv", tmp_path / f"{table}.csv")
    for table in TABLES:
        path = tmp_path / "new" / "folder" / f"{table}.csv"
        written = await exports.write(project, TableExport(table, "csv", str(path)))
        assert path.read_bytes() == (tmp_path / f"{table}.csv").read_bytes()
        with open(path, newline="") as stream:
            rows = list(csv.reader(stream))
        assert (written.columns, written.rows, written.size) == (len(rows[0]), len(rows) - 1, path.stat().st_size)


async def test_rows_and_columns_are_known_before_they_are_written(project, paths, tmp_path):
    one = next(iter(project.runs))
    asked = [(table, {}) for table in TABLES] + [("history", {"run_id": [one]}), ("history", {"sweep": "nobody's"})]
    for table, filters in asked:
        foreseen = await exports.rows_of(project, table, filters)
        path = tmp_path / f"{table}.csv"
        written = await exports.write(project, TableExport(table, "csv", str(path), filters))
        assert foreseen == (None if table in ("scores", "exposed", "image_risks", "class_risks") else written.rows)
        assert path.read_text().splitlines()[0].split(",") == await exports.columns_of(project, table)


async def test_everything_goes_into_one_folder(project, paths):
    said = await exports.write_everything(project)
    assert said.splitlines()[0] == str(paths.root / "csv")
    assert {path.name for path in (paths.root / "csv").iterdir()} == {f"{table}.csv" for table in TABLES}


async def test_a_folder_in_the_way_is_refused_in_one_line(project, tmp_path):
    with pytest.raises(EngineRefused) as refusal:
        await exports.write(project, TableExport("runs", "csv", str(tmp_path)))
    assert "\n" not in str(refusal.value)


def test_only_filters_that_a_table_has_are_taken():
    assert exports.takes("runs", {"sweep": "demo"})
    assert exports.takes("published", {})
    assert not exports.takes("published", {"run_id": []})


def test_what_was_typed_becomes_an_absolute_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert exports.resolved("~/x.csv", "runs", "csv") == tmp_path / "x.csv"
    assert exports.resolved(" x.csv ", "runs", "csv") == tmp_path / "x.csv"
    assert exports.resolved("~", "runs", "json") == tmp_path / "runs.json"
    assert exports.resolved(f"{tmp_path}/none/../a.csv", "runs", "csv") == tmp_path / "a.csv"
    for impossible in ("", "  ", "~nobody-of-that-name/x.csv"):
        with pytest.raises(SpecError):
            exports.resolved(impossible, "runs", "csv")


def test_an_export_survives_being_kept():
    export = TableExport("runs", "csv", str(Path("/a/b.csv")), {"run_id": ["x"]})
    assert TableExport(**export.to_dict()) == export
