"""Points of several curves at one x stand beside each other: on the demo's headline chart every one is seen."""

import pytest

from explorer.charts.chart import MARKS
from explorer.charts.chart_lines import draw
from explorer.results.lines import line_text

DEMO = {
    ("natural", 0.0): ((0.527, 0.494, 0.541), (0.527, 0.496, 0.547), (0.530, 0.497, 0.543)),
    ("pgd", 0.05): ((0.577, 0.543, 0.589), (0.583, 0.551, 0.596), (0.588, 0.556, 0.600)),
    ("pgd", 0.1): ((0.578, 0.545, 0.594), (0.598, 0.565, 0.614), (0.612, 0.579, 0.626)),
    ("pgd", 0.2): ((0.561, 0.528, 0.578), (0.580, 0.549, 0.600), (0.614, 0.580, 0.633)),
}
"""Mean and interval of the finished demo's settings at capacities 1, 2 and 4."""
BARS = "│┬┴┼├┤"


@pytest.fixture
def headline(draw, fact, run):
    """The headline chart of the finished demo."""
    rows = [
        fact(mean, ci_low=low, ci_high=high, capacity=capacity, defense=defense, epsilon=epsilon)
        for (defense, epsilon), means in DEMO.items()
        for capacity, (mean, low, high) in zip((1.0, 2.0, 4.0), means, strict=True)
    ]
    rows = [row._replace(n_leaking=0 if row.defense == "natural" else 2) for row in rows]
    runs = [run(f"digits-{at}-0000", defense=own[0], epsilon=own[1], submission=at) for at, own in enumerate(DEMO)]
    return draw("capacity", {"capacity": rows}, rows=runs).chart


@pytest.mark.parametrize("size", [(78, 11), (76, 19), (120, 30)], ids=["80x24", "120x40", "large"])
def test_every_point_of_the_demo_has_a_mark_of_its_own_and_its_interval_a_column(headline, size):
    lines = [line_text(line) for line in draw(headline, *size)]
    canvas = [line for line in lines if "┤" in line[:4] or line.lstrip().startswith("│")]
    places = [
        (column, mark)
        for line in canvas
        for column, mark in enumerate(line)
        if mark in "".join(MARKS[:4]) and column > 2
    ]
    assert len(places) == 12
    assert len({column for column, _ in places}) == 12
    assert sorted(mark for _, mark in places) == sorted("◆●■▲" * 3)
    assert "✱" not in "".join(lines)
    for column, _ in places:
        own = [line[column] for line in canvas]
        assert any(sign in BARS for sign in own), "its interval is not seen in its column"
    said = " ".join(lines)
    assert all(label in said for label in ("◆ natural", "● pgd eps 0.05", "■ pgd eps 0.1", "▲ pgd eps 0.2", "capacity"))


def test_the_x_axis_has_a_name_even_where_it_has_no_line_for_it(headline):
    last = line_text(draw(headline, 78, 11)[-1])
    assert last.split() == ["1", "2", "capacity", "4"]
    assert line_text(draw(headline, 78, 20)[-1]).split() == ["capacity"]
