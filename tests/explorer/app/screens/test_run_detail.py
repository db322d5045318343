import json
import tomllib

import pytest
from waiting import chosen_next, until

from engine.service import protocol
from engine.spec import sweeps
from engine.spec.experiment import Experiment
from explorer.app.screens.confirm import Confirm
from explorer.app.screens.run_detail import RunDetail

FINISHED, RUNNING, FAILED = ("digits-pgd-c1-e0.1-s0-aa03", "digits-pgd-c2-e0.1-s0-aa04", "digits-pgd-c4-e0.1-s0-aa05")


def experiment():
    merged, data = sweeps.settle({"name": "one", "dataset": "digits", "grid": {"defense": ["pgd"]}}, "quick")
    return next(sweeps.expand(merged, data, "quick"))


def answers():
    spec = experiment().to_dict()
    whole = {"sweeps": "demo again", "spec": json.dumps(spec), "versions": '{"torch": "2.15"}', "place": "{}"}
    leak = {"view": "adversarial", "class_label": None, "n_member": 600, "n_nonmember": 1197}
    metrics = {"inference_accuracy": 0.608, "advantage": 0.216, "tpr": 0.855, "fpr": 0.638, "threshold": 0.496}
    leakage = [
        leak | {"attack": "confidence", "threshold_rule": rule, "metric": metric, "value": value}
        | {"ci_low": value - 0.02, "ci_high": value + 0.02}
        for rule in ("oracle", "heldout")
        for metric, value in metrics.items()
    ]  # fmt: skip
    accuracies = [
        {"view": view, "split": split, "accuracy": 0.983, "n": 1197, "calibration_error": 0.021}
        for view in ("benign", "adversarial")
        for split in ("train", "test")
    ]
    history = [
        {"step": step, "epoch": 0, "metric": metric, "value": 1 / (step + 1)}
        for step in range(40)
        for metric in ("loss", "train_accuracy", "test_accuracy")
    ]
    exposed = [
        {"example": 100 + index, "label": index % 10, "class_name": None, "risk": 0.9 - index / 100, "mean_risk": 0.6}
        | {f"{view}_{number}": 0.75 for view in ("benign", "adversarial") for number in ("confidence", "risk")}
        | {f"{view}_{number}": None for view in ("targeted", "certified") for number in ("confidence", "risk")}
        for index in range(12)
    ]
    rows = {"leakage": leakage, "accuracies": accuracies, "history": history, "exposed": exposed}
    rows = {name: [row | {"run_id": FINISHED} for row in found] for name, found in rows.items()}
    return {"run": lambda run_id: [whole | {"run_id": each} for each in listed(run_id)], **rows}


def listed(run_id):
    return [run_id] if isinstance(run_id, str) else run_id


def keep_pictures(app, *names):
    """Write pictures of 8 x 8 pixels, dark above and bright below, into the finished run's folder."""
    place = app.project.paths.run_folder(FINISHED) / "exposed"
    place.mkdir(parents=True)
    for name in names:
        (place / f"{name}.pgm").write_bytes(b"P5\n8 8\n255\n" + bytes(32) + b"\xff" * 32)


async def opened(pilot, run_id=FINISHED):
    pilot.app.commands["runs"].open(run_id)
    await until(pilot, lambda: isinstance(pilot.app.screen, RunDetail) and pilot.app.screen.page.folder is not None)
    await pilot.pause()
    return pilot.app.screen.page


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_everything_of_a_run_is_on_its_page(make_app, size):
    app = make_app(answers=answers())
    async with app.run_test(size=size) as pilot:
        page = await opened(pilot)
        text = page.text()
        for words in (
            FINISHED,
            "sweep demo, again",
            "torch 2.15",
            "60.8 [58.8, 62.8]",
            "held-out",
            "600/1197",
            "0.496",
        ):
            assert words in text
        for words in ("98.3 of 1197", "training loss", "batch size", "small-cnn", "No files of this run", "job.log"):
            assert words in text
        assert all(len(line) <= page.size.width for line in text.splitlines())


