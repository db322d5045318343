"""The main screens as text, compared with the files in `snapshots`; `MIA_SNAPSHOTS=write` takes them anew."""

import difflib
import os
import re
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("snapshots")
MEANS = {"natural": (0.531, 0.534), "pgd": (0.574, 0.603)}
NOON = 1_767_960_000.0


def curve_rows(**_):
    """Rows of the `capacity` query: both defenses at two capacities, over two seeds, only the robust ones leaking."""
    return [
        {
            "dataset": "digits",
            "network": "small-cnn",
            "defense": defense,
            "epsilon": 0.0 if defense == "natural" else 0.1,
            "evaluation_epsilon": 0.1,
            "train_fraction": 1.0,
            "capacity": capacity,
            "metric": "inference_accuracy",
            "view": "adversarial",
            "split": None,
            "attack": "confidence",
            "threshold_rule": "oracle",
            "mean": mean,
            "std": 0.01,
            "ci_low": mean - 0.02,
            "ci_high": mean + 0.02,
            "ci_over": "examples",
            "n_seeds": 2,
            "n_leaking": 0 if defense == "natural" else 2,
            "published": None,
            "certification": None,
            "size": None,
            "setting": None,
            "settings": "aaaa",
        }
        for defense, means in MEANS.items()
        for capacity, mean in zip((1.0, 2.0), means, strict=True)
    ]


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch):
    """What differs from machine to machine and from day to day stands still."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("explorer.machine.machine_watch.MachineWatch.start", lambda self: None)
    monkeypatch.setattr("explorer.machine.checks.Checkup.start", lambda *_: None)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def shown(make_app, screen_text, until):
    """A coroutine function giving the screen's text after some keys."""

    async def show(size, keys=(), ready=lambda app: True, more=(), **given):
        app = make_app(answers={"capacity": curve_rows, **dict(more)}, **given)
        app.project.note("digits-natural-c1-s0 done")
        for line in app.project.log:
            object.__setattr__(line, "time", NOON)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.project.link != "opening")
            app.screen.draw()
            await pilot.press(*keys)
            await until(pilot, lambda: ready(app))
            await pilot.pause()
            return [re.sub(r"folder \(.*?\) ", "folder (FOLDER) ", line.rstrip()) for line in screen_text(app)]

    return show


def compare(name, lines):
    """The lines as they were accepted; otherwise the difference."""
    path, text = FOLDER / f"{name}.txt", "\n".join(lines) + "\n"
    if os.environ.get("MIA_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    accepted = path.read_text(encoding="utf-8")
    difference = "\n".join(
        difflib.unified_diff(accepted.splitlines(), text.splitlines(), "accepted", "now", lineterm="")
    )
    assert not difference, difference


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_main(shown, size):
    compare(f"main-{size[0]}x{size[1]}", await shown(size))


async def test_main_in_ascii(shown):
    lines = await shown((80, 24), ascii=True)
    assert all(line.isascii() for line in lines)
    compare("ascii", lines)


async def test_main_without_colour(shown):
    hues = []

    def noted(app):
        segments = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
        colours = [colour for segment in segments for colour in (segment.style.color, segment.style.bgcolor) if colour]
        hues.extend(colour for colour in colours if len(set(colour.get_truecolor())) > 1)
        return True

    compare("mono", await shown((80, 24), ready=noted, theme="mono"))
    assert not hues


async def test_welcome(shown):
    compare("welcome", await shown((80, 24), rows=[], link="empty"))


async def test_failure(shown):
    compare("failure", await shown((80, 24), keys=("G", "k", "enter")))


async def test_table_of_views(shown, views_row):
    rows = [views_row(defense) for defense in ("natural", "dual", "abstract", "ibp")]
    compare("views", await shown((80, 24), keys=("V",), more={"views": rows}))


async def test_new_sweep(shown):
    lines = await shown((80, 24), keys=("n",), ready=lambda app: app.screen.cost is not None, link="engine")
    (said,) = [line for line in lines if "of disk" in line]
    assert "24 runs · over" in said
    compare("new-sweep", [line for line in lines if line != said])  # its time depends on the number of cores
