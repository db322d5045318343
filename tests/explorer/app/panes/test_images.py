import pytest

from explorer.app.panes.exposed import PictureStyle
from explorer.app.panes.images import tiles
from explorer.project import dataset_pictures
from explorer.results.lines import line_text
from explorer.results.picture import Picture

GREY = Picture(8, 8, bytes(range(0, 256, 4)))
FACE = Picture(32, 36, bytes(32 * 36))


def named(count=12):
    return [(example, f"90.0 % 3 tulip #{example}") for example in range(count)]


def pictures(count=12, kinds=("image", "adversarial"), drawn=GREY):
    return {f"{example}-{kind}": drawn for example in range(count) for kind in kinds}


def lines(*given, size=(40, 14), plain=False):
    return [line_text(line) for line in tiles(*given, *size, PictureStyle(plain=plain))]


@pytest.mark.parametrize("drawn", [GREY, FACE])
@pytest.mark.parametrize("size", [(18, 3), (30, 8), (40, 14), (60, 22), (200, 50)])
def test_every_line_fits_and_every_image_has_its_words(size, drawn):
    found = lines(named(), pictures(drawn=drawn), size=size)
    assert max(map(len, found)) <= size[0]
    if size[0] >= 30:
        assert all(sum(f"#{example} " in f"{line} " for line in found) == 1 for example in range(12))


def test_images_stand_in_rows_beside_their_adversarial_examples():
    found = lines(named(), pictures())
    assert found[0].split() == ["90.0", "%", "3", "tulip", "#0", "90.0", "%", "3", "tulip", "#1"]
    assert "▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀" in found[1]


def test_images_without_a_picture_are_left_out_and_a_lone_one_stands_alone():
    assert lines(named(), {}) == []
    found = lines(named(), {"5-image": GREY, "6-image": None})
    assert "#5" in found[0]
    assert "▀▀▀▀▀▀▀▀ ▀" not in found[1]
    assert not any("#6" in line for line in found)


def test_plain_pictures_are_of_characters():
    assert not any("▀" in line for line in lines(named(), pictures(), plain=True))


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


# Populations

RUN = "digits-natural-c1-s0-aa01"


def risks(run_id, **_):
    """Two attacks, of which the second finds more."""
    both = ({"attack": "lira", "view": "benign", "tpr": 0.03}, {"attack": "rmia", "view": "adversarial", "tpr": 0.06})
    sizes = {"n_models": 16, "n_member": 600, "n_nonmember": 1200, "fpr": 0.01, "std": 0.01}
    return [{"population": "p1", "threshold_rule": "references"} | sizes | one for one in both]


def betrayed(found):
    """Image 40 as often as it is said, and one that luck may have found."""

    def answer(run_id, attack, view, limit):
        assert (attack, view) == ("rmia", "adversarial")
        images = ({"example": 40, "n_found": found, "n_models": 5}, {"example": 41, "n_found": 1, "n_models": 1})
        return [{"label": 3, "attack": attack, "view": view, "risk": 1.0} | image for image in images]

    return answer


@pytest.fixture
def open_population(make_app, project_rows, monkeypatch):
    """A function making an app on two runs of a population; it counts what pictures are read of the data set."""
    read = []

    async def pictures(run, examples):
        read.append((run.run_id, list(examples)))
        return {f"{example}-image": GREY for example in examples} if opened.readable else {}

    monkeypatch.setattr(dataset_pictures, "read", pictures)

    def opened(found=5, **answers):
        two = [project_rows[0] | {"population": "p1"}, project_rows[1] | {"population": "p1"}]
        whole = lambda run_id: [two[0] | {"spec": "{}", "place": "{}"}]  # noqa: E731
        told = {"class_risks": risks, "image_risks": betrayed(found), "run": whole}
        app = make_app(rows=two, answers=told | {"exposed": [{"example": 7, "risk": 0.9, "label": 3}]} | answers)
        app.choices.current = RUN
        return app

    opened.read, opened.readable = read, True
    return opened


async def test_a_population_shows_whom_its_strongest_attack_finds_beyond_luck(open_population, until, screen_text):
    app = open_population()
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "5 of 5 · 3 #40" in "\n".join(screen_text(app)))
        said = "\n".join(screen_text(app))
        assert "rmia (adversarial) among 16 models" in said or "rmia · 16 models" in said
        assert "#41" not in said
        await pilot.press("1", "j")
    assert open_population.read == [(RUN, [40])], "once for all runs of the population"


async def test_without_pictures_the_images_are_listed(open_population, until, screen_text):
    open_population.readable = False
    app = open_population()
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "cannot be read here" in "\n".join(screen_text(app)))
        assert any("40" in line and "5 of 5" in line for line in screen_text(app))


async def test_a_population_that_gives_nobody_away_shows_nobody(open_population, until, screen_text):
    app = open_population(found=1)
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "No image stands out beyond luck" in "\n".join(screen_text(app)))
        assert not any("#40" in line for line in screen_text(app))
    assert open_population.read == []


async def test_without_an_attack_with_references_the_models_own_answers_tell(open_population, until, screen_text):
    app = open_population(class_risks=[])
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: "no pictures" in "\n".join(screen_text(app)))
        assert ("exposed", {"run_id": RUN, "limit": 12}) in app.project.asked
