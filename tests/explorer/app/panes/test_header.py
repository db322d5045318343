import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.service import protocol
from explorer.app.panes.header import spread
from explorer.results.lines import line_text

RUNNING = "digits-pgd-c2-e0.1-s0-aa04"
segments = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12), st.just("")), max_size=4
).map(tuple)


def status(**fields):
    given = {
        **{"pid": 1, "host": "box", "since": 0.0, "project": "p", "versions": {}, "devices": [], "running": []},
        **{"queued": 0, "progress": [], "paused": False, "hold": None, "disk_free": 1, "placed": []},
    }
    return protocol.Status(**(given | fields))


def lines(app):
    app.screen.draw()
    return [line_text(line) for line in app.screen.query_one("#header").lines]


@given(segments, segments, st.integers(0, 60))
def test_two_groups_fill_exactly_the_width(left, right, width):
    assert cell_len(line_text(spread(left, right, width))) == width


@given(segments, segments, st.integers(0, 60))
def test_the_left_group_gives_way_first(left, right, width):
    line = line_text(spread(left, right, width))
    if cell_len(line_text(right)) <= width:
        assert line.endswith(line_text(right))
    if cell_len(line_text(left)) + cell_len(line_text(right)) < width:
        assert line.startswith(line_text(left))


async def test_runs_are_counted_by_what_became_of_them(make_app, until, run):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        assert lines(app)[0].split() == [
            *("mia-explore", "project", "1", "running", "·", "1", "queued", "·", "3", "done", "·", "1", "failed"),
        ]
        app.project.put([run("x-0001", state="diverged"), run("y-0002", state="cancelled")])
        assert lines(app)[0].rstrip().endswith("3 done · 2 failed · 1 cancelled")


async def test_what_there_is_none_of_is_not_counted(make_app, until, run):
    app = make_app([run("x-0001")])
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        assert lines(app)[0].split() == ["mia-explore", "project", "1", "done"]


async def test_a_paused_view_counts_what_happened_meanwhile(make_app, until, run):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.screen.pulse()
        await pilot.press("p")
        assert "PAUSED · 0 new" in lines(app)[0]
        app.project.put([run("x-0001"), run("y-0002")])
        app.project.note("a line")
        assert "PAUSED · 2 new" in lines(app)[0]
        await pilot.press("p")
        assert "PAUSED" not in lines(app)[0]


async def test_a_lost_engine_has_the_second_line(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.project.trouble, app.project.lost_at, app.project.link = "engine 41822 died", 1.0, "lost"
        since = time.strftime("%H:%M:%S", time.localtime(1.0))
        words = f" engine 41822 died · data safe to {since} · r restarts it from the checkpoints"
        assert lines(app)[1].rstrip() == words
        app.project.read_only = True
        assert lines(app)[1].rstrip().endswith("mia-explore engine start")
        assert len(lines(app)[1]) == 80


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hold": "disk full: 0.4 GB free"}, "engine: disk full: 0.4 GB free"),
        ({"paused": True}, "engine: paused · ctrl+p, engine: Resume"),
    ],
)
async def test_an_engine_that_starts_nothing_says_why(make_app, until, fields, words):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        app.project.status = status(**fields)
        assert lines(app)[1].rstrip().endswith(words)


async def test_the_time_left_is_told_once_it_is_known(make_app, until):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        assert lines(app)[1].rstrip().endswith("4/6 ██████▋░░░ ETA —")
        tracker, now = app.project.tracker, [0.0]
        tracker.clock = lambda: now[0]
        tracker.put_progress(RUNNING, "train", "", 0.0, 0.0)
        now[0] = 60.0
        tracker.put_progress(RUNNING, "train", "", 0.5, 0.0)
        assert re.search(r"4/6 ███████▌░░ ETA 3m00s \(.*\d\d:\d\d\)$", lines(app)[1].rstrip())


@pytest.mark.parametrize(("link", "words"), [("files", "no engine · results from files"), ("opening", "opening …")])
async def test_without_an_engine_nothing_is_foretold(make_app, until, link, words):
    app = make_app(link=link)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        if link == "files":
            assert lines(app)[1].rstrip().endswith(words)
            assert "ETA" not in lines(app)[1]


@pytest.mark.parametrize("size", [(52, 12), (59, 40), (120, 14), (30, 8), (12, 6)])
async def test_a_terminal_too_small_is_told_so_and_recovers(make_app, until, size):
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.project.runs)
        words = f" 60x15 needed, {size[0]}x{size[1]} now · q leave"
        assert lines(app)[1].rstrip() in (words, words[: size[0] - 1] + "…")
        assert len(lines(app)[0]) == len(lines(app)[1]) == size[0]
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "needed" not in lines(app)[1])


async def test_the_header_is_painted_only_where_it_changed(make_app, until, monkeypatch):
    app = make_app(link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.project.runs)
        header, painted = app.screen.query_one("#header"), []
        lines(app)
        monkeypatch.setattr(header, "refresh", lambda *_, **__: painted.append(1))
        lines(app)
        assert painted == []
        app.project.put([])
        app.project.tracker.put_state(RUNNING, "done")
        lines(app)
        assert painted == [1]
