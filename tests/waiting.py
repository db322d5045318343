"""How long tests wait for what must happen before they fail."""

import asyncio
import os
import time

PATIENCE = float(os.environ.get("MIA_TEST_PATIENCE", "8"))
"""What a quiet machine's waiting times are multiplied by: a busy one gives a test a fraction of a core, and a test that
passes waits no longer for it."""


def patience(seconds):
    """So many seconds of a quiet machine, on whatever machine this is."""
    return seconds * PATIENCE


async def eventually(condition, seconds=10.0, pause=lambda: asyncio.sleep(0.005)):
    """The first true value of `condition()`, which is asked again after every `pause()`; fails after the deadline."""
    deadline = time.monotonic() + patience(seconds)
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await pause()
    return value


async def until(pilot, condition, seconds=10.0):
    """The same while an app goes on."""
    return await eventually(condition, seconds, lambda: pilot.pause(0.01))


async def chosen_next(pilot, key):
    """Open the key's list, and choose the entry below the present one."""
    from explorer.app.screens.choose import ChooseOne

    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, ChooseOne) and pilot.app.screen.focused)
    await pilot.press(key, "enter")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ChooseOne))


def wait_until(condition, seconds=15.0):
    """The same where nothing else has to go on in this thread."""
    deadline = time.monotonic() + patience(seconds)
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value
