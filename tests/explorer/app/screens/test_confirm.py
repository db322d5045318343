import pytest

from explorer.app.screens.confirm import Confirm


async def answer(app, pilot, until, *keys):
    """What the question was answered with after these keys."""
    given = []
    app.push_screen(Confirm("Cancel [it]?", "What was [saved] stays.", "cancel it"), given.append)
    await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.focused)
    await pilot.press(*keys)
    await until(pilot, lambda: given)
    return given[0]


@pytest.mark.parametrize(
    ("keys", "yes"),
    [
        (["enter"], False),
        (["n"], False),
        (["escape"], False),
        (["y"], True),
        (["up", "enter"], True),
        (["k", "enter"], True),
        (["j", "j", "enter"], False),
        (["tab", "enter"], True),
    ],
)
async def test_only_yes_is_yes(make_app, until, keys, yes):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert await answer(app, pilot, until, *keys) is yes


async def test_the_words_are_shown_as_they_are(make_app, until, screen_text):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Confirm("Cancel [it]?", "What was [saved] stays.", "cancel it"))
        await until(pilot, lambda: "What was [saved] stays." in " ".join(screen_text(app)))
        assert any("Cancel [it]?" in line for line in screen_text(app))


@pytest.mark.parametrize(("plain", "pointer"), [(False, "▸"), (True, ">")])
async def test_without_colours_a_pointer_stands_before_the_answer_under_the_cursor(
    make_app, until, screen_text, plain, pointer
):
    app = make_app(theme="mono", ascii=plain)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(Confirm("Cancel it?", "", "cancel it"))
        for key, other, answer in (("", "y  Cancel it", "n  Leave it"), ("up", "n  Leave it", "y  Cancel it")):
            await pilot.press(*filter(None, [key]))
            await until(pilot, lambda answer=answer: any(pointer + answer in line for line in screen_text(app)))
            assert any(f" {other}" in line for line in screen_text(app))
