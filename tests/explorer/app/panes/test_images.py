import pytest
from rows import typed

from explorer.app.panes.exposed import PictureStyle
from explorer.app.panes.images import tiles
from explorer.results.lines import line_text
from explorer.results.picture import Picture

GREY = Picture(8, 8, bytes(range(0, 256, 4)))
FACE = Picture(32, 36, bytes(32 * 36))


def rows(count=12):
    given = {"label": 3, "class_name": "tulip", "risk": 0.9, "benign_risk": 0.9, "benign_confidence": 1.0}
    return [typed("exposed", given | {"example": example}) for example in range(count)]


def pictures(count=12, kinds=("image", "adversarial"), drawn=GREY):
    return {f"{example}-{kind}": drawn for example in range(count) for kind in kinds}


def lines(*given, size=(40, 14), plain=False):
    return [line_text(line) for line in tiles(*given, *size, PictureStyle(plain=plain))]


@pytest.mark.parametrize("drawn", [GREY, FACE])
@pytest.mark.parametrize("size", [(18, 3), (30, 8), (40, 14), (60, 22), (200, 50)])
def test_every_line_fits_and_every_image_has_its_words(size, drawn):
    found = lines(rows(), pictures(drawn=drawn), size=size)
    assert max(map(len, found)) <= size[0]
    if size[0] >= 30:
        assert all(sum(f"#{example} " in f"{line} " for line in found) == 1 for example in range(12))


def test_images_stand_in_rows_beside_their_adversarial_examples():
    found = lines(rows(), pictures())
    assert found[0].split() == ["90.0", "%", "3", "tulip", "#0", "90.0", "%", "3", "tulip", "#1"]
    assert "▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀" in found[1]


def test_images_without_a_picture_are_left_out_and_a_lone_one_stands_alone():
    assert lines(rows(), {}) == []
    found = lines(rows(), {"5-image": GREY, "6-image": None})
    assert "#5" in found[0]
    assert "▀▀▀▀▀▀▀▀ ▀" not in found[1]
    assert not any("#6" in line for line in found)


def test_plain_pictures_are_of_characters():
    assert not any("▀" in line for line in lines(rows(), pictures(), plain=True))


async def test_the_pane_reads_the_pictures_of_the_run_under_the_cursor(make_app, until, screen_text):
    app = make_app(answers={"exposed": [{"example": 7, "risk": 0.9, "label": 3}]})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "no pictures" in "\n".join(screen_text(app)))
        folder = app.project.paths.run_folder(app.choices.current) / "exposed"
        folder.mkdir(parents=True)
        (folder / "7-image.pgm").write_bytes(b"P5 8 8 255 " + GREY.levels)
        app.screen.query_one("#images").pictures = {}
        app.screen.draw()
        await until(pilot, lambda: any("#7" in line for line in screen_text(app)))
