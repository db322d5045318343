"""Panes on rows and answers made up for the test."""

import itertools
import math
from contextlib import asynccontextmanager

import pytest

from explorer.results.text import VIEWS


@pytest.fixture
def chart_answers(fact):
    """What a small project has stored."""

    def capacity(run_id=None, metric=None, attack=None, view=None, threshold_rule=None):
        facts = [
            *(fact(0.52 + c / 100, defense="natural", capacity=c) for c in (1.0, 2.0)),
            *(fact(0.57 + c / 50, capacity=c, published=0.66 if c == 2 else None) for c in (1.0, 2.0, 4.0)),
            fact(0.57, epsilon=0.05, evaluation_epsilon=0.05),
            fact(0.55, attack="confidence-class"),
            fact(0.53, view="benign"),
            *(fact(0.5 + at / 100, attack="gap", view=view, threshold_rule="none") for at, view in enumerate(VIEWS)),
            *(fact(0.56, attack="model-class", view=view, threshold_rule="heldout") for view in VIEWS[:3:2]),
            fact(0.5, metric="auc", attack="model-class", view="targeted", threshold_rule="heldout"),
            fact(0.58, threshold_rule="heldout"),
            fact(0.2, metric="advantage"),
            fact(0.9, metric="accuracy", view="benign", split="test", attack=None, threshold_rule=None),
        ]
        wanted = {"metric": metric, "attack": attack, "view": view, "threshold_rule": threshold_rule}
        return [row for row in facts if all(value in (None, getattr(row, name)) for name, value in wanted.items())]

    def seeds_history(run_id):
        metrics = ("loss", "train_accuracy", "test_accuracy", "learning_rate")
        every = itertools.product(metrics, ((step, 2.0 if step else math.nan) for step in range(0, 1000, 2)))
        return [
            {"metric": metric, "step": step, "mean": mean, "low": mean, "high": mean, "n_runs": len(run_id)}
            for metric, (step, mean) in every
        ]

    def roc(run_id, view):
        about = {"run_id": run_id[0], "attack": "margin", "view": view[0]}
        return [about | {"fpr": x / 10, "tpr": x / 10} for x in range(11)]

    def histogram(run_id, view, attack):
        about = {"run_id": run_id[0], "attack": attack[0], "view": view[0]}
        return [about | {"low": at / 8, "high": (at + 1) / 8, "members": at, "nonmembers": 8 - at} for at in range(8)]

    return {"capacity": capacity, "seeds_history": seeds_history, "roc": roc, "histogram": histogram}


@pytest.fixture
def open_chart(make_app, until, chart_answers):
    """A function opening an app with the chart focused; gives its pilot and the pane."""

    @asynccontextmanager
    async def opened(rows=None, size=(120, 40), given=None, **options):
        app = make_app(rows, answers=given if given is not None else chart_answers, link="engine", **options)
        async with app.run_test(size=size) as pilot:
            pane = app.screen.query_one("#chart")
            await until(pilot, lambda: app.project.link == "engine" and pane.shown.lines)
            app.screen.draw()
            await pilot.press("2")
            yield pilot, pane

    return opened


@pytest.fixture
def two_epsilons(project_rows):
    """The rows of the small project and a run at another epsilon."""
    name = "digits-pgd-c1-e0.05-s0"
    return [*project_rows, project_rows[2] | {"run_id": f"{name}-aa07", "name": name, "epsilon": 0.05, "submission": 9}]


@pytest.fixture
def open_runs(make_app, until):
    """A function opening an app; gives its pilot and the pane of runs."""

    @asynccontextmanager
    async def opened(rows=None, size=(120, 40), link="engine", **options):
        app = make_app(rows, link=link, **options)
        async with app.run_test(size=size) as pilot:
            pane = app.screen.query_one("#runs")
            await until(pilot, lambda: app.project.link == link and pane.shown.lines)
            app.screen.draw()
            yield pilot, pane

    return opened
