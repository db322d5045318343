import pytest
from textual.containers import VerticalScroll
from textual.widgets import Input

from explorer.app import actions
from explorer.app.screens.help import Guide, Help
from explorer.results import glossary
from explorer.results.lines import line_text


def words(guide, width=76, pattern=""):
    return [line_text(line) for line in guide.lines(width, pattern)]


def guide(scope="runs", keymap=None, read_only=False):
    return Guide(scope, "About this pane.", keymap or {}, read_only)


def test_every_action_stands_there_once():
    text = " ".join("\n".join(words(guide(), 200)).split())
    for action in actions.ACTIONS:
        assert f" {action.does} {action.id} " in f"{text} "


@pytest.mark.parametrize("scope", ["runs", "chart", "log"])
def test_the_focused_pane_comes_first_with_its_own_words(scope):
    lines = words(guide(scope))
    assert lines[0] == f"{scope.capitalize()}  (here)"
    assert lines[1] == "About this pane."
    assert actions.of([scope])[0].does in lines[2]


def test_all_keys_of_an_action_are_shown_and_remapped_ones_instead_of_them():
    (line,) = words(guide(), pattern="app.leave")[1:-1]
    assert line.startswith("q ^q ")
    (line,) = words(guide(keymap={"app.leave": "W,comma"}), pattern="app.leave")[1:-1]
    assert line.startswith("W , ")


@pytest.mark.parametrize("width", [40, 70, 96])
def test_no_line_is_wider_than_the_window(width):
    assert max(map(len, words(guide(), width))) <= width


def test_a_filter_leaves_what_has_every_word():
    lines = words(guide(), pattern="EXPORT last")
    assert [line for line in lines if "repeat the last export" in line]
    assert len(lines) == 3


def test_the_fields_words_are_found_those_first_that_are_named():
    lines = words(guide(), 120, "oracle")
    at = lines.index("Words")
    assert lines[at + 1].startswith("oracle ")
    assert "the very examples it is reported on" in lines[at + 1]
    assert any(line.startswith("I_A ") and "PGD examples" in line for line in words(guide(), 120))
    assert any(line.startswith("rmia ") for line in words(guide(), 120, "rmia"))
    shown = {term: meaning for term, meaning in glossary.terms().items() if not (term and meaning)}
    assert not shown


def test_nothing_is_found_where_nothing_has_the_words():
    assert "Nothing is called" in words(guide(), pattern="nothing like it")[0]


def test_what_a_read_only_app_cannot_do_is_greyed_and_said():
    lines = guide(read_only=True).lines(76)
    assert any("read-only" in line_text(line) for line in lines)
    (new,) = [line for line in lines if " new sweep" in line_text(line)]
    assert {tone for _, tone in new} == {"dim"}


def test_marks_and_remapping_are_explained_with_an_action_that_exists():
    text = "\n".join(words(guide()))
    assert all(mark in text for mark in "●○✱▶◷✔✗◌")
    assert "[keymap]" in text
    assert 'runs.overlay" = "o"' in text
    assert "runs.overlay" in actions.BY_ID


async def opened(app, pilot, until):
    await until(pilot, lambda: app.project.runs)
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(app.screen, Help) and app.screen.query("#lines"))
    await pilot.pause()
    await pilot.pause()
    return app.screen


@pytest.mark.parametrize("key", ["escape", "question_mark", "q", "f1"])
async def test_any_of_four_keys_leaves(make_app, until, key):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        help = await opened(app, pilot, until)
        await pilot.press(key)
        assert app.screen is not help
        assert app.return_value is None


async def test_it_scrolls_by_letters_and_arrows(make_app, until):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        help = await opened(app, pilot, until)
        body = help.query_one(VerticalScroll)
        for key, moved in (("j", 1), ("down", 2), ("k", 1), ("g", 0)):
            await pilot.press(key)
            assert body.scroll_y == moved
        await pilot.press("G")
        assert body.scroll_y == body.max_scroll_y > 0


async def test_typing_filters_and_escape_takes_it_back(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        help = await opened(app, pilot, until)
        await pilot.press("slash", *"quit", "backspace", *"t cancel", "enter")
        help.query_one(Input).value = "cancel the run"
        await until(pilot, lambda: any("X" in line and "cancel the run" in line for line in screen_text(app)))
        assert not any("zoom this pane" in line for line in screen_text(app))
        await pilot.press("escape")
        assert app.screen is help
        await until(pilot, lambda: any("Runs  (here)" in line for line in screen_text(app)))
        await pilot.press("escape")
        assert app.screen is not help


async def test_it_fits_a_small_terminal(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        lines = screen_text(app)
        assert len(lines) == 24
        assert "esc ? q leave" in lines[-1]


async def test_one_key_goes_to_the_words(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, until)
        await pilot.press("w")
        await until(pilot, lambda: "  I_B" in screen_text(app)[2])
