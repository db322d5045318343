import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.results import picture
from explorer.results.lines import line_text
from explorer.results.picture import Picture

SIDES = st.integers(1, 40)


@st.composite
def pictures(draw):
    width, height, channels = draw(SIDES), draw(SIDES), draw(st.sampled_from([1, 3]))
    seed = draw(st.binary(min_size=1, max_size=64))
    length = width * height * channels
    return Picture(width, height, (seed * length)[:length])


def pgm(width=2, height=2, levels=bytes(4), kind=5, head="P{kind}\n{width} {height}\n255\n"):
    return head.format(kind=kind, width=width, height=height).encode() + levels


def test_grey_and_colour_are_read():
    assert picture.parse(pgm(levels=bytes([0, 1, 2, 3]))) == Picture(2, 2, bytes([0, 1, 2, 3]))
    colour = picture.parse(pgm(1, 2, bytes(range(6)), kind=6))
    assert (colour.channels, colour.pixel(0, 1)) == (3, bytes([3, 4, 5]))


def test_a_header_may_have_comments_and_levels_may_look_like_blanks():
    head = "P{kind} # made by hand\n{width}\t{height}\n# and so\n255\n"
    assert picture.parse(pgm(levels=b"\n \t#", head=head)) == Picture(2, 2, b"\n \t#")


@pytest.mark.parametrize(
    "data",
    [b"", b"P5", b"P2\n1 1\n255\n0", pgm()[:-1], pgm(0, 2), pgm(head="P5\n2 2\n65535\n"), b"\x89PNG\r\n", bytes(100)],
)
def test_what_is_no_picture_is_none(data, tmp_path):
    assert picture.parse(data) is None
    (tmp_path / "x.pgm").write_bytes(data)
    assert picture.read(tmp_path / "x.pgm") is None


def test_a_file_that_is_not_there_or_a_folder_is_none(tmp_path):
    assert picture.read(tmp_path / "no.pgm") is None
    assert picture.read(tmp_path) is None


def test_a_large_picture_is_averaged_down_as_it_is_read(tmp_path):
    (tmp_path / "x.pgm").write_bytes(pgm(168, 192, bytes([7]) * (168 * 192)))
    assert picture.read(tmp_path / "x.pgm") == Picture(42, 48, bytes([7]) * (42 * 48))


@given(pictures(), SIDES, SIDES)
def test_resizing_keeps_the_mean_and_stays_within_the_levels(original, width, height):
    found = picture.resized(original, width, height)
    assert (found.width, found.height, found.channels) == (width, height, original.channels)
    assert min(original.levels) <= min(found.levels)
    assert max(found.levels) <= max(original.levels)
    means = [sum(each.levels) / len(each.levels) for each in (original, found)]
    assert means[0] == pytest.approx(means[1], abs=1.0)  # each level is rounded


@given(pictures(), st.integers(2, 4))
def test_enlarging_by_a_whole_number_repeats_pixels(original, factor):
    found = picture.resized(original, factor * original.width, factor * original.height)
    for x, y in ((0, 0), (original.width - 1, original.height - 1)):
        assert found.pixel(factor * x, factor * y + factor - 1) == original.pixel(x, y)


@given(pictures(), st.integers(1, 50), st.integers(1, 30), st.booleans())
def test_what_is_drawn_fits_and_keeps_its_proportions(original, width, height, plain):
    lines = picture.drawn(original, width, height, plain)
    assert 1 <= len(lines) <= height
    lengths = {len(line_text(line)) for line in lines}
    assert len(lengths) == 1
    (length,) = lengths
    assert length <= width
    if min(length, len(lines)) > 4:
        assert length / (2 * len(lines)) == pytest.approx(original.width / original.height, rel=0.35)


def test_two_pixels_share_a_cell_the_upper_one_in_front():
    lines = picture.drawn(Picture(2, 3, bytes([0, 0, 255, 255, 16, 32])), 2, 2)
    assert lines == [(("▀▀", "#000000 on #ffffff"),), (("▀", "#101010"), ("▀", "#202020"))]


def test_colours_are_the_pixels_own():
    assert picture.drawn(Picture(1, 2, bytes([1, 2, 3, 255, 0, 128])), 1, 1) == [(("▀", "#010203 on #ff0080"),)]


def test_characters_tell_bright_from_dark_and_turn_on_bright_paper():
    ramp = Picture(2, 2, bytes([0, 255, 0, 255]))
    assert picture.drawn(ramp, 2, 1, plain=True) == [((" @", ""),)]
    assert picture.drawn(ramp, 2, 1, plain=True, bright_paper=True) == [(("@ ", ""),)]
    green, blue = (Picture(1, 1, bytes(levels)) for levels in ([0, 255, 0], [0, 0, 255]))
    shown = [picture.drawn(each, 1, 1, plain=True)[0][0][0] for each in (green, blue)]
    assert picture.RAMP.index(shown[0]) > picture.RAMP.index(shown[1])
