import json

import pytest

from engine.spec import sweeps
from explorer.app.screens.compare import Compare

IDS = [f"digits-{kind}-s0-aa0{number}" for number, kind in enumerate(("natural-c1", "natural-c2", "pgd-c1-e0.1"), 1)]
IDS.append("digits-pgd-c2-e0.1-s0-aa04")


def answers():
    merged, data = sweeps.settle({"name": "one", "dataset": "digits", "grid": {"capacity": [1, 2]}}, "quick")
    specs = [each.to_dict() for each in sweeps.expand(merged, data, "quick")]
    leak = {"attack": "confidence", "view": "adversarial", "class_label": None, "threshold_rule": "oracle"}
    leak |= {"n_member": 600, "n_nonmember": 1197, "metric": "inference_accuracy"}
    return {
        "run": [{"run_id": run_id, "spec": json.dumps(spec)} for run_id, spec in zip(IDS, specs, strict=True)],
        "accuracies": [
            {"run_id": run_id, "view": "benign", "split": "test", "accuracy": 0.9, "n": 1197} for run_id in IDS
        ],
        "leakage": [
            leak | {"run_id": run_id, "value": value, "ci_low": value - 0.02, "ci_high": value + 0.02}
            for run_id, value in zip(IDS, (0.5, 0.52, 0.6, 0.62), strict=True)
        ],
    }


async def shown(pilot, ids=IDS):
    pilot.app.push_screen(Compare(ids))
    await pilot.pause()
    await pilot.pause()
    return pilot.app.screen.page


async def test_columns_hold_what_differs_and_the_differences(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(200, 60)) as pilot:
        text = (await shown(pilot)).text()
        for words in (
            "natural-c1-s0",
            "pgd-c2-e0.1-s0",
            "capacity",
            "60.0 [58.0, 62.0] +10.0",
            "oracle accuracy",
            "600/1197",
        ):
            assert words in text
        assert "fingerprint" not in text
        assert "batch size" not in text


async def test_heads_look_as_in_runs_and_differences_without_doubt_are_bold(make_app):
    rows = answers()
    for row in rows["leakage"]:
        row["leaks"] = row["value"] > 0.53
    app = make_app(answers=rows, theme="mono")
    async with app.run_test(size=(200, 60)) as pilot:
        page = await shown(pilot)
        head = page.shown.head[0]
        assert ("◆ natural-c1-s0", "bold dim") in [(words.strip(), tone) for words, tone in head]
        assert ("● pgd-c1-e0.1-s0", "bold 1") in [(words.strip(), tone) for words, tone in head]
        line = next(line for line in page.shown.lines if "oracle accuracy" in line[0][0])
        told = {words.strip(): tone for words, tone in line}
        assert told["+2.0"] == "dim"
        assert told["+10.0"] == "bold"
        assert told["60.0 [58.0, 62.0]"].startswith("bold heat")
        assert told["52.0 [50.0, 54.0]≈"] == ""
        assert "bold: a difference that" in page.text()


async def test_all_settings_on_request(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(120, 40)) as pilot:
        page = await shown(pilot)
        await pilot.press("a")
        assert "batch size" in page.text()
        await pilot.press("a")
        assert "batch size" not in page.text()


async def test_the_first_run_stays_while_the_others_move(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(80, 24)) as pilot:
        page = await shown(pilot)

        def names():
            return [word for word in page.text().splitlines()[0].split() if len(word) > 1]

        assert names() == ["natural-c1-s0", "natural-c2-s0"]
        await pilot.press("l")
        assert names() == ["natural-c1-s0", "pgd-c1-e0.1-s0"]
        await pilot.press("l", "l", "l")
        assert names() == ["natural-c1-s0", "pgd-c2-e0.1-s0"]
        await pilot.press("h", "h", "h", "h")
        assert names() == ["natural-c1-s0", "natural-c2-s0"]


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_no_line_is_wider_than_the_screen(make_app, size):
    app = make_app(answers=answers())
    async with app.run_test(size=size) as pilot:
        page = await shown(pilot)
        assert all(len(line) <= page.size.width for line in page.text().splitlines())


async def test_the_copy_has_every_run(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("y")
        assert all(name in app.clipboard for name in ("natural-c2-s0", "pgd-c1-e0.1-s0", "pgd-c2-e0.1-s0"))


async def test_escape_goes_back(make_app):
    app = make_app(answers=answers())
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("escape")
        assert not isinstance(app.screen, Compare)
