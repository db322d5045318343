import pytest
from rows import typed

from explorer.results import views_table
from explorer.results.lines import line_text
from explorer.results.rendering import plain, screen


@pytest.fixture
def lines(views_row):
    """A function giving the words of each line of the plain table: defenses, or settings that were changed."""

    def told(*asked):
        rows = [views_row(one) if isinstance(one, str) else views_row(**one) for one in asked]
        text = plain(views_table.table([typed("views", row) for row in rows]))
        return [line.split() for line in text.rpartition("\n\n")[0].splitlines()]

    return told


def test_the_papers_line_stands_below_ours_and_says_in_what_it_differs(lines):
    title, _, _, _, natural, papers_natural, ibp, papers_ibp = lines("natural", "ibp")
    assert " ".join(title) == "yale · capacity 2 · 48x42 · eps 8/255 (paper: capacity 8, full size)"
    assert natural[:6] == ["natural", "-", "2", "98.0", "±1.0", "96.2"]
    assert papers_natural[:5] == ["paper", "-", "1", "100.0", "98.2"]
    assert ibp[:5] == ["ibp", "ibp", "2", "97.2", "±1.0"]
    assert " ".join(papers_ibp) == "paper ibp 1 99.2 85.8 94.4 68.7 89.6 36.8 60.5 66.3 76.0 - - -"


def test_what_does_not_exist_is_a_dash_and_what_may_be_luck_is_marked(lines):
    natural = lines("natural", "ibp")[4]
    assert " ".join(natural[-12:]) == "- - 53.8 ±1.0 52.3 ±1.0≈ - 53.8 ±1.0 52.3 ±1.0≈ -"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"capacity": 8.0, "size": None}, ""),
        ({"capacity": 8.0}, "full size"),
        ({"network": "small-cnn", "size": None}, "capacity 8, yale-cnn"),
        ({"train_fraction": 0.2, "size": None, "capacity": 8.0}, "all data"),
        ({"train_fraction": 0.02, "paper_train_fraction": 0.2, "size": None, "capacity": 8.0}, "20 % of the data"),
        ({"paper_capacity": None, "size": None}, "network unknown"),
    ],
)
def test_in_what_the_papers_model_differs(views_row, fields, words):
    (block,) = views_table.networks([typed("views", views_row("ibp", **fields))])
    assert block.papers == words


def test_settings_with_the_same_line_of_the_papers_share_it(lines):
    ibp = {"defense": "ibp"}
    table = lines("natural", ibp, ibp | {"certification": "crown-ibp"})
    assert [line[:2] for line in table[4:]] == [
        *(["natural", "-"], ["paper", "-"], ["ibp", "ibp"], ["ibp", "crown-ibp"], ["paper", "ibp"])
    ]


def test_without_the_papers_numbers_there_is_no_line_of_it(lines):
    assert len(lines({"defense": "ibp", "paper": False})) == 5


def test_models_on_other_data_are_blocks_of_their_own(views_row):
    rows = [views_row("ibp"), views_row("ibp", capacity=4.0), views_row("ibp", capacity=4.0, size="24x21")]
    assert [block.title for block in views_table.networks([typed("views", row) for row in rows])] == [
        *("yale · capacity 2 · 48x42", "yale · capacity 4 · 48x42", "yale · capacity 4 · 24x21")
    ]


def test_names_tell_alike_settings_apart_by_what_has_no_column(views_row):
    rows = [
        views_row("natural"),
        views_row("natural", evaluation_epsilon=4 / 255),
        views_row("ibp", epsilon=4 / 255, evaluation_epsilon=4 / 255),
        views_row("ibp"),
        views_row("ibp", certification="crown-ibp"),
        views_row("ibp", certification="crown-ibp", settings="bbbb2222"),
        views_row("ibp", evaluation_epsilon=4 / 255),
    ]
    (block,) = views_table.networks([typed("views", row) for row in rows])

    def ours(*told):
        return [name for name in views_table.labels(block, told) if "paper" not in name]

    assert ours() == [
        *("natural attacked 8/255", "natural attacked 4/255", "ibp 4/255", "ibp 8/255 ibp #aaaa"),
        *("ibp 8/255 crown-ibp #aaaa", "ibp 8/255 crown-ibp #bbbb", "ibp 8/255 attacked 4/255"),
    ]
    assert ours(views_table.EPSILON, views_table.ATTACK, views_table.CERTIFIED) == [
        *("natural", "natural", "ibp", "ibp", "ibp #aaaa", "ibp #bbbb", "ibp"),
    ]


@pytest.mark.parametrize("width", [50, 80, 120, 200])
def test_digits_stand_below_each_other(views_row, width):
    rows = [typed("views", views_row(defense)) for defense in ("natural", "ibp")]
    head, lines = screen(views_table.table(rows, width), width, titled=lambda _: [])
    said = [line_text(line) for line in (*head, *lines)]
    assert len(set(map(len, said[1:]))) == 1
    assert len(said[1]) <= width
    points = [{at for at, sign in enumerate(line) if sign == "."} for line in said[2:]]
    assert points[0] <= points[2]


def test_what_gives_way_first_is_the_spread_then_the_other_rule(views_row):
    rows = [typed("views", views_row(defense)) for defense in ("natural", "ibp")]
    wide, middle, narrow = (views_table.table(rows, width).fitted(width) for width in (200, 110, 78))
    assert any(9 in column.yielding for column in wide)
    assert not any(9 in column.yielding for column in middle)
    assert {"ORACLE", "HELD-OUT"} <= {column.group for column in middle}
    assert "HELD-OUT" not in {column.group for column in narrow}


def test_a_long_name_is_cut_before_an_accuracy_goes(views_row):
    rows = [typed("views", views_row("ibp", setting=setting)) for setting in ("steps 200, temperature 10", None)]
    columns = views_table.table(rows, 70).fitted(70)
    assert columns[0].room < 30
    assert [column.name for column in columns].count("TEST") == 3
