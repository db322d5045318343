import time

import pytest

from explorer.project.engine_log import LogLine
from explorer.results.lines import line_text

RUN = "digits-pgd-c1-e0.1-s0-aa03"


@pytest.fixture
def log_app(make_app):
    """A function making an app with so many lines in its log, which is zoomed to the whole screen."""

    def make(count=120, **given):
        app = make_app(**given)
        now = time.time()
        app.project.log.extend(LogLine(now + n / 1000, "info", f"message {n}", RUN) for n in range(count))
        return app

    return make


def pane(app):
    return app.screen.query_one("#log")


def seen(app):
    log = pane(app)
    top = round(log.scroll_y)
    return [line_text(line).strip() for line in log.shown.lines[top : top + log.size.height]]


async def opened(app, pilot, until):
    await pilot.press("6", "z")
    await until(pilot, lambda: pane(app).has_focus and seen(app) and app.project.link != "opening")
    await until(pilot, lambda: pane(app).size.height > 15)


async def test_the_newest_line_is_in_sight_with_time_and_short_run_name(log_app, until):
    app = log_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await until(pilot, lambda: seen(app)[-1].endswith("pgd-c1-e0.1-s0 message 119"))
        app.project.note("one more")
        await until(pilot, lambda: seen(app)[-1].endswith("one more"))
        assert "follow ●" in pane(app).border_title


async def test_scrolling_up_ends_following_and_capital_f_begins_it_again(log_app, until):
    app = log_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await until(pilot, lambda: seen(app)[-1].endswith("119"))
        await pilot.press("k")
        await until(pilot, lambda: "follow ○" in pane(app).border_title)
        before = seen(app)
        app.project.note("one more")
        await until(pilot, lambda: "one more" in pane(app).text())
        assert seen(app) == before
        await pilot.press("F")
        await until(pilot, lambda: seen(app)[-1].endswith("one more"))
        await pilot.press("g")
        await until(pilot, lambda: seen(app)[0].endswith("message 0"))
        await pilot.press("G")
        await until(pilot, lambda: seen(app)[-1].endswith("one more") and "follow ●" in pane(app).border_title)


async def test_the_wheel_ends_following_too(log_app, until):
    app = log_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await until(pilot, lambda: seen(app)[-1].endswith("119"))
        pane(app).scroll_relative(y=-3, animate=False, immediate=True)
        await until(pilot, lambda: not pane(app).follow)


async def test_a_search_leaves_only_matching_lines_and_escape_brings_all_back(log_app, until):
    app = log_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("slash", "tab", *"message 11", "enter")  # as words they would match a time at 11 too
        await until(pilot, lambda: "11 of 120" in pane(app).border_title)
        await pilot.press("slash", *"9$", "enter")
        await until(pilot, lambda: "1 of 120" in pane(app).border_title)
        pane(app).search = "nothing like it"
        app.screen.draw()
        assert "No line matches 'nothing like it'. 120 hidden. esc clears the search." in " ".join(seen(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(pane(app).owners) == 120)


async def test_long_lines_go_on_below_and_are_copied_whole(log_app, until):
    app = log_app(1)
    words = "CUDA out of memory: " + "the first backward pass asked for 2.1 GiB " * 4
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        app.project.note(words, "error", RUN)
        await until(pilot, lambda: "ERROR pgd-c1-e0.1-s0 CUDA" in "\n".join(seen(app)))
        lines = [line_text(line) for line in pane(app).shown.lines]
        assert len(lines) > 3
        assert all(line.startswith(" " * 10) and len(line) <= 78 for line in lines[2:])
        assert pane(app).line_to_copy().endswith("ERROR pgd-c1-e0.1-s0 " + words.strip())


async def test_another_day_is_named(log_app, until):
    app = log_app(0)
    app.project.log.append(LogLine(0.0, "warn", "long ago"))
    app.project.log.append(LogLine(time.time(), "info", "today"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        first, warning, today, _ = seen(app)[:4] if len(seen(app)) > 3 else [*seen(app), ""]
        assert first[-10:].startswith(("1970", "1969"))
        assert "WARN long ago" in warning
        assert time.strftime("%Y-%m-%d") in today


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rows": []}, "Nothing logged yet. n plans a sweep."),
        ({"rows": [], "read_only": True}, "Nothing logged yet. Read-only: watching"),
        ({}, "Nothing logged yet. Waiting for pgd-c2-e0.1-s0 (started "),
    ],
)
async def test_an_empty_log_says_what_to_expect(log_app, until, given, words):
    app = log_app(0, **given)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        assert words in " ".join(" ".join(seen(app)).split())


async def test_o_opens_the_engines_log_in_the_pager(log_app, until):
    app = log_app()
    paged = []
    app.page_file = paged.append
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("o")
        await until(pilot, lambda: paged == [app.project.paths.log])
