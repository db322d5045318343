import time

import pytest
from waiting import patience

from engine.service import protocol
from explorer.app.screens.run_detail import RunDetail

DONE = "digits-pgd-c1-e0.1-s0-aa03"
RUNNING, FAILED, QUEUED = "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c4-e0.1-s0-aa05", "digits-pgd-c8-e0.1-s0-aa06"


def status(app, **fields):
    given = {
        **{"pid": 41822, "host": "box", "since": 0.0, "project": str(app.project.paths.root), "versions": {}},
        **{"devices": [], "running": [], "queued": 0, "progress": [], "paused": False, "hold": None, "disk_free": 1},
        **{"placed": []},
    }
    return protocol.Status(**(given | fields))


@pytest.fixture
def open_queue(make_app):
    """A function making an app whose fourth pane is open; `ended` leaves no run to do."""

    def opened(link="engine", ended=False, read_only=False):
        app = make_app(link=link, read_only=read_only)
        app.choices.side = "4"
        for row in app.project.given:
            if ended and row["state"] in ("running", "queued"):
                row |= {"state": "done", "ended": 1020.0}
        return app

    return opened


async def text_of(pilot, contains):
    """The pane's text once it has the words."""
    pane = pilot.app.screen.query_one("#queue")
    deadline = time.monotonic() + patience(10)
    while contains not in (said := "\n".join([str(pane.border_title), pane.text(), str(pane.border_subtitle)])):
        assert time.monotonic() < deadline, said
        await pilot.pause()
    return said


def line(said, name):
    return next(line for line in said.splitlines() if name in line)


def half_done(app, seconds=600.0):
    """Let the running run have done half of its work in so many seconds."""
    tracker, now = app.project.tracker, [0.0]
    tracker.clock = lambda: now[0]
    tracker.put_progress(RUNNING, "train", "step 0/10", 0.0, 0.0)
    now[0] = seconds
    tracker.put_progress(RUNNING, "train", "step 5/10", 0.5, 1842.0)
    app.screen.draw()


async def test_runs_at_work_go_before_those_that_wait_and_those_that_failed(open_queue):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "queued")
        half_done(app)
        said = await text_of(pilot, "step 5/10")
        names = [row.split()[1] for row in said.splitlines()[1:-1]]
        assert names == ["pgd-c2-e0.1-s0", "pgd-c8-e0.1-s0", "pgd-c4-e0.1-s0"]
        assert line(said, "step 5/10").split()[-3:] == ["50%", "10m", "cpu"]
        assert "CUDA out of memory" in said
        assert "enter details · r retry" in said


async def test_the_title_says_how_far_the_sweep_is_as_the_header_does(open_queue, screen_text):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "queued")
        half_done(app)
        said = await text_of(pilot, "sweep 4/6")
        eta = said[said.index("ETA") : said.index(")")]
        assert eta.startswith("ETA 30m (")
        app.screen.draw()
        await pilot.pause()
        assert eta in screen_text(app)[1]


async def test_waiting_runs_have_a_length_once_their_kind_was_seen_and_a_question_mark_before(open_queue):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        assert line(await text_of(pilot, "queued"), "queued").split()[-1] == "?"
        half_done(app)
        assert line(await text_of(pilot, "~"), "queued").split()[-1] == "~20m"


async def test_runs_wait_in_the_order_in_which_they_start(open_queue):
    app = open_queue()
    extra = next(row for row in app.project.given if row["run_id"] == QUEUED)
    later = {"run_id": "digits-pgd-c9-e0.1-s0-aa07", "name": "digits-pgd-c9-e0.1-s0", "submission": 9, "priority": 1}
    app.project.given.append(extra | later)
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "priority +1")
        assert said.index("pgd-c9") < said.index("pgd-c8")


async def test_lines_say_where_how_often_again_and_why_they_wait(open_queue):
    app = open_queue()
    for row in app.project.given:
        row["attempts"] = 2 if row["run_id"] == RUNNING else 0
    later = {"run_id": "digits-pgd-c9-e0.1-s0-aa07", "name": "digits-pgd-c9-e0.1-s0", "submission": 9}
    app.project.given.append(next(row for row in app.project.given if row["run_id"] == QUEUED) | later)
    async with app.run_test(size=(200, 60)) as pilot:
        said = await text_of(pilot, "RESTARTS")
        assert "2" in line(said, "pgd-c2").split()
        assert "behind 1" in line(said, "pgd-c9")
        full = protocol.DeviceStatus("cpu", "cpu", 1, [RUNNING], 1)
        app.project.status = status(app, devices=[full])
        app.screen.draw()
        said = await text_of(pilot, "next: slots are full")
        assert "cpu on box" in line(said, "pgd-c2")
        app.project.status = status(app, paused=True)
        app.screen.draw()
        assert "paused" in line(await text_of(pilot, "Paused:"), "pgd-c9")


