import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from explorer import look


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20))
def test_ascii_is_ascii_cell_for_cell(text):
    plain = look.to_ascii(text)
    assert plain.isascii()
    assert cell_len(plain) == cell_len(text)


def test_what_is_not_told_apart_from_a_guess_has_a_sign_in_ascii_too():
    assert look.to_ascii("53.0≈") == "53.0?"


def test_hollow_and_filled_marks_differ_in_ascii():
    filled, hollow = look.to_ascii("●■◆▲▼★▰◣"), look.to_ascii("○□◇△▽☆▱◺")
    assert len({*filled, *hollow}) == 16
    assert filled.lower() == hollow


@pytest.mark.parametrize("theme", sorted(look.THEMES))
@pytest.mark.parametrize("tone", ["", "1", "8", "dim", "good", "bad", "overlap", "accent bold", "cursor", "unheard of"])
def test_every_tone_has_a_style_under_every_theme(theme, tone):
    style = look.style(theme, tone)
    assert theme != "mono" or style.color is None


def test_colours_are_never_the_only_sign_of_trouble():
    assert look.style("mono", "bad").bold
    assert look.style("mono", "cursor").reverse


def test_series_have_colours_of_their_own():
    for theme in ("dark", "light"):
        assert len({look.style(theme, str(tone)).color for tone in range(1, 9)}) == 8


async def test_an_ascii_app_has_nothing_else_on_its_screen(make_app, until):
    app = make_app(ascii=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.view.current)
        await pilot.pause()
        segments = [segment for line in app.screen._compositor.render_strips() for segment in line]
        shown = app._ascii.apply(segments, None)
        assert all(segment.text.isascii() for segment in shown)
        assert app._ascii in app.get_line_filters()
