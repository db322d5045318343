"""`≈`: what is may be luck is marked wherever a chart shows it."""

import pytest

from explorer.charts import kinds_of_chart, read_out
from explorer.charts.chart import Chart, Series
from explorer.charts.chart_lines import draw
from explorer.project.choices import Choices
from explorer.results.marks import FLOOR

SIGN, WORDS = "≈", "≈ may be luck"


@pytest.mark.parametrize(
    ("n_leaking", "n_seeds", "marked"), [(None, 3, False), (0, 1, True), (1, 2, True), (2, 3, False), (1, 1, False)]
)
def test_a_setting_is_like_a_guess_where_half_of_its_seeds_are(drawing, fact, n_leaking, n_seeds, marked):
    (curve,) = drawing("capacity", [fact(0.6, n_leaking=n_leaking, n_seeds=n_seeds)]).chart.series
    assert curve.like_guess == (marked,)


# Read out


@pytest.fixture
def drawing(make_project, fact):
    """A function drawing curves of which the natural ones are like a guess in one of two seeds."""
    naturals = [fact(mean, defense="natural", capacity=c, n_leaking=1) for c, mean in ((1.0, 0.52), (2.0, 0.54))]
    facts = [*naturals, fact(0.6), fact(0.58, epsilon=0.05, evaluation_epsilon=0.05)]

    def drawn(kind, facts=facts, **chosen):
        project = make_project(None, {"capacity": facts})
        return kinds_of_chart.drawing_of(kind, project, Choices(**chosen), list(project.runs.values()))

    return drawn


@pytest.mark.parametrize("kind", ["capacity", "epsilon"])
def test_points_know_that_they_are_like_a_guess(drawing, kind):
    for curve in drawing(kind).chart.series:
        assert set(curve.like_guess) == {curve.label.startswith("natural")}


def test_the_read_out_has_the_sign_behind_the_number(drawing):
    capacity = drawing("capacity")
    told = "capacity 1: ◆ natural 52.0 ±2.0≈  ■ pgd eps 0.05 58.0 ±2.0  ● pgd eps 0.1 60.0 ±2.0"
    assert read_out.read_out(capacity, 1.0) == told
    assert read_out.read_out(capacity, 1.0, brief=True) == "capacity 1: ◆ 52.0 ±2.0≈  ■ 58.0 ±2.0  ● 60.0 ±2.0"


def test_the_table_has_the_sign_behind_the_number_and_says_what_it_is(drawing):
    lines = read_out.table_text(drawing("capacity")).splitlines()
    assert [line.split()[2] for line in lines[4:6]] == ["52.0≈", "54.0≈"]
    assert sum(SIGN in line for line in lines[:-3]) == 2
    assert lines[-3:] == [WORDS, "", FLOOR]


def test_accuracies_are_neither_like_a_guess_nor_unlike_one(drawing, fact):
    accuracy = fact(0.9, metric="accuracy", view="benign", split="test", attack=None, threshold_rule=None)
    shown = drawing("capacity", [accuracy], metric="benign_test")
    assert [curve.like_guess for curve in shown.chart.series] == [(False,)]
    assert SIGN not in read_out.table_text(shown)
    assert FLOOR not in read_out.table_text(shown)


# Drawn


def chart(*flags, **fields):
    first = Series("natural", 2, "dim", (1, 2, 4), (0.51, 0.52, 0.55), like_guess=flags)
    return Chart((first, Series("pgd", 0, "1", (1, 2, 4), (0.6, 0.62, 0.65), (), (), (False, True))), **fields)


def text(lines):
    return "\n".join("".join(part for part, _ in line).rstrip() for line in lines)


def test_the_sign_stands_beside_the_mark_and_the_legend_explains_it():
    drawn = text(draw(chart(False, True, True), 100, 18))
    assert WORDS in drawn.splitlines()[0]
    assert drawn.count(SIGN) == 3
    assert drawn.count("◆≈") == 2
    assert SIGN not in text(draw(chart(False), 100, 18))


def test_the_legend_of_leakage_says_that_it_is_a_floor_where_that_takes_no_line_more():
    whole, narrow = (text(draw(chart(True, level=0.5), width, 18)).splitlines() for width in (120, 60))
    assert FLOOR in whole[0]
    assert FLOOR not in "".join(narrow)
    assert FLOOR not in text(draw(chart(False), 120, 18))  # accuracies have no level of a guess


def test_in_ascii_it_is_a_sign_of_its_own():
    drawn = text(draw(chart(True), 100, 18, True))
    assert "D=" in drawn
    assert "= may be luck" in drawn


def test_a_chart_too_small_to_be_drawn_has_it_behind_its_last_values():
    assert text(draw(chart(False, False, True), 16, 3)).strip() == "◆ natural 55.0≈\n● pgd 65.0"
    assert SIGN not in text(draw(chart(True), 16, 3))


def test_at_the_right_edge_it_stands_left_of_its_mark():
    assert "≈◆" in text(draw(chart(False, False, True, x_range=(1, 4)), 60, 12))


@pytest.mark.parametrize("height", [8, 18])
def test_the_legend_explains_it_where_there_is_room_and_cuts_nothing_for_it(height):
    for width in range(40, 120):
        with_sign, without = (text(draw(chart(flag), width, height)).splitlines()[:2] for flag in (True, False))
        explained = WORDS in "  ".join(with_sign)
        assert explained or with_sign[0] == without[0]
        assert explained or width < 80
