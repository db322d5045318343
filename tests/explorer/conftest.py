"""An app on a project made up for the test: no engine, no files."""

import time

import pytest
import waiting
from rows import typed

from engine.service.project import Project
from explorer.app.app import ExploreApp
from explorer.app.settings import AppSettings
from explorer.project.open_project import OpenProject


def run_row(run_id, **fields):
    """A row of the store's `runs`."""
    name = run_id.rpartition("-")[0] or run_id
    given = {
        "run_id": run_id,
        "submission": 1,
        "name": name,
        "sweep": "demo",
        "dataset": "digits",
        "network": "small-cnn",
        "capacity": 1.0,
        "defense": "pgd",
        "epsilon": 0.1,
        "evaluation_epsilon": 0.1,
        "seed": 0,
        "train_fraction": 1.0,
        "steps": 750,
        "size": None,
        "certification": None,
        "setting": None,
        "state": "done",
        "priority": 0,
        "attempts": 0,
        "device": "cpu",
        "created": 1000.0,
        "started": 1000.0,
        "ended": 1010.0,
        "error": None,
    }
    numbers = {
        f"{view}_{what}": None
        for view in ("benign", "adversarial", "certified")
        for what in ("train_accuracy", "test_accuracy", "inference_accuracy", "leaks")
    }
    return given | numbers | fields


def small_project():
    """Two natural and four robust runs; one of them running, one failed, one queued; the first natural one leaks
    nothing that could be told from a guess in its adversarial view."""
    rows = [
        run_row("digits-natural-c1-s0-aa01", defense="natural", epsilon=0.0),
        run_row("digits-natural-c2-s0-aa02", defense="natural", epsilon=0.0, capacity=2.0),
        run_row("digits-pgd-c1-e0.1-s0-aa03"),
        run_row("digits-pgd-c2-e0.1-s0-aa04", capacity=2.0, state="running", ended=None),
        run_row("digits-pgd-c4-e0.1-s0-aa05", capacity=4.0, state="failed", error="CUDA out of memory"),
        run_row("digits-pgd-c8-e0.1-s0-aa06", capacity=8.0, state="queued", started=None, ended=None),
    ]
    for index, row in enumerate(rows):
        row["submission"] = index
        if row["state"] == "done":
            row["benign_inference_accuracy"] = 0.55 + index / 100
            row["adversarial_inference_accuracy"] = 0.57 + index / 50
            row["benign_leaks"], row["adversarial_leaks"] = True, index > 0
            row["benign_test_accuracy"], row["adversarial_test_accuracy"] = 0.97, 0.8
    return rows


class FakeProject(OpenProject):
    """A project whose rows and answers are put in by hand; `asked` and `told` say what the app wanted."""

    def __init__(self, project, rows=(), answers=None, link="files", read_only=False):
        super().__init__(project, read_only)
        self.given, self.given_answers, self.given_link = list(rows), answers or {}, link
        self.asked, self.told = [], []

    async def open(self):
        self.put(self.given)
        self._be(self.given_link)

    def put(self, rows):
        for run in (typed("runs", row) for row in rows):
            self.runs[run.run_id] = run
            self.tracker.add(run.run_id, run.defense)
            self.tracker.put_state(run.run_id, run.state, run.error)
            self.seen[run.run_id] = time.monotonic()
        self.changed()

    async def call(self, command):
        self.told.append(command)
        return self.given_answers.get(type(command).__name__)

    def rows(self, name, max_age=None, **params):
        self.asked.append((name, params))
        answer = self.given_answers.get(name, [])
        given = answer(**params) if callable(answer) else answer
        return given and [typed(name, row) for row in given]

    async def query(self, name, **params):
        return self.rows(name, **params)


@pytest.fixture
def project_rows():
    """The rows of `make_app`'s project."""
    return small_project()


