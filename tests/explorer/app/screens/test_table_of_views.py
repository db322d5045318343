import pytest

from explorer.app.screens.table_of_views import TableOfViews

DEFENSES = ("natural", "dual", "abstract", "ibp")


@pytest.fixture
def answers(views_row):
    return {"views": [views_row(defense) for defense in DEFENSES]}


async def opened(pilot, until):
    await until(pilot, lambda: pilot.app.choices.current)
    await pilot.press("V")
    await until(pilot, lambda: isinstance(pilot.app.screen, TableOfViews))
    return pilot.app.screen.page


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_it_fits_every_terminal(make_app, until, answers, size):
    app = make_app(answers=answers)
    async with app.run_test(size=size) as pilot:
        page = await opened(pilot, until)
        lines = page.text().splitlines()
        assert all(len(line) <= page.size.width for line in lines)
        words = [line.split()[:1] for line in lines[: lines.index("")]]
        assert [word for (word,) in filter(None, words) if word in (*DEFENSES, "paper")] == [
            word for one in DEFENSES for word in (one, "paper")
        ]
        ibp = lines[words.index(["ibp"])].split()
        assert {"83.8", "66.7", "34.8", "58.5", "64.3", "74.0"} <= set(ibp)
        assert ("87.6" in ibp) is (size[0] >= 80)  # a narrower one goes without train accuracies


async def test_a_wide_terminal_has_spreads_and_both_rules(make_app, until, answers):
    app = make_app(answers=answers)
    async with app.run_test(size=(200, 60)) as pilot:
        page = await opened(pilot, until)
        text = page.text()
        for words in ("HELD-OUT", "ORACLE", "CERTIFIED BY", "SEEDS", "74.0 ±1.0", "paper: capacity 8, full size"):
            assert words in text
        assert "rule" not in page.keys(100)


async def test_where_there_is_room_for_one_rule_a_key_changes_it(make_app, until, answers):
    ibp, key = answers["views"][3], ("certified", "heldout")
    answers["views"][3] = ibp._replace(numbers=ibp.numbers | {key: ibp.numbers[key]._replace(mean=0.711)})
    app = make_app(answers=answers)
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot, until)
        assert "ORACLE" in page.text()
        assert "71.1" not in page.text()
        await pilot.press("T")
        assert "HELD-OUT" in page.text()
        assert "71.1" in page.text()


async def test_other_epsilons_and_methods_are_told_at_80_columns(make_app, until, views_row):
    rows = [views_row("ibp", certification=method) for method in ("ibp", "crown-ibp")]
    rows.append(views_row("ibp", epsilon=0.5 / 255, evaluation_epsilon=0.5 / 255, paper=False))
    app = make_app(answers={"views": rows})
    async with app.run_test(size=(80, 24)) as pilot:
        page = await opened(pilot, until)
        for words in ("ibp 8/255 crown-ibp", "ibp 0.5/255", "ibp by ibp, ibp by crown-ibp"):
            assert words in " ".join(page.text().split())


async def test_only_the_listed_runs_are_asked_for(make_app, until, answers):
    app = make_app(answers=answers)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        assert ("views", {}) in app.project.asked
        await pilot.press("escape")
        app.choices.filter = "natural"
        app.screen.draw()
        await opened(pilot, until)
        (asked,) = [params["run_id"] for name, params in app.project.asked[-5:] if name == "views" and params][-1:]
        assert asked == ["digits-natural-c1-s0-aa01", "digits-natural-c2-s0-aa02"]
        assert "of 2 listed runs" in app.screen.page.shown.title


async def test_the_copy_is_the_whole_table(make_app, until, answers):
    app = make_app(answers=answers)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, until)
        await pilot.press("y")
        assert "I_V held-out" in app.clipboard
        await pilot.press("escape")
        assert not isinstance(app.screen, TableOfViews)


@pytest.mark.parametrize(("answer", "words"), [(None, "asking"), ([], "No finished run yet")])
async def test_without_numbers_it_says_why(make_app, until, answer, words):
    app = make_app(answers={"views": answer})
    async with app.run_test(size=(80, 24)) as pilot:
        assert words in (await opened(pilot, until)).text()
