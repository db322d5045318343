from pathlib import Path

import pytest
from rows import typed

from explorer.app.panes import exposed
from explorer.app.panes.exposed import PictureStyle
from explorer.results.lines import line_text
from explorer.results.picture import Picture
from explorer.results.run_folder import RunFolder

VIEWS = ("benign", "adversarial", "targeted", "certified")
GREY = Picture(8, 8, bytes(range(0, 256, 4)))


def rows(views=VIEWS[:3], count=12):
    found = []
    for example in range(count):
        given = {"example": example + 100, "label": 3, "class_name": "tulip"}
        given |= {"risk": 0.9 - example / 100, "mean_risk": 0.5}
        for view in VIEWS:
            there = view in views
            given |= {f"{view}_confidence": 0.998 if there else None, f"{view}_risk": 0.75 if there else None}
        found.append(typed("exposed", given))
    return found


def folder(**pictures):
    return RunFolder(Path("r"), pictures={name.replace("_", "-"): each for name, each in pictures.items()})


def text(*arguments, size=(78, 22), look=PictureStyle(), chosen=0, state="done"):  # noqa: B008
    lines = exposed.section(arguments[0], state, arguments[1], chosen, size, look)
    return [line_text(line).rstrip() for line in lines]


PAIR = {"100-image": GREY, "100-adversarial": GREY}


@pytest.mark.parametrize("width", [40, 78, 118])
@pytest.mark.parametrize("views", [VIEWS[:1], VIEWS[:3], VIEWS])
def test_every_line_fits_and_every_image_is_listed(width, views):
    lines = text(rows(views), folder(**PAIR), size=(width, 22))
    assert max(map(len, lines)) <= width
    for example in range(100, 112):
        assert any(f" {example} " in line for line in lines)


def test_what_gives_way_first_are_the_risks_of_single_views():
    head = next(line for line in text(rows(VIEWS), folder(), size=(78, 22)) if "IMAGE" in line)
    assert "CERTIFIED" in head
    assert "RISK V" not in head


def test_the_chosen_image_stands_beside_its_adversarial_example():
    lines = text(rows(), folder(**PAIR))
    caption = next(line for line in lines if "adversarial example" in line)
    assert caption.strip().startswith("image 100, class 3 tulip")
    blocks = [line for line in lines if "▀" in line]
    assert len(blocks) == exposed.picture_rows(22) == 8
    assert all(line.count("▀") == 2 * 16 for line in blocks)


@pytest.mark.parametrize("side", [8, 28, 32, 60])
def test_a_picture_takes_at_most_three_tenths_of_the_width(side):
    lines = text(rows(), folder(**{"100-image": Picture(side, side, bytes(side * side))}), size=(80, 60))
    assert max(line.count("▀") for line in lines) <= 24


def test_choosing_goes_round():
    marked = [
        next(line for line in text(rows(), folder(), chosen=chosen) if "▸" in line).split()[1]
        for chosen in (0, 1, 11, 12)
    ]
    assert marked == ["100", "101", "111", "100"]


def test_without_an_adversarial_view_the_image_stands_alone():
    lines = text(rows(VIEWS[:1]), folder(**{"100-image": GREY}))
    assert any(line.strip() == "image 100, class 3 tulip" for line in lines)


def test_what_cannot_be_read_is_a_dim_line_beside_what_can():
    found = exposed.section(
        rows(), "done", folder(**{"100-image": GREY, "100-adversarial": None}), 0, (78, 22), PictureStyle()
    )
    line = next(line for line in found if "100-adversarial cannot be read" in line_text(line))
    assert ("100-adversarial cannot be read", "dim") in line
    assert any("▀" in line_text(line) for line in found)


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (None, "done", "asking"),
        ([], "running", "None yet: risks are measured after training."),
        ([], "failed", "No risk is stored."),
    ],
)
def test_nothing_to_show_is_said(found, state, said):
    assert said in text(found, None, state=state)[1]


def test_missing_pictures_are_said_above_the_list():
    assert "has no picture of image 100" in text(rows(), folder())[1]
    assert "reading" in text(rows(), None)[1]


def test_characters_stand_for_colours_where_there_are_none():
    lines = text(rows(), folder(**PAIR), look=PictureStyle(plain=True))
    assert not any("▀" in line for line in lines)
    assert any("@" in line for line in lines)
    assert all(line.isascii() for line in lines[2:10])


def test_the_risk_is_explained():
    assert "at 50 % the answer tells nothing" in " ".join(" ".join(text(rows(), folder())).split())


# What a population betrays


def risks(count=12, **fields):
    given = {"attack": "lira", "view": "adversarial", "threshold_rule": "references", "label": 3, "class_name": "tulip"}
    each = ({"example": 100 + at, "risk": 1 - at / 20, "n_found": 8 - at // 4, "n_models": 8} for at in range(count))
    return [typed("image_risks", given | one | fields) for one in each]


BY = typed(
    "class_risks",
    {
        "attack": "lira",
        "view": "adversarial",
        "n_models": 16,
        "n_member": 300,
        "n_nonmember": 600,
        "tpr": 0.05,
        "fpr": 0.01,
    },
)


@pytest.mark.parametrize("width", [78, 118])
def test_images_that_a_population_betrays_have_the_models_behind_their_risk(width):
    lines = [line_text(line) for line in exposed.betrayed(risks(), BY, width)]
    assert max(map(len, lines)) <= width
    assert "lira (adversarial) among 16 models" in lines[0]
    assert lines[2].split() == ["100", "3", "tulip", "100.0", "8", "of", "8"]
    assert "With few models" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize(
    ("rows", "by", "why", "words"),
    [
        *((None, None, "", "asking …"), ([], None, "", "No attack with references has told of it.")),
        ([], None, "lira: 1 other models have answered; it takes 3", "lira: 1 other models have answered; it takes 3"),
        (
            risks(3, n_found=1, n_models=1),
            BY,
            "",
            "No image stands out beyond luck: lira (adversarial) among 16 models",
        ),
    ],
)
def test_without_risks_of_a_population_the_words_say_why(rows, by, why, words):
    lines = [line_text(line) for line in exposed.betrayed(rows, by, 78, why)]
    assert words in " ".join(line.strip() for line in lines[1:])