@pytest.mark.parametrize(("method", "told"), [("ibp", 1), ("crown-ibp", 0)])
async def test_a_tighter_bound_is_asked_for_and_its_run_named(make_app, project_rows, method, told):
    project_rows[2]["certification"] = method
    given = answers() | {"Submit": protocol.Runs(run_ids=["a"])}
    whole = given["run"]
    given["run"] = lambda run_id: [
        row | {"name": "pgd", "sweep": "demo", "state": "done", "place": '{"data_root": "/d"}'} for row in whole(run_id)
    ]
    app = make_app(project_rows, answers=given, link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(pilot)
        assert ("b certify" in page.keys(118)) is bool(told)
        await pilot.press("b")
        if told:
            await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
            assert not app.project.told
            await pilot.press("y")
        await until(pilot, lambda: len(app._notifications) == told)
        assert len(app.project.told) == told
        for command, notice in zip(app.project.told, app._notifications, strict=True):
            other = Experiment.from_dict(command.runs[0].experiment)
            assert notice.message.startswith(f"{other.run_id} queued: pgd certified by crown-ibp")
            assert "its weights are gone" in notice.message


async def test_the_keys_are_in_the_border_and_the_last_one_leaves(make_app, screen_text):
    app = make_app(answers=answers())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert screen_text(app)[-1].rstrip("━┛ ").endswith("esc back")
        await pilot.press("escape")
        assert not isinstance(app.screen, RunDetail)


async def test_the_page_scrolls_and_goes_through_the_list(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot)
        await pilot.press("G")
        assert page.scroll_y > 0
        count = len(page.shown.lines)
        assert page.border_title.endswith(f"lines {count - page.size.height + 2} to {count} of {count}")
        await pilot.press("right_square_bracket")
        assert (page.run_id, page.scroll_y) == (RUNNING, 0)
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert page.run_id == app.choices.current == "digits-natural-c2-s0-aa02"


async def test_the_history_changes_metric_smoothing_and_scale(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(pilot)
        assert "measured" not in page.text()
        await pilot.press("m")
        assert [notice.message for notice in app._notifications] == ["not now: history: the metric, from a list"]
        await pilot.press("4")
        await chosen_next(pilot, "m")
        await pilot.press("w", "x")
        text = page.text()
        assert "accuracy % · smoothed 0.6 · log y" in text
        for words in ("training accuracy", "test accuracy", "measured"):
            assert words in text


async def test_a_running_runs_page_follows_it(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(pilot, RUNNING)
        progress = {"phase": "train", "label": "step 30/100", "fraction": 0.3, "rate": 1234.0}
        app.project.take(protocol.RunProgress(run_id=RUNNING, **progress))
        await until(pilot, lambda: "step 30/100" in page.text())
        assert "1,234 img/s" in page.text()
        app.project.take(protocol.StateChange(run_id=RUNNING, state="cancelled"))
        await until(pilot, lambda: "– cancelled" in page.text())


async def test_files_and_log_are_read(make_app):
    app = make_app(answers=answers())
    folder = app.project.paths.run_folder(FINISHED)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(2000))
    (folder / "job.log").write_text("\n".join(f"line {number}" for number in range(30)) + "\n")
    async with app.run_test(size=(120, 40)) as pilot:
        text = (await opened(pilot)).text()
        assert "model.safetensors" in text
        assert "2.0 kB" in text
        assert "line 29" in text
        assert "line 0" in text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_most_exposed_images_are_shown_and_gone_through(make_app, monkeypatch, screen_text, size):
    monkeypatch.delenv("NO_COLOR")
    app = make_app(answers=answers())
    keep_pictures(app, "100-image", "100-adversarial", "101-image")
    async with app.run_test(size=size) as pilot:
        page = await opened(pilot)
        assert any("▀" in line for line in screen_text(app)) is (size == (200, 60))
        await pilot.press("i")
        shown = screen_text(app)
        assert any("image 100, class 0" in line and "its adversarial example" in line for line in shown)
        pictures = [line for line in shown if "▀" in line]
        assert pictures
        assert all(line.count("▀") == pictures[0].count("▀") for line in pictures)
        await pilot.press("i")
        assert any("image 101, class 1" in line for line in screen_text(app))
        await pilot.press("i")
        assert "no picture of image 102" in page.text()
        await pilot.press("right_square_bracket", "left_square_bracket")
        await until(pilot, lambda: page.folder is not None and "image 100, class 0" in page.text())


async def test_pixels_have_their_own_colours(make_app, monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    app = make_app(answers=answers())
    keep_pictures(app, "100-image")
    async with app.run_test(size=(120, 60)) as pilot:
        await opened(pilot)
        await pilot.press("i")
        strips = app.screen._compositor.render_strips()
        styles = {
            (segment.style.color.name, segment.style.bgcolor.name)
            for strip in strips
            for segment in strip
            if "▀" in segment.text
        }
        assert styles == {("#000000", "#000000"), ("#ffffff", "#ffffff")}


@pytest.mark.parametrize("chosen", [{"ascii": True}, {"theme": "mono"}])
async def test_without_colours_or_blocks_pictures_are_characters(make_app, monkeypatch, chosen):
    monkeypatch.delenv("NO_COLOR")
    app = make_app(answers=answers(), **chosen)
    keep_pictures(app, "100-image")
    async with app.run_test(size=(120, 40)) as pilot:
        text = (await opened(pilot)).text()
        assert "▀" not in text
        assert "@" * 24 in text


async def test_a_broken_picture_is_a_line(make_app):
    app = make_app(answers=answers())
    keep_pictures(app, "100-image")
    (app.project.paths.run_folder(FINISHED) / "exposed" / "100-adversarial.pgm").write_bytes(b"P5\n8 8\n255\ntorn")
    async with app.run_test(size=(80, 24)) as pilot:
        assert "100-adversarial cannot be read" in (await opened(pilot)).text()


async def test_a_run_at_work_has_no_exposed_images_yet(make_app):
    app = make_app(answers=answers() | {"exposed": []})
    async with app.run_test(size=(80, 24)) as pilot:
        assert "None yet: risks are measured after training." in (await opened(pilot, RUNNING)).text()
        await pilot.press("i")


async def test_the_settings_are_copied_as_a_sweep_file(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard)
        merged, data = sweeps.settle(tomllib.loads(app.clipboard), "quick")
        assert list(sweeps.expand(merged, data, "quick")) == [experiment()]


async def test_a_cancellation_asks_first(make_app):
    app = make_app(answers=answers() | {"Cancel": protocol.Runs(run_ids=[RUNNING])}, link="engine")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, RUNNING)
        await pilot.press("X")
        await until(pilot, lambda: not isinstance(app.screen, RunDetail))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunDetail))
        assert app.project.told == []
        await pilot.press("X")
        await until(pilot, lambda: not isinstance(app.screen, RunDetail))
        await pilot.press("y")
        await until(pilot, lambda: app.project.told)
        assert app.project.told == [protocol.Cancel(run_ids=[RUNNING])]