@pytest.fixture
def make_app(tmp_path, monkeypatch):
    """A function making an app on made-up rows."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def make(rows=None, answers=None, link="files", read_only=False, **chosen):
        app = ExploreApp(Project.at(tmp_path / "project"), AppSettings(**chosen), read_only)
        app.choices.side = "1"  # somebody who has the list beside the chart of a small terminal
        app.project = FakeProject(
            app.project.paths, small_project() if rows is None else rows, answers, link, read_only
        )
        return app

    return make


@pytest.fixture
def make_project(tmp_path):
    """A function making a project of made-up rows without an app."""

    def make(rows=None, answers=None, link="engine", **chosen):
        project = FakeProject(
            Project.at(tmp_path / "project"), small_project() if rows is None else rows, answers, link, **chosen
        )
        project.put(project.given)
        project.link = link
        return project

    return make


@pytest.fixture
def screen_text():
    """A function giving the lines on an app's screen."""

    def lines(app):
        return [strip.text for strip in app.screen._compositor.render_strips()]

    return lines


@pytest.fixture
def until():
    """A coroutine function that waits for a condition while the app goes on, with a deadline."""

    return waiting.until


@pytest.fixture
def run():
    """A function making a row of the store's `run`."""
    return lambda run_id, **fields: typed("run", run_row(run_id, **fields))


@pytest.fixture
def fact():
    """A function making a row of the store's `capacity`, which is one of its `epsilon` too."""

    def make(mean, **fields):
        given = {
            **{"dataset": "digits", "network": "small-cnn", "defense": "pgd", "epsilon": 0.1, "capacity": 1.0},
            **{
                "evaluation_epsilon": 0.1,
                "train_fraction": 1.0,
                "metric": "inference_accuracy",
                "view": "adversarial",
            },
            **{"split": None, "attack": "confidence", "threshold_rule": "oracle", "mean": mean, "std": 0.01},
            **{"ci_low": mean - 0.02, "ci_high": mean + 0.02, "ci_over": "examples"},
            **{"n_seeds": 2, "published": None},
            **{"certification": None, "size": None, "setting": None, "settings": "aaaa1111"},
        }
        given |= ({"epsilon": 0.0} if fields.get("defense") == "natural" else {}) | fields
        return typed("capacity", {"n_leaking": given["n_seeds"] if given["attack"] else None} | given)

    return make


TABLE8 = {
    "natural": (1.0, 0.9825, 0.0453, 0.0292, None, None, 0.5585, 0.5427, None),
    "dual": (0.9889, 0.928, 0.9853, 0.8366, 0.9637, 0.6887, 0.559, 0.604, 0.6448),
    "abstract": (0.9926, 0.8327, 0.8568, 0.5039, 0.4332, 0.1809, 0.6511, 0.6564, 0.6705),
    "ibp": (0.9916, 0.858, 0.9442, 0.6868, 0.8958, 0.3677, 0.6045, 0.6628, 0.7605),
}
TABLE8_COLUMNS = (
    *(f"{view}_{split}_accuracy" for view in ("benign", "adversarial", "certified") for split in ("train", "test")),
    *(f"{view}_inference_accuracy" for view in ("benign", "adversarial", "certified")),
)


@pytest.fixture
def views_row():
    """A function making a row of the store's `views` on Yale: 2 points below the paper, over two seeds."""

    def make(defense, paper=True, **fields):
        certified = TABLE8[defense][4] is not None
        given = {
            **{"dataset": "yale", "network": "yale-cnn", "defense": defense, "evaluation_epsilon": 8 / 255},
            **{"epsilon": 0.0 if defense == "natural" else 8 / 255, "train_fraction": 1.0, "capacity": 2.0},
            **{"certification": {"dual": "dual"}.get(defense, "ibp") if certified else None, "size": "48x42"},
            **{"n_seeds": 2, "paper_train_fraction": 1.0 if paper else None, "paper_capacity": 8.0 if paper else None},
        }
        for column, value in zip(TABLE8_COLUMNS, TABLE8[defense], strict=True):
            ours = None if value is None else value - 0.02
            given |= {column: ours, f"{column}_std": 0.01, f"paper_{column}": value if paper else None}
            if "inference" in column:
                held = column.replace("inference", "heldout_inference")
                given |= {held: ours, f"{held}_std": 0.01}
                given |= dict.fromkeys((f"{column}_n_leaking", f"{held}_n_leaking"), ours and 2 * (ours > 0.53))
        return typed("views", given | {"setting": None, "settings": "aaaa1111"} | fields)

    return make
