import json

import pytest
from waiting import until

from engine.service import protocol
from engine.service.client import EngineRefused
from engine.spec import sweeps
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.failure import FailedRun
from explorer.app.screens.run_detail import RunDetail

FAILED = "digits-pgd-c4-e0.1-s0-aa05"
OOM = (
    "out of GPU memory: CUDA out of memory. Tried to allocate 2.10 GiB. GPU 0 has a total capacity of 79.25 GiB of "
    "which 412.50 MiB is free."
)
LOG = """\
warming up
Traceback (most recent call last):
  File "/x/engine/training.py", line 214, in update
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.10 GiB. GPU 0 has a total capacity of 79.25 GiB of \
which 412.50 MiB is free.
"""


def spec():
    merged, data = sweeps.settle({"name": "one", "dataset": "digits", "grid": {"defense": ["pgd"]}}, "quick")
    return next(sweeps.expand(merged, data, "quick")).to_dict()


def answers():
    whole = {"run_id": FAILED, "name": "pgd", "sweep": "demo", "spec": json.dumps(spec())}
    place = {"data_root": "/d", "import_path": "", "device": "auto", "checkpoint_seconds": 30.0}
    return {
        "run": [whole | {"place": json.dumps(place)}],
        "history": [{"step": 72, "epoch": 1, "metric": "loss", "value": 1.0}],
        "Retry": protocol.Runs(run_ids=[FAILED]),
        "Submit": protocol.Runs(run_ids=["another"]),
    }


@pytest.fixture
def failed(make_app):
    """A function making an app with one failed run, whose folder holds a log."""

    def make(error=OOM, state="failed", log=LOG, **chosen):
        app = make_app(answers=answers(), link="engine", **chosen)
        row = next(row for row in app.project.given if row["run_id"] == FAILED)
        row["error"], row["state"] = error, state
        folder = app.project.paths.run_folder(FAILED)
        folder.mkdir(parents=True)
        (folder / "job.log").write_text(log)
        return app

    return make


async def opened(pilot):
    pilot.app.commands["runs"].open(FAILED)
    await until(pilot, lambda: isinstance(pilot.app.screen, FailedRun) and pilot.app.screen.page.folder is not None)
    await pilot.pause()
    return pilot.app.screen.page


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_the_sheet_says_what_happened_what_is_kept_and_what_to_do(failed, size):
    app = failed()
    async with app.run_test(size=size) as pilot:
        sheet = await opened(pilot)
        text = " ".join(sheet.text().split())
        for words in ("CUDA out of memory", "It asked for 2.10 GiB", "history up to step 72", "no checkpoint yet"):
            assert words in text
        for words in ("r retries it as it was", "b queues it with batch size 50", "with its own id"):
            assert words in text
        assert "engine/training.py:214 loss.backward()" in text
        assert "(2 more lines — L opens the log)" in text
        assert sheet.region.height <= size[1]


async def test_the_border_names_run_time_and_step(failed, screen_text):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        upper = next(line for line in screen_text(app) if "failed ━" in line)
        assert "digits-pgd-c4-e0.1-s0 failed" in upper
        assert "step 72 · cpu ━┓" in upper


async def test_a_retry_closes_the_sheet_with_a_notice(failed):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("r")
        await until(pilot, lambda: not isinstance(app.screen, FailedRun))
        assert app.project.told == [protocol.Retry(run_ids=[FAILED])]
        assert any("queued again" in notice.message for notice in app._notifications)


async def test_half_of_the_batch_is_submitted_to_the_same_sweep(failed):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
        assert not app.project.told
        await pilot.press("y")
        await until(pilot, lambda: not isinstance(app.screen, (Confirm, FailedRun)))
        (submit,) = app.project.told
        assert submit.sweep == "demo"
        assert submit.runs[0].experiment["recipe"]["batch_size"] == spec()["recipe"]["batch_size"] // 2


async def test_a_refusal_keeps_the_sheet(failed):
    app = failed()

    async def refuse(command):
        raise EngineRefused("not now")

    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.project.call = refuse
        await pilot.press("r")
        await until(pilot, lambda: any("not now" in notice.message for notice in app._notifications))
        assert isinstance(app.screen, FailedRun)


async def test_half_of_the_batch_is_offered_only_where_it_may_help(failed, screen_text):
    app = failed(error="ValueError: surprise")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "half batch" not in "".join(screen_text(app))
        await pilot.press("b")
        await pilot.pause()
        assert app.project.told == []


async def test_a_read_only_app_offers_no_retry(failed, screen_text):
    app = failed(read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        sheet = await opened(pilot)
        assert "r retry" not in "".join(screen_text(app))
        assert f"mia-explore retry {FAILED}" in " ".join(sheet.text().split())
        await pilot.press("r", "b")
        await pilot.pause()
        assert app.project.told == []


async def test_a_divergence_shows_no_older_traceback(failed):
    app = failed("diverged at step 72: the loss is nan", "diverged")
    async with app.run_test(size=(80, 24)) as pilot:
        text = " ".join((await opened(pilot)).text().split())
        assert "At step 72" in text
        assert "training.py:214 loss" not in text


async def test_the_report_holds_the_sheet_and_the_log(failed):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        for words in (FAILED, "What is kept", "warming up", "torch.OutOfMemoryError"):
            assert words in app.clipboard


async def test_the_whole_run_is_one_key_away(failed):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunDetail))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_escape_closes(failed):
    app = failed()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
