"""The app's screen as a picture, without a terminal: for a paper's appendix, a talk, the README."""

import asyncio
import copy
import time
from collections.abc import Iterable

from textual.pilot import Pilot

from engine.service.project import Project
from explorer.app.app import ExploreApp
from explorer.app.panes.images import ImagesPane
from explorer.app.settings import AppSettings
from explorer.project.choices import Choices

PATIENCE = 30.0
"""Seconds after which a screen is taken as it is."""
STILL = 5
"""Looks in a row at which nothing may be on its way."""


def take(project: Project, size: tuple[int, int], chosen: AppSettings, keys: Iterable[str] = ()) -> str:
    """The screen in so many columns and rows as SVG, after such keys: as on the first day, only looking.

    What the person had chosen stays as it is.
    """
    return asyncio.run(_taken(project, size, chosen, keys))


async def _taken(project: Project, size: tuple[int, int], chosen: AppSettings, keys: Iterable[str]) -> str:
    app = ExploreApp(project, chosen, read_only=True)
    kept, app.choices = app.choices, Choices()
    async with app.run_test(size=size) as pilot:
        await _settled(pilot)
        for key in keys:
            await pilot.press(key)
            await _settled(pilot)
        drawn = app.export_screenshot(title=f"mia-explore {project.root.name}")
        app.choices = copy.copy(kept)
    return drawn


async def _settled(pilot: Pilot) -> None:
    """Wait until every answer is there, and drawn."""
    deadline, still = time.monotonic() + PATIENCE, 0
    while still < STILL and time.monotonic() < deadline:
        app = pilot.app
        reading = any(pane.reading for pane in app.screen_stack[0].query(ImagesPane))
        busy = app.project.link == "opening" or app.project.query_cache.busy or reading
        still = 0 if busy else still + 1
        await pilot.pause(0.05)
        app.screen_stack[0].pulse()