@pytest.mark.parametrize(("read_only", "run_id"), [(True, RUNNING), (False, FINISHED)])
async def test_what_makes_no_sense_is_not_offered(make_app, screen_text, read_only, run_id):
    app = make_app(answers=answers(), read_only=read_only)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, run_id)
        assert "cancel" not in screen_text(app)[-1]
        await pilot.press("X", "r")
        await pilot.pause()
        assert isinstance(app.screen, RunDetail)
        assert app.project.told == []


async def test_before_the_store_answers_the_page_says_so(make_app):
    silent = dict.fromkeys(("run", "leakage", "accuracies", "history"), lambda **_: None)
    app = make_app(answers=silent)
    async with app.run_test(size=(80, 24)) as pilot:
        assert (await opened(pilot)).text().count("asking …") == 6


async def test_comparing_opens_the_natural_twin_first(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        app.choices.current = FINISHED
        app.screen_stack[0].action_act("runs.compare")
        await pilot.pause()
        assert app.screen.page.run_ids == ["digits-natural-c1-s0-aa01", FINISHED]


async def test_marked_runs_are_compared_with_the_natural_twin_of_the_first_that_has_one(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        app.choices.marked = [FAILED, "gone", FINISHED]
        app.screen_stack[0].action_act("runs.compare")
        await pilot.pause()
        assert app.screen.page.run_ids == ["digits-natural-c1-s0-aa01", FAILED, FINISHED]


async def test_a_run_without_a_twin_is_a_notice(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        app.choices.current = "digits-pgd-c8-e0.1-s0-aa06"
        before = app.screen
        app.screen_stack[0].action_act("runs.compare")
        await pilot.pause()
        assert app.screen is before
        assert any("no natural run" in notice.message for notice in app._notifications)


async def test_warnings_stand_on_a_runs_page_in_the_list_and_behind_its_numbers(make_app, screen_text, project_rows):
    told = {"warnings": "PGD moved 3 of 4 images nowhere", "warned_views": "adversarial"}
    rows = [row | told if row["run_id"] == FINISHED else row for row in project_rows]
    given = answers()
    for name in ("accuracies", "leakage"):
        given[name] = [row | {"warnings": told["warnings"]} for row in given[name] if row["view"] == "adversarial"]
    app = make_app(rows, given)
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.pause()
        (listed,) = [line for line in screen_text(app) if "pgd-c1-e0.1" in line and "done" in line]
        assert "61.0!" in listed
        await opened(pilot)
        shown = "\n".join(screen_text(app))
        await pilot.press("2")
        shown += "\n".join(screen_text(app))
        assert " ! PGD moved 3 of 4 images nowhere" in shown
        assert "60.8 [58.8, 62.8]!" in shown
        assert "98.3!" in shown


async def test_an_attack_that_failed_stands_on_the_page_of_its_run(make_app):
    failed = {"run_id": FINISHED, "attack": "lira", "state": "failed", "error": "no others", "run_state": "done"}
    app = make_app(answers=answers() | {"inferences": [failed]})
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot)
        await until(pilot, lambda: " ✗ lira: no others" in page.text())


async def test_a_run_that_was_trained_with_others_says_so_behind_its_time(make_app, project_rows):
    rows = [row | {"together": 4} if row["run_id"] == FINISHED else row for row in project_rows]
    app = make_app(rows, answers())
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot)
        assert "took 10s, in a stack of 4" in page.text()


@pytest.mark.parametrize("size", [(58, 14), (80, 24), (120, 40)])
async def test_tabs_are_chosen_by_number_by_steps_and_by_clicks(make_app, screen_text, size):
    app = make_app(answers=answers())
    async with app.run_test(size=size) as pilot:
        page = await opened(pilot)
        assert "▸1 Summary" in screen_text(app)[1]
        for key, name in [("2", "Leakage"), ("tab", "Classes"), ("l", "History"), ("h", "Classes"), ("7", "Log")]:
            await pilot.press(key)
            assert page.tab == name
            assert f" {name}" in screen_text(app)[1].partition("▸")[2]
            assert page.scroll_y == 0
        await pilot.press("tab", "right_square_bracket", "4")
        assert (page.run_id, page.tab) == (RUNNING, "History")
        await pilot.click(page, offset=(screen_text(app)[1].index("5"), 1))
        assert page.tab == "Images"


async def test_a_run_that_waits_at_a_cluster_says_where_and_why(make_app):
    app = make_app(answers=answers(), link="engine")
    async with app.run_test(size=(120, 40)) as pilot:
        page = await opened(pilot, "digits-pgd-c8-e0.1-s0-aa06")
        where = {"run_id": page.run_id, "job": "slurm 12", "restarts": 2}
        app.project.take(protocol.Placement(**where, waits="Resources"))
        page.draw()
        assert "◷ waits: for free nodes" in page.text()
        assert "on slurm 12, restart 2" in page.text()
        await pilot.press("L")
        assert list(app._notifications)[-1].message == "job.log: nothing in it yet: the run waits (for free nodes)"
