"""The app played from beginning to end on a real engine: plan, watch, filter, overlay, export."""

import asyncio

import pytest
from command_line import call
from textual.widgets import Input
from waiting import eventually

from engine.service import protocol
from engine.service.client import EngineUnreachable, SyncClient
from engine.service.project import Project
from explorer.app.app import ExploreApp
from explorer.app.screens.new_sweep import NewSweep

TINY = {"capacity": "0.5, 1", "epsilon": "0.1", "seed": "0", "train_fraction": "0.05", "steps": "30", "name": "played"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    found = Project.at(tmp_path / "project")
    yield found
    try:
        with SyncClient(found) as client:
            client.call(protocol.Stop(grace=0.0))
            list(client.pushes())
    except EngineUnreachable:
        pass


def points(chart):
    """Points of every curve that is drawn."""
    return [len(curve.x) for curve in chart.drawing.chart.series] if chart.drawing.chart is not None else []


async def until(pilot, condition):
    """Looks rarely, for the jobs need the processor."""
    return await eventually(condition, 60.0, lambda: pilot.pause(0.1))


async def exported(project, table):
    """In a thread, for the command's own event loop cannot run inside the app's."""
    said = await asyncio.to_thread(call, ".", "export", table, "--csv", "-", "--project", project.root)
    return said.stdout.encode()


async def test_plan_watch_filter_overlay_and_export(project):
    app = ExploreApp(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.link == "empty")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewSweep) and app.screen.cost is not None)
        for field, value in TINY.items():
            app.screen.query_one(f"#{field}", Input).value = value
        await until(pilot, lambda: app.screen.cost is not None and app.screen.cost.runs == 4)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.project.tracker.count("done") == 4)

        runs, chart = app.screen.query_one("#runs"), app.screen.query_one("#chart")
        await until(pilot, lambda: points(chart) == [2, 2])
        assert not any(any(curve.hollow) for curve in chart.drawing.chart.series)

        runs.focus()
        await pilot.press("slash", *"pgd", "enter")
        assert len(runs.order) == 2
        await until(pilot, lambda: points(chart) == [2])
        await pilot.press("space")
        await until(pilot, lambda: points(chart) == [1])
        await pilot.press("space", "escape")
        assert len(runs.order) == 4

        await pilot.press("e", "enter")
        written = project.root / "csv" / "runs.csv"
        await until(pilot, written.exists)
        assert written.read_bytes() == await exported(project, "runs")
        chart.focus()
        await pilot.press("e", "enter")
        written = project.root / "csv" / "capacity.csv"
        await until(pilot, written.exists)
        assert written.read_bytes() == await exported(project, "capacity")