async def test_what_a_cluster_has_says_its_job_its_node_and_why_it_waits(open_queue):
    app = open_queue()
    queued = next(row for row in app.project.given if row["run_id"] == QUEUED)
    names = ("digits-pgd-c9-e0.1-s0-aa07", "digits-pgd-c10-e0.1-s0-aa08", "digits-pgd-c11-e0.1-s0-aa09")
    for index, (run_id, where) in enumerate(zip(names, ("local", "slurm", "slurm,local"), strict=True)):
        own = {"run_id": run_id, "name": run_id[:-5], "submission": 9 + index, "places": where}
        app.project.given.append(queued | own)
    async with app.run_test(size=(200, 60)) as pilot:
        await text_of(pilot, "pgd-c11")
        app.project.status = status(app, devices=[protocol.DeviceStatus("cpu", "cpu", 1, [], 0)])
        app.project.take(protocol.Placement(run_id=RUNNING, job="slurm 11", node="n7", restarts=1))
        app.project.take(protocol.Placement(run_id=names[1], job="slurm 12", waits="Resources"))
        app.screen.draw()
        said = await text_of(pilot, "slurm 12")
        assert "slurm 11 on n7, restart 1" in line(said, "pgd-c2")
        assert "for free nodes" in line(said, "pgd-c10")
        assert said.index("pgd-c10") < said.index("pgd-c8"), "what the cluster has stands before what it has not"
        assert "next " in line(said, "pgd-c8")
        assert "behind 1" in line(said, "pgd-c9"), "the cluster's is ahead of nobody here"
        assert "behind 2" in line(said, "pgd-c11")
        assert "slurm,local" in line(said, "pgd-c11")


async def test_a_run_that_the_cluster_took_back_waits_and_is_not_quiet(open_queue):
    app = open_queue()
    async with app.run_test(size=(200, 60)) as pilot:
        await text_of(pilot, "▶")
        app.project.take(protocol.Placement(run_id=RUNNING, job="slurm 11", restarts=1, waits="BeginTime"))
        app.project.seen[RUNNING] -= 420
        app.screen.draw()
        said = await text_of(pilot, "for its time to begin")
        assert line(said, "pgd-c2").startswith("◷")
        assert "quiet" not in said


async def test_a_silent_run_does_not_look_alive(open_queue):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "▶")
        app.project.seen[RUNNING] -= 42
        app.screen.draw()
        said = await text_of(pilot, "quiet 40s")
        assert line(said, "quiet 40s").startswith("◌")


async def test_without_an_engine_nothing_looks_at_work(open_queue):
    app = open_queue("files")
    async with app.run_test(size=(120, 40)) as pilot:
        said = await text_of(pilot, "No engine: 2 runs wait for one")
        assert "▶ " not in said
        assert "stands still" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"paused": True}, "Paused: no run starts"),
        ({"hold": "the disk is full"}, "Held: the disk is full"),
    ],
)
async def test_a_pause_is_said_first(open_queue, fields, said):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "queued")
        app.project.status = status(app, **fields)
        app.screen.draw()
        found = await text_of(pilot, said)
        assert said in found.splitlines()[1]
        assert "ETA" not in found


@pytest.mark.parametrize(
    ("link", "read_only", "said"),
    [
        ("engine", False, "Engine idle. n plans a sweep."),
        ("files", False, "No engine. Results from files; n plans a sweep."),
        ("files", True, "no engine runs."),
        ("engine", True, "engine on pid 41822."),
    ],
)
async def test_an_idle_queue_says_why_and_lists_what_finished_last(open_queue, link, read_only, said):
    app = open_queue(link, ended=True, read_only=read_only)
    app.project.status = status(app) if link == "engine" else None
    async with app.run_test(size=(80, 24)) as pilot:
        await text_of(pilot, "done")
        app.project.tracker.runs[DONE].took = 754.0
        app.screen.draw()
        found = await text_of(pilot, "took 12m")
        assert said.split()[-1] in found.splitlines()[1]
        assert ("Read-only: watching" in found) is read_only
        assert ("n plans" in found) is not read_only
        assert "took 12m" in line(found, "pgd-c1-e0.1-s0")
        assert found.index("pgd-c8-e0.1-s0") < found.index("pgd-c1-e0.1-s0")


async def test_the_cursor_chooses_the_run_that_all_panes_speak_of(open_queue):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "queued")
        await pilot.press("4", "j")
        assert app.choices.current == RUNNING
        await pilot.press("j")
        assert app.choices.current == QUEUED
        await pilot.press("G")
        assert app.choices.current == FAILED
        assert app.screen.query_one("#queue").line_to_copy().startswith(f"{FAILED}  ✗")


async def test_enter_opens_the_run_under_the_cursor(open_queue):
    app = open_queue()
    async with app.run_test(size=(120, 40)) as pilot:
        await text_of(pilot, "queued")
        await pilot.press("4", "j", "enter")
        await pilot.pause()
        assert isinstance(app.screen, RunDetail)
        assert app.screen.page.run_id == RUNNING


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 15)])
async def test_lines_fit_the_pane_and_a_step_keeps_its_numbers(open_queue, size):
    app = open_queue()
    async with app.run_test(size=size) as pilot:
        await text_of(pilot, "queued")
        app.project.tracker.put_progress(RUNNING, "predict", "adversarial 12000/70000", 0.9, 10.0)
        app.screen.draw()
        said = await text_of(pilot, "90%")
        pane = app.screen.query_one("#queue")
        assert all(len(row) <= pane.size.width for row in pane.text().splitlines())
        assert "/70000" in said or pane.size.width < 70
