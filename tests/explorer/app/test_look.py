import pytest

from explorer.app import look


@pytest.mark.parametrize("theme", sorted(look.THEMES))
@pytest.mark.parametrize(
    "tone", ["", "1", "8", "dim", "good", "bad", "overlap", "accent bold", "cursor", "bold heat4", "unheard of"]
)
def test_every_tone_has_a_style_under_every_theme(theme, tone):
    style = look.style(theme, tone)
    assert theme != "mono" or style.color is None


def test_colours_are_never_the_only_sign_of_trouble():
    assert look.style("mono", "bad").bold
    assert look.style("mono", "cursor").reverse
    assert look.style("mono", "heat1").bold


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_shades_of_leakage_differ(theme):
    assert len({look.style(theme, f"heat{shade}").bgcolor for shade in range(1, 5)}) == 4


def test_series_have_colours_of_their_own():
    for theme in ("dark", "light"):
        assert len({look.style(theme, str(tone)).color for tone in range(1, 9)}) == 8


async def test_an_ascii_app_has_nothing_else_on_its_screen(make_app, until):
    app = make_app(ascii=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.choices.current)
        await pilot.pause()
        segments = [segment for line in app.screen._compositor.render_strips() for segment in line]
        shown = app._ascii.apply(segments, None)
        assert all(segment.text.isascii() for segment in shown)
        assert app._ascii in app.get_line_filters()
